// The module comes and goes inside a FreeSWITCH that goes on with its calls: load, take-in, unload,
// reload, what keeps it from loading, its commands, loopback legs, and a burst of calls.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { account, configXml, sha256 } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { ANSWERED, ATTEMPTED, call, callee, completed, ended, FAILED, joined, OVER, PLAIN, state, UP, UPRIGHT } from './lib/calls.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const owner = account('owner', { sources: ['127.0.0.0/8'] });
const other = account('other');
const admin = randomUUID();
const SPEC = { settings: { 'rate-limit-per-minute': 0 }, accounts: [owner, other], adminTokens: [admin] };
const BURST = 2000;
// How long a call of a crowd lasts.
const TALK_MS = 400;

describe('the module in FreeSWITCH', () => {
  let fs;
  before(async () => { fs = await FreeSwitch.start({ spec: SPEC }); });
  after(() => fs?.stop());

  const watch = () => new Watch(fs.client(owner.token), callsOf(owner));
  const numbers = async (command) => (await fs.api(command)).match(/\d+/g).map(Number);
  const lines = (from, pattern) => fs.esl.log.slice(from).split('\n').filter((line) => pattern.test(line));

  it('takes in the calls that are up, with their times and states', async (t) => {
    const ringing = await call(t, fs, owner, 'r80', [s.invite(), s.trying(), s.recv(180), s.gate('ringing'), s.cancel(), s.refused(487)]);
    const early = await call(t, fs, owner, 'e83', [s.invite(), s.trying(), s.recv(183), s.gate('early'), s.cancel(), s.refused(487)]);
    const b = await callee(t, fs, owner, [s.accept(), s.gate('up'), s.hungUp()]);
    const a = await call(t, fs, owner, `b${b.port}`, UPRIGHT);
    const invite = await b.invite();
    await Promise.all([ringing.sipp.at('ringing'), early.sipp.at('early'), a.sipp.at('up'), b.sipp.at('up')]);
    const before = watch();
    const one = await before.call(a.callId, 'in-progress'), two = await before.call(invite.callId, 'in-progress');
    await joined(fs, one);
    await fs.unload();
    fs.closeClients();
    await fs.load();

    const calls = watch();
    ringing.check(await calls.call(ringing.callId), state('ringing', 180), ATTEMPTED);
    early.check(await calls.call(early.callId), state('early-media', 183), ATTEMPTED);
    assert.deepEqual(await calls.call(a.callId), one, 'as it was before the module was unloaded');
    assert.deepEqual(await calls.call(invite.callId), two);
    assert.deepEqual(await numbers('voxeme audit'), [4, 0, 0]);

    b.sipp.go(invite.callId);
    await Promise.all([ringing, early, a].map((c) => c.over()));
    await b.sipp.finished();
    ringing.check(await calls.call(ringing.callId, 'no-answer'), ended('no-answer', 487, 'ORIGINATOR_CANCEL'), FAILED);
    early.check(await calls.call(early.callId, 'no-answer'), ended('no-answer', 487, 'ORIGINATOR_CANCEL'), FAILED);
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, one, completed(), OVER);
  });

  it('takes in a call that was transferred, from and to whom it was at first', async (t) => {
    const b = await callee(t, fs, owner, [s.accept(), s.gate('up'), s.calleeBye()]);
    const a = await call(t, fs, owner, '1000', UPRIGHT);
    // To an application, which makes FreeSWITCH turn the parties of the leg round.
    assert.match(await fs.api(`originate {origination_caller_id_number=4711,origination_caller_id_name=Zoe,voxeme_account_sid=${owner.sid}}`
      + `sofia/internal/777@127.0.0.1:${b.port} &park`), /\+OK/);
    const invite = await b.invite();
    await Promise.all([a.sipp.at('up'), b.sipp.at('up')]);
    const before = watch();
    const one = await before.call(a.callId, 'in-progress'), two = await before.call(invite.callId, 'in-progress');
    for (const sid of [one.call_sid, two.call_sid]) {
      await fs.api(`uuid_transfer ${sid} 1001`);
      await fs.until(async () => (await fs.api(`uuid_dump ${sid}`)).includes('Caller-Destination-Number: 1001\n'), 'the transfer');
    }
    assert.match(await fs.api(`uuid_dump ${two.call_sid}`), /^Caller-Caller-ID-Number: (?!4711)/m);
    await fs.unload();
    fs.closeClients();
    await fs.load();
    const calls = watch();
    assert.deepEqual(await calls.call(a.callId), one);
    assert.deepEqual(await calls.call(invite.callId), two);
    b.sipp.go(invite.callId);
    await Promise.all([a.over(), b.sipp.finished()]);
    await Promise.all([a.callId, invite.callId].map((id) => watch().call(id, 'completed')));
  });

  it('reloads what reloadxml has read: accounts, tokens, loopback; nothing when it is wrong', async () => {
    const client = fs.client(other.token);
    const added = account('added', { tokens: [randomUUID()] });
    await fs.configure({ ...SPEC, accounts: [owner, added] });
    assert.match(await fs.api('voxeme reload'), /\+OK/);
    assert.equal((await client.get(callsOf(other))).status, 200, 'without reloadxml nothing is new');
    await fs.api('reloadxml');
    assert.match(await fs.api('voxeme reload'), /\+OK/);
    assert.equal((await client.get(callsOf(other))).status, 401);
    assert.equal((await fs.client(added.token).get(callsOf(added))).status, 200);

    await fs.configure({ ...SPEC, settings: { 'retention-seconds': 'long' } });
    await fs.api('reloadxml');
    assert.match(await fs.api('voxeme reload'), /-ERR .*retention-seconds/);
    assert.equal((await fs.client(added.token).get(callsOf(added))).status, 200, 'as before');
    await fs.configure(SPEC);
    await fs.api('reloadxml');
    assert.match(await fs.api('voxeme reload'), /\+OK/);
  });

  it('with track-loopback legs of mod_loopback count, else not', async (t) => {
    const everything = new Watch(fs.client(admin), '/v1/Calls');
    const legs = async () => {
      const began = new Set((await fs.client(admin).get('/v1/Calls')).json.map((c) => c.call_sid));
      const a = await call(t, fs, owner, 'l000', UPRIGHT);
      await a.sipp.at('up');
      await joined(fs, await everything.call(a.callId, 'in-progress'));
      await a.over();
      await everything.call(a.callId, 'completed');
      return everything.until((all) => all.every((c) => c.terminated_at) && all.filter((c) => !began.has(c.call_sid)), 'all legs to be over');
    };
    await fs.configure({ ...SPEC, settings: { ...SPEC.settings, 'track-loopback': 'true' } });
    await fs.api('reloadxml');
    await fs.api('voxeme reload');
    const tracked = await legs();
    assert.deepEqual(tracked.map((c) => c.direction).sort(), ['inbound', 'inbound', 'outbound']);
    assert.ok(tracked.every((c) => c.call_status === 'completed'), JSON.stringify(tracked, null, 1));
    const parent = tracked.find((c) => c.call_id);
    assert.equal(tracked.find((c) => c.direction === 'outbound').parent_call_sid, parent.call_sid);
    await fs.configure(SPEC);
    await fs.api('reloadxml');
    await fs.api('voxeme reload');
    assert.equal((await legs()).length, 1);
  });

  it('legs of mod_loopback that are up when they cease to be tracked are followed to their end', async (t) => {
    const everything = new Watch(fs.client(admin), '/v1/Calls');
    // Legs of the test before that are still ending would be taken in, and count.
    await fs.until(async () => (await numbers('voxeme audit'))[0] === 0, 'FreeSWITCH to have no channel');
    const began = new Set((await fs.client(admin).get('/v1/Calls')).json.map((c) => c.call_sid));
    const added = (all) => all.filter((c) => !began.has(c.call_sid));
    const track = async (settings) => {
      await fs.configure({ ...SPEC, settings: { ...SPEC.settings, ...settings } });
      await fs.api('reloadxml');
      await fs.api('voxeme reload');
    };
    await track({ 'track-loopback': 'true' });
    // FreeSWITCH makes the channel, then gives it the uuid that was asked for: CHANNEL_UUID.
    const uuid = randomUUID();
    assert.match(await fs.api(`originate {origination_uuid=${uuid}}loopback/1000/default &park`), /\+OK/);
    const a = await call(t, fs, owner, 'l000', UPRIGHT);
    await a.sipp.at('up');
    await joined(fs, await everything.call(a.callId, 'in-progress'));
    const up = added(await everything.until((all) => added(all).length === 5 && added(all).every((c) => c.call_status === 'in-progress') && all, 'all legs'));
    assert.ok(up.some((c) => c.call_sid === uuid && c.direction === 'outbound'), 'by the uuid that was asked for');

    await track();
    assert.match(await fs.api('originate loopback/1000/default &park'), /\+OK/);
    assert.deepEqual(await numbers('voxeme audit'), [7, 0, 0], 'none is given up');
    await a.over();
    await fs.api('hupall NORMAL_CLEARING');
    const ended = added(await everything.until((all) => added(all).every((c) => c.terminated_at) && all, 'all legs to be over'));
    assert.deepEqual(ended.map((c) => c.call_sid).sort(), up.map((c) => c.call_sid).sort(), 'those that began later do not count');
    assert.ok(ended.every((c) => c.call_status === 'completed' && c.termination_reason === 'NORMAL_CLEARING'), JSON.stringify(ended, null, 1));
    await fs.until(async () => (await numbers('voxeme audit'))[0] === 0, 'FreeSWITCH to have no channel');
  });

  it('commands, and what the Tab key offers', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', UPRIGHT);
    await a.sipp.at('up');
    const { call_sid: sid } = await calls.call(a.callId, 'in-progress');
    assert.match(await fs.api('voxeme status'), new RegExp(`^mod_voxeme [\\d.]+ at ${fs.url}\ncalls: 1 inbound and 0 outbound live`));
    assert.match(await fs.api('voxeme accounts'), new RegExp(`^${owner.sid},owner,1,0,\\d+$`, 'm'));
    for (const who of [owner.sid, 'owner']) {
      const all = (await fs.api(`voxeme calls ${who}`)).trim().split('\n');
      const live = (await fs.api(`voxeme calls ${who} live`)).trim().split('\n');
      assert.ok(all.length > live.length);
      assert.deepEqual(live, ['call_sid,direction,call_status,sip_status,from,to', `${sid},inbound,in-progress,200,15083728299,1000`]);
    }
    assert.deepEqual(JSON.parse(await fs.api(`voxeme show ${sid}`)), await calls.call(a.callId));
    assert.match(await fs.api(`voxeme show ${randomUUID()}`), /^-ERR/);
    assert.match(await fs.api('voxeme calls nobody'), /^-ERR/);
    assert.match(await fs.api('voxeme calls owner dead'), /^-ERR/);
    for (const wrong of ['', ' show', ' nothing', ' calls', ' status now', ' calls a b c d e']) assert.match(await fs.api(`voxeme${wrong}`), /^-USAGE: voxeme status/, wrong);
    assert.deepEqual(await numbers('voxeme audit'), [1, 0, 0]);

    const [, token, hash] = /\n([0-9a-f-]{36})\n.*<token sha256="([0-9a-f]{64})"\/>/s.exec(await fs.api('voxeme token'));
    assert.equal(sha256(token), hash);
    assert.ok(!fs.esl.log.includes(token), 'a token is printed once and logged never');

    // FreeSWITCH keeps the words in its database and puts them there in its own time.
    const offers = (line, ...words) => fs.until(async () => {
      const answer = await fs.api(`console_complete c=${line.length};${line}`);
      return words.every((word) => new RegExp(`[\\[ ]${word}\\]|write=\\d+:.*${word}`).test(answer));
    }, `Tab after "${line}" to offer ${words}`);
    await offers('voxeme ', 'status', 'accounts', 'calls', 'show', 'token', 'reload', 'audit');
    await offers('voxeme calls ', 'owner', 'other');
    await offers('voxeme show ', sid);
    await a.over();
    await calls.call(a.callId, 'completed');
  });

  it('what keeps it from loading is one clear line, and FreeSWITCH goes on', async (t) => {
    const up = await call(t, fs, owner, '1000', UPRIGHT);
    await up.sipp.at('up');
    await fs.unload();
    fs.closeClients();
    assert.match(await fs.api('voxeme status'), /^-ERR/, 'no command is left');

    const squatter = createServer();
    await new Promise((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    t.after(() => squatter.close());
    const taken = `127.0.0.1:${squatter.address().port}`;
    const refused = async (text, pattern) => {
      const from = fs.esl.log.length;
      await fs.writeConfig(text);
      await fs.api('reloadxml');
      assert.match(await fs.api('load mod_voxeme'), /-ERR/);
      await fs.esl.logged(/mod_voxeme not loaded: .*\n/, from);
      const ours = lines(from, /mod_voxeme[: ]/).filter((line) => !/switch_loadable_module/.test(line));
      assert.equal(ours.length, 1, ours.join('\n'));
      assert.match(ours[0], pattern);
      assert.match(ours[0], /\[ERR\]/);
    };
    const spec = { ...SPEC, settings: { listen: `127.0.0.1:${fs.httpPort}` } };
    await refused(configXml({ ...spec, settings: { 'no-such-setting': 1 } }), /voxeme\.conf.*no-such-setting/);
    await refused(configXml({ ...spec, settings: { 'retention-seconds': 0 } }), /voxeme\.conf.*retention-seconds/);
    await refused(configXml({ ...spec, accounts: [] }), /no <account> is configured/);
    const withPassword = { ...spec.accounts[0], gateways: [{ name: 'carrier', address: '192.0.2.1', username: 'joe', password: 'geheim' }] };
    await refused(configXml({ ...spec, accounts: [withPassword] }), /gateway 'carrier': username and password belong to a gateway of FreeSWITCH(?!.*geheim)/);
    await refused(configXml({ ...spec, settings: { listen: taken } }), new RegExp(`${taken}.*in use`, 'i'));
    await refused('<configuration name="other.conf"/>', /voxeme\.conf.*cannot be opened/);

    await fs.configure(SPEC);
    await fs.api('reloadxml');
    await fs.load();
    const calls = watch();
    up.check(await calls.call(up.callId), UP, ANSWERED);
    await up.over();
    up.check(await calls.call(up.callId, 'completed'), completed(), OVER);
  });

  it('unloaded and loaded 50 times under traffic', async (t) => {
    const upright = await call(t, fs, owner, '1000', UPRIGHT);
    await upright.sipp.at('up');
    let over = false;
    const traffic = await Sipp.start(t, {
      scenario: s.caller({ from: '15083728299', to: '1001' }, s.talk(TALK_MS)), remote: fs.sip, calls: 300, rate: 40, limit: 40,
    });
    const finished = traffic.finished().finally(() => { over = true; });
    finished.catch(() => {});
    const sizes = [];
    for (let cycle = 0; cycle < 50; cycle++) {
      // Spread over the traffic.
      const calls = traffic.reports('start').length;
      await fs.until(() => over || traffic.reports('start').length > calls, 'traffic');
      // Somebody waits for news while the module goes.
      const held = cycle % 5 === 0 ? fs.client(owner.token).get(`${callsOf(owner)}?wait=20`).catch(() => 'closed') : undefined;
      await fs.unload();
      await held;
      fs.closeClients();
      await fs.load();
      sizes.push(fs.rss());
    }
    await finished;
    t.diagnostic(`resident: ${sizes[9]} KiB after 10 times, ${sizes[49]} KiB after 50`);
    const calls = watch();
    upright.check(await calls.call(upright.callId), UP, ANSWERED);
    await upright.over();
    upright.check(await calls.call(upright.callId, 'completed'), completed(), OVER);

    // FreeSWITCH itself grows with calls: what the module leaves behind shows without them.
    const idle = async (times) => { for (let i = 0; i < times; i++) { await fs.unload(); await fs.load(); } return fs.rss(); };
    const warm = await idle(100), end = await idle(500);
    t.diagnostic(`idle: ${warm} KiB, 500 loads later ${end} KiB`);
    // FreeSWITCH's own allocator drifts by as much with any module; a registry or a server left behind is
    // a hundred times that.
    assert.ok(end - warm < 500 * 16, `FreeSWITCH grew by ${end - warm} KiB in 500 loads of the module`);
  });

  it(`a burst of ${BURST} calls, as many a second as it takes`, async (t) => {
    const sids = new Set();
    const began = Date.now();
    const sipp = await Sipp.start(t, {
      scenario: s.caller({ ...PLAIN, from: '777001', to: '1002' }, s.talk(TALK_MS)), remote: fs.sip, calls: BURST, rate: 2000, limit: 600,
    });
    await sipp.finished({ ms: 120_000 }); // a busy machine takes a hundred a second
    const seconds = (Date.now() - began) / 1000;
    t.diagnostic(`${BURST} calls in ${seconds.toFixed(1)} s: ${Math.round(BURST / seconds)} a second`);
    const client = fs.client(owner.token);
    const list = await new Watch(client, `${callsOf(owner)}?from=777001`).until(
      (all) => all.length >= BURST && all.every((c) => c.terminated_at) && all, 'all to be over');
    assert.equal(list.length, BURST);
    for (const c of list) {
      sids.add(c.call_sid);
      assert.deepEqual([c.call_status, c.sip_status, c.to, c.direction, c.termination_reason], ['completed', 200, '1002', 'inbound', 'NORMAL_CLEARING']);
    }
    assert.equal(sids.size, BURST);
    assert.deepEqual(list.map((c) => c.call_id).sort(), sipp.reports('start').map((r) => r.callId).sort(), 'the Call-IDs are those of SIPp');
    assert.deepEqual((await client.get(`/v1/Accounts/${owner.sid}/CallCount`)).json, { inbound: 0, outbound: 0 });
    await fs.until(async () => (await numbers('voxeme audit'))[0] === 0, 'FreeSWITCH to have no channel');
    assert.equal((await numbers('voxeme audit'))[2], 0, 'none was lost');
  });
});
