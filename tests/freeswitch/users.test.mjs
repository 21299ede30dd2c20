// Users of FreeSWITCH's directory: calls that authenticate belong to the account of the user's
// domain, and calls to a registered user are calls like any other.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import { freePort } from '../e2e/lib/ports.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { ANSWERED, call, callee, completed, header, joined, OVER, UP } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const DOMAIN = 'secured.example', OTHER = 'tenant.example';
// Where the calls come from and what they ask for belong to somebody else: only who authenticated tells.
const owner = account('owner', { sources: ['127.0.0.0/8'] });
const tenant = account('tenant', { realms: [OTHER] });
const secured = account('secured', { realms: [DOMAIN] });
const coded = account('coded');
const SECRET = 'n0t-in-any-log';
const APPLICATION = '9984fdc5-89ec-4ffe-9cee-880255a46253';
const directory = [{
  name: DOMAIN,
  users: [
    { id: '100', password: SECRET },
    { id: '103', password: SECRET },
    { id: '101', password: SECRET, variables: { accountcode: 'coded' } },
    { id: '102', password: SECRET, variables: { voxeme_account_sid: coded.sid, voxeme_application_sid: APPLICATION } },
  ],
}];
const SPEECH = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const dialplan = [extension('voxeme', ['log', 'NOTICE seen ${voxeme_call_hook}'], 'park'), extension('u(\\d+)', ['bridge', `user/$1@${DOMAIN}`])];

const md5 = (text) => createHash('md5').update(text).digest('hex');

// The answer to a challenge (RFC 2617, section 3.2.2).
function credentials(challenge, { user, method, uri }) {
  const part = (name) => new RegExp(`${name}="?([^",]+)`).exec(challenge)[1];
  const realm = part('realm'), nonce = part('nonce'), cnonce = md5(nonce).slice(0, 16);
  const response = md5([md5(`${user}:${realm}:${SECRET}`), nonce, '00000001', cnonce, 'auth', md5(`${method}:${uri}`)].join(':'));
  return `Digest username="${user}",realm="${realm}",nonce="${nonce}",uri="${uri}",response="${response}",algorithm=MD5,cnonce="${cnonce}",qop=auth,nc=00000001`;
}

// Sends a request, is challenged, and sends it again with what the test gives to go().
const challenged = (method, status, name, first, again) => (c) => [
  first(c), ...(method === 'INVITE' ? [s.trying(), ...s.refused(status)(c)] : [s.recv(status)]),
  s.gateFor('challenged', 'credentials'), again(c, `${name}:[$credentials]`),
];

const inviteAgain = (c, authorization) => s.invite({ headers: [authorization] })(c).replace('CSeq: 1 ', 'CSeq: 2 ').replace(/branch=\S+/, '$&-again');

const UPRIGHT = [challenged('INVITE', 407, 'Proxy-Authorization', s.invite(), inviteAgain), s.trying(), s.recv(200, { rrs: true }),
  (c) => s.acknowledge()(c)[0].replace('CSeq: 1 ', 'CSeq: 2 '), s.gate('up'), s.bye({ cseq: 3 })];

const register = (c, authorization = []) => [
  '<send retrans="500"><![CDATA[', '', `REGISTER sip:${DOMAIN} SIP/2.0`,
  `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${authorization.length}`,
  c.from, c.to, 'Call-ID: [call_id]', `CSeq: ${authorization.length ? 2 : 1} REGISTER`, c.contact, 'Max-Forwards: 70', 'Expires: 60',
  ...[authorization].flat(), 'Content-Length: 0', '', ']]></send>'].join('\n');

