// Status webhooks out of FreeSWITCH, whose process has libcurl for itself, too.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import { freePort } from '../e2e/lib/ports.mjs';
import { gate, Receiver, verify } from '../e2e/lib/receiver.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { deadline } from '../e2e/lib/wait.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { call, callee } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const SECRET = 'wh_secret_of_the_tests';
const SPEECH = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const COMPLETED = ['trying', 'ringing', 'in-progress', 'completed'];

// Accounts are told apart by the address that calls come from.
const HOSTS = { owner: '127.0.0.1', down: '127.0.0.2', hangs: '127.0.0.3', mute: '127.0.0.4' };
const withHook = (name, url) => ({ ...account(name, { sources: [`${HOSTS[name]}/32`] }), webhook: { url, secret: SECRET } });

// Takes connections and says nothing, not even of TLS.
async function silence(t) {
  const sockets = [];
  let wake = () => {};
  const server = createServer((socket) => { sockets.push(socket); socket.on('error', () => {}); wake(); });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { for (const socket of sockets) socket.destroy(); server.close(); });
  const connected = async (count) => { while (sockets.length < count) await new Promise((resolve) => { wake = resolve; }); };
  return { port: server.address().port, connected: (count) => deadline(connected(count), `${count} connections`) };
}

describe('status webhooks', () => {
  let fs, client, owner;
  const settings = { 'webhook-allow': '127.0.0.0/8', 'freeswitch-profile': 'internal', 'rate-limit-per-minute': 0, 'webhook-timeout-seconds': 60 };
  before(async () => {
    fs = await FreeSwitch.start({
      spec: { settings, accounts: [account('owner')] }, dialplan: [extension('voxeme', 'answer', 'park')], profile: { 'rtp-timer-name': 'soft' },
      env: { http_proxy: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' },
    });
  });
  after(() => fs?.stop());

  async function configure(...accounts) {
    [owner] = accounts;
    await fs.configure({ settings, accounts });
    await fs.api('reloadxml');
    assert.match(await fs.api('voxeme reload'), /\+OK/);
    client = fs.client(owner.token);
  }

  // Until the module knows of its end, which FreeSWITCH tells it after SIPp.
  const busy = async (t, name) => {
    const { sipp, callId } = await call(t, fs, owner, '486', [s.invite(), s.trying(), s.refused(486)], { host: HOSTS[name] });
    await sipp.finished();
    const who = fs.spec.accounts.find((a) => a.name === name);
    await new Watch(fs.client(who.token), callsOf(who)).call(callId, 'busy');
  };
  const told = (receiver, sid, ...statuses) =>
    receiver.until(() => receiver.statuses(sid).length === statuses.length, `${statuses}`).then(() => assert.deepEqual(receiver.statuses(sid), statuses));

  it('an account\'s hook is told of both legs, in order and signed', async (t) => {
    const receiver = await Receiver.start(t);
    await configure(withHook('owner', receiver.url));
    const b = await callee(t, fs, owner, [s.provisional('180 Ringing'), s.accept(), s.hungUp()]);
    const a = await call(t, fs, owner, `b${b.port}`, [s.invite(), s.trying(), s.recv(180), s.answered(), s.gate('up'), s.bye()]);
    await a.sipp.at('up');
    await receiver.until((all) => all.filter((r) => r.said.call_status === 'in-progress').length === 2, 'both legs to be up');
    await a.over();
    await b.sipp.finished();
    await receiver.until((all) => all.filter((r) => r.said.call_status === 'completed').length === 2, 'both legs to be over');
    const [inbound, dialled] = ['inbound', 'outbound'].map((d) => receiver.requests.find((r) => r.said.direction === d).said.call_sid);
    for (const sid of [inbound, dialled]) assert.deepEqual(receiver.statuses(sid), COMPLETED);
    for (const { said, headers, body } of receiver.requests) {
      verify(headers['voxeme-signature'], body, SECRET);
      assert.equal(said.account_sid, owner.sid);
      assert.equal(said.parent_call_sid, said.call_sid === dialled ? inbound : undefined);
    }
  });

  it('a call\'s own hook, and the one it is sent elsewhere with', async (t) => {
    const [elsewhere, first, second] = [await Receiver.start(t), await Receiver.start(t), await Receiver.start(t)];
    await configure(withHook('owner', elsewhere.url));
    const send = (method, path, content) => client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.gate('rings'), s.accept(), s.gate('up'), s.calleeBye()) });
    const made = await send('POST', '', {
      from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${b.address}` }, call_hook: 'https://example.com/hook', call_status_hook: first.url, tag: { order: 7 }, ...SPEECH,
    });
    assert.equal(made.status, 201, made.text);
    const { sid } = made.json;
    const { callId } = await b.at('rings');
    await told(first, sid, 'trying', 'ringing');
    b.go(callId);
    await told(first, sid, 'trying', 'ringing', 'in-progress');
    const moved = await send('PUT', `/${sid}`, { call_hook: '/next', call_status_hook: { url: second.url, method: 'POST' } });
    assert.equal(moved.status, 204, moved.text);
    await b.at('up');
    b.go(callId);
    await b.finished();
    await told(second, sid, 'completed');
    for (const { headers, body, said } of [...first.requests, ...second.requests]) {
      verify(headers['voxeme-signature'], body, SECRET);
      assert.deepEqual(said.customerData, { order: 7 });
    }
    assert.deepEqual([first.requests.length, elsewhere.requests.length], [3, 0]);
  });

  it('a receiver that is down keeps nobody waiting, and gets all when it is back', async (t) => {
    const port = await freePort('127.0.0.1');
    const works = await Receiver.start(t);
    await configure(withHook('owner', works.url), withHook('down', `http://127.0.0.1:${port}/status`));
    const from = fs.esl.log.length;
    await busy(t, 'down');
    await fs.esl.logged(/webhooks of account .* fail: Couldn't connect/, from);
    await busy(t, 'owner');
    await told(works, undefined, 'trying', 'busy');
    const back = await Receiver.start(t, { port });
    await told(back, undefined, 'trying', 'busy');
  });

  it('the module is unloaded while webhooks wait: soon, and FreeSWITCH goes on', async (t) => {
    const held = gate();
    t.after(() => held.open(200));
    const [works, hangs, mute] = [await Receiver.start(t), await Receiver.start(t, { answer: () => held.opened }), await silence(t)];
    const accounts = [withHook('owner', works.url), withHook('hangs', hangs.url), withHook('mute', `https://127.0.0.1:${mute.port}/`)];
    await configure(...accounts);
    const up = await call(t, fs, owner, '1000', [s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye()]);
    await up.sipp.at('up');
    for (let cycle = 1; cycle <= 3; cycle++) {
      const from = fs.esl.log.length;
      await Promise.all(['hangs', 'hangs', 'mute'].map((name) => busy(t, name)));
      await Promise.all([hangs.until((all) => all.length >= cycle), mute.connected(cycle)]);
      const began = Date.now();
      await fs.unload();
      const ms = Date.now() - began;
      t.diagnostic(`unloaded in ${ms} ms`);
      assert.ok(ms < 3000, `${ms} ms`);
      await fs.esl.logged(/webhooks: 6 statuses were not delivered before the end/, from);
      fs.closeClients();
      await fs.load();
    }
    const began = works.requests.length;
    await busy(t, 'owner');
    await works.until((all) => all.slice(began).some((r) => r.said.call_status === 'busy'), 'the module to tell again');
    await up.over();
    await works.until((all) => all.some((r) => r.said.call_status === 'completed'), 'the call that was up all the time');
  });
});