describe('users of the directory', () => {
  let fs;
  before(async () => { fs = await FreeSwitch.start({ spec: { accounts: [owner, tenant, secured, coded] }, dialplan, directory }); });
  after(() => fs?.stop());

  const watch = (who) => new Watch(fs.client(who.token), callsOf(who));
  const remote = () => `127.0.0.1:${fs.usersPort}`;

  async function authenticated(t, who, user, to, toHost = '127.0.0.1') {
    const party = { from: user, name: user, host: DOMAIN, toHost };
    const a = await call(t, fs, who, to, UPRIGHT, { party, remote: remote() });
    const { message } = await a.sipp.at('challenged');
    a.sipp.go(a.callId, credentials(header(message, 'Proxy-Authenticate'), { user, method: 'INVITE', uri: `sip:${to}@${toHost}` }));
    await a.sipp.at('up');
    return a;
  }

  for (const [name, who, user, rest, toHost] of [
    ['by the domain of the user that authenticated', secured, '100', {}],
    ['by it also when the request names another account\'s domain', secured, '100', {}, OTHER],
    ['by the accountcode of the user', coded, '101', {}],
    ['by the voxeme_account_sid of the user', coded, '102', { application_sid: APPLICATION }],
  ]) {
    it(name, async (t) => {
      const calls = watch(who);
      const a = await authenticated(t, who, user, '1000', toHost);
      a.check(await calls.call(a.callId, 'in-progress'), { ...UP, ...rest }, ANSWERED);
      await a.over();
      a.check(await calls.call(a.callId, 'completed'), { ...completed(), ...rest }, OVER);
    });
  }

  // Where it is called.
  async function registered(t, user) {
    const port = await freePort();
    const phone = await Sipp.start(t, {
      scenario: s.caller({ from: user, to: user, host: DOMAIN, toHost: DOMAIN }, challenged('REGISTER', 401, 'Authorization', register, register), s.recv(200)),
      remote: remote(), port,
    });
    const { callId: registration } = await phone.at('start');
    const { message } = await phone.at('challenged');
    phone.go(registration, credentials(header(message, 'WWW-Authenticate'), { user, method: 'REGISTER', uri: `sip:${DOMAIN}` }));
    await phone.finished();
    return port;
  }

  const post = (name, fields = {}) => fs.client(secured.token).request('POST', callsOf(secured), {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ from: '15083728299', to: { type: 'user', name }, call_hook: 'https://example.com/', ...SPEECH, ...fields }),
  });

  it('a call of the API to a registered user', async (t) => {
    const calls = watch(secured);
    const b = await Sipp.start(t, { port: await registered(t, '102'), scenario: s.callee(s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()) });
    const answer = await post('102', { tag: { order: 7 }, callerName: 'Zoë', headers: { 'X-One': '1, 2' }, timeLimit: 60 });
    assert.equal(answer.status, 201, answer.text);
    const becomes = (status) => calls.until((all) => all.find((c) => c.call_sid === answer.json.sid && c.call_status === status), `it to be ${status}`);
    const rings = await becomes('ringing');
    // The account is the one that asked, whatever the directory sets for the user.
    assert.deepEqual([rings.account_sid, rings.direction, rings.from, rings.to, rings.caller_name, rings.tag],
      [secured.sid, 'outbound', '15083728299', '102', 'Zoë', { order: 7 }]);
    const invite = await b.at('invite');
    assert.equal(invite.callId, rings.call_id);
    assert.equal(header(invite.message, 'X-One'), '1, 2');
    b.go(invite.callId);
    await becomes('in-progress');
    await fs.esl.logged(/seen https:\/\/example\.com\//, 'it is in the dialplan');
    const del = await fs.client(secured.token).request('DELETE', `${callsOf(secured)}/${answer.json.sid}`);
    assert.equal(del.status, 204, del.text);
    await b.finished();
    assert.equal((await becomes('completed')).termination_reason, 'NORMAL_CLEARING');
  });

  it('a call of the API to a registered user who is busy', async (t) => {
    const calls = watch(secured);
    const b = await Sipp.start(t, { port: await registered(t, '103'), scenario: s.callee(s.decline('486 Busy Here')) });
    const { json } = await post(`103@${DOMAIN}`);
    await b.finished();
    const call = await calls.until((all) => all.find((c) => c.call_sid === json.sid && c.call_status === 'busy'), 'it to be busy');
    assert.deepEqual([call.to, call.sip_status], ['103', 486]);
  });

  it('calls of the API to users who are not there end as FreeSWITCH says', async () => {
    const calls = watch(secured);
    for (const [name, reason] of [['999', 'SUBSCRIBER_ABSENT'], ['101', 'USER_NOT_REGISTERED']]) {
      const answer = await post(name);
      assert.equal(answer.status, 201, answer.text);
      const call = await calls.until((all) => all.find((c) => c.call_sid === answer.json.sid && c.terminated_at), `${name} to end`);
      assert.deepEqual([call.to, call.call_status, call.sip_status, call.termination_reason], [name, 'no-answer', 480, reason]);
      assert.match(await fs.api(`uuid_exists ${call.call_sid}`), /false/);
    }
    for (const name of [`100@${OTHER}`, '100,101', '100/101', '${hostname}', '[a=b]100', `100@${DOMAIN},loopback/1`]) {
      const answer = await post(name);
      assert.equal(answer.status, 400, `${name}: ${answer.text}`);
    }
  });

  it('a call to a registered user', async (t) => {
    const calls = watch(secured);
    const port = await registered(t, '100');
    const b = await callee(t, fs, secured, [s.accept(), s.hungUp()], { port });
    const a = await authenticated(t, secured, '100', 'u100');
    const invite = await b.invite();
    const parent = await calls.call(a.callId, 'in-progress');
    const leg = await calls.call(invite.callId, 'in-progress');
    b.check(leg, invite, parent, UP, ANSWERED, { name: '100' });
    await joined(fs, parent, leg);
    await a.over();
    await b.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, parent, completed(), OVER, { name: '100' });
  });
});
