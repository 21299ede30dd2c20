// Far ends that ask a call of the API for credentials (401, 407): those of a gateway, and those of the POST.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import test from 'node:test';
import { account, configXml } from './lib/config.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import * as s from './lib/scenario.mjs';
import { header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { PATIENCE_MS } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const JOE = { username: 'joe', password: 'geheim: "0123456789"' };
const ADMIN = 'the-admin-token-of-this-test';
const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const REALM = 'realm="sip.example", nonce="b2f1c0"';

// What nobody may find: not in the log, /metrics, an answer, or SIP.
async function start(t, { gateway, ...spec } = {}) {
  const owner = account('owner', { gateways: gateway ? [gateway] : [] });
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [ADMIN], routes: [], ...spec, settings: { 'log-level': 'debug', ...spec.settings } });
  const client = sw.client(owner.token);
  const texts = [];
  const send = async (method, path, content, headers = {}) => {
    const answer = await client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json', ...headers }, body: content && JSON.stringify(content) });
    texts.push(answer.text);
    return answer;
  };
  const create = async (fields, headers) => {
    const answer = await send('POST', '', { from: '15083728299', call_hook: 'https://example.com/hook', ...speech, ...fields }, headers);
    assert.equal(answer.status, 201, answer.text);
    return answer.json.sid;
  };
  const watch = new Watch(client, callsOf(owner));
  const becomes = (sid, status) => watch.until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === status), `${sid} to be ${status}`);
  const admin = sw.client(ADMIN);
  const keptSecret = async () => {
    texts.push((await client.get(callsOf(owner))).text, (await admin.get('/metrics')).text, sw.stderr, sw.stdout);
    for (const text of texts) assert.doesNotMatch(text, /geheim/);
  };
  const challenges = (answer) => read(admin, 'voxeme_sip_challenges_total', `answer="${answer}"`);
  return { sw, send, create, becomes, keptSecret, challenges, client, owner };
}

const to = (sipp, { transport = 'udp', auth = JOE } = {}) =>
  ({ type: 'sip', sipUri: `sip:bob@${sipp.address}${transport === 'tcp' ? ';transport=tcp' : ''}`, auth });

// The response as RFC 7616 has it, worked out anew.
function checkAnswer(message, name, { username, password }, algorithm = 'md5') {
  const value = header(message, name);
  const parameter = (key) => new RegExp(`[ ,]${key}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^",]*))`).exec(value)?.slice(1).find((text) => text !== undefined)?.replace(/\\(.)/g, '$1');
  const hash = (text) => createHash(algorithm).update(text).digest('hex');
  const [, method, uri] = /^(\S+) (\S+) SIP/.exec(message);
  assert.equal(parameter('uri'), uri);
  assert.equal(parameter('username'), username);
  const a1 = hash(`${username}:${parameter('realm')}:${password}`), a2 = hash(`${method}:${uri}`), nonce = parameter('nonce');
  const qop = parameter('qop');
  assert.equal(parameter('response'), hash(qop ? [a1, nonce, parameter('nc'), parameter('cnonce'), qop, a2].join(':') : `${a1}:${nonce}:${a2}`));
  assert.doesNotMatch(message, /geheim/);
  return parameter;
}

for (const transport of ['udp', 'tcp']) {
  test(`a call, and what is sent within it, with the credentials of the POST: 401 over ${transport}`, async (t) => {
    const { send, create, becomes, keptSecret, challenges } = await start(t);
    const sipp = await Sipp.start(t, {
      transport,
      scenario: s.callee(s.challenge('INVITE', 401, 'invite again', `${REALM}, qop="auth,auth-int", opaque="o"`, JOE), s.provisional('180 Ringing'), s.accept(),
        s.recv('INFO'), s.challenge('INFO', 401, 'info again', REALM, JOE), s.okay(), s.recv('BYE'), s.challenge('BYE', 401, 'bye again', REALM, JOE), s.okay()),
    });
    const sid = await create({ to: to(sipp, { transport }) });
    const first = (await sipp.at('invite')).message, { message: again, valid } = await sipp.at('invite again');
    assert.doesNotMatch(first, /uthorization:/);
    assert.equal(valid, 'true');
    const parameter = checkAnswer(again, 'Authorization', JOE);
    assert.deepEqual(['nc', 'opaque', 'qop'].map(parameter), ['00000001', 'o', 'auth']);
    assert.equal(header(again, 'Call-ID'), header(first, 'Call-ID'));
    await becomes(sid, 'in-progress');
    assert.equal((await send('PUT', `/${sid}`, { dtmf: { digit: '1' } })).status, 204);
    assert.equal((await send('PUT', `/${sid}`, { call_status: 'completed' })).status, 204);
    for (const label of ['info again', 'bye again']) {
      const answer = await sipp.at(label);
      assert.equal(answer.valid, 'true', label);
      checkAnswer(answer.message, 'Authorization', JOE);
    }
    await sipp.finished();
    await becomes(sid, 'completed');
    assert.deepEqual(await Promise.all(['sent', 'refused', 'none'].map(challenges)), [3, 0, 0]);
    await keptSecret();
  });

  const target = transport === 'tcp' ? 'a SIP URI' : 'a gateway';
  test(`${target} with credentials: 407 over ${transport}`, async (t) => {
    const sipp = await Sipp.start(t, {
      transport, scenario: s.callee(s.challenge('INVITE', 407, 'invite again', `realm="a \\"realm\\"", nonce="n", algorithm=SHA-256, qop="auth"`), s.accept(), s.hungUp()),
    });
    const { send, create, becomes, keptSecret } = await start(t, { gateway: { name: 'carrier', address: sipp.address, ...JOE, username: 'jo"e' } });
    if (transport === 'tcp') {
      const sid = await create({ to: to(sipp, { transport }) });
      checkAnswer((await sipp.at('invite again')).message, 'Proxy-Authorization', JOE, 'sha256');
      await becomes(sid, 'in-progress');
      await send('DELETE', `/${sid}`);
    } else {
      const sid = await create({ to: { type: 'phone', number: '+15083084809' } });
      checkAnswer((await sipp.at('invite again')).message, 'Proxy-Authorization', { ...JOE, username: 'jo"e' }, 'sha256');
      await becomes(sid, 'in-progress');
      await send('PUT', `/${sid}`, { call_status: 'completed' });
    }
    await sipp.finished();
    await keptSecret();
  });
}

test('a wrong password ends the call, with the status of the refusal', async (t) => {
  const { create, becomes, keptSecret, challenges } = await start(t);
  for (const status of [401, 407]) {
    const name = status === 401 ? 'WWW' : 'Proxy';
    const sipp = await Sipp.start(t, {
      scenario: s.callee(s.challenge('INVITE', status, 'invite again', REALM, { ...JOE, password: 'another' }),
        s.decline(`${status} No\n${name}-Authenticate: Digest realm="sip.example", nonce="another"`)),
    });
    const sid = await create({ to: to(sipp) });
    if (status === 401) assert.equal((await sipp.at('invite again')).valid, 'false');
    const call = await becomes(sid, 'failed');
    assert.equal(call.sip_status, status);
    await sipp.finished();
  }
  assert.deepEqual(await Promise.all(['sent', 'refused', 'none'].map(challenges)), [2, 2, 0]);
  await keptSecret();
});

test('no credentials: the call ends as it did', async (t) => {
  const { create, becomes, challenges } = await start(t);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.decline(`401 Who\nWWW-Authenticate: Digest ${REALM}`)) });
  const sid = await create({ to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` } });
  assert.equal((await becomes(sid, 'failed')).sip_status, 401);
  assert.equal(await challenges('none'), 1);
  await sipp.finished();
});

test('a nonce that was stale is taken anew', async (t) => {
  const { create, becomes } = await start(t);
  const sipp = await Sipp.start(t, {
    scenario: s.callee(s.challenge('INVITE', 401, 'second', REALM, JOE), s.challenge('INVITE', 401, 'third', 'realm="sip.example", nonce="fresh", stale=true', JOE),
      s.decline('486 Busy Here')),
  });
  const sid = await create({ to: to(sipp) });
  assert.equal((await sipp.at('second')).valid, 'true');
  const third = await sipp.at('third');
  assert.equal(third.valid, 'true');
  assert.equal(checkAnswer(third.message, 'Authorization', JOE)('nonce'), 'fresh');
  await becomes(sid, 'busy');
  await sipp.finished();
});

const ENDS = [
  ['PUT', (send, sid) => send('PUT', `/${sid}`, { call_status: 'no-answer' }), {}, 487],
  ['DELETE', (send, sid) => send('DELETE', `/${sid}`), {}, 487],
  ['its timeout', () => {}, { timeout: 1 }, 480],
];
for (const [what, end, fields, status] of ENDS) {
  test(`a call that was challenged is ended by ${what}`, async (t) => {
    const { send, create, becomes, keptSecret } = await start(t);
    const sipp = await Sipp.start(t, { scenario: s.callee(s.challenge('INVITE', 401, 'again', REALM), s.provisional('180 Ringing'), s.cancelled()) });
    const sid = await create({ to: to(sipp), ...fields });
    await sipp.at('again');
    await becomes(sid, 'ringing');
    await end(send, sid);
    await sipp.at('cancel');
    await sipp.finished();
    const call = (await send('GET', `/${sid}`)).json;
    assert.deepEqual([call.call_status, call.sip_status], ['no-answer', status]);
    await keptSecret();
  });
}

// The CANCEL is on its way when the challenge comes: the INVITE must not come again.
test('a call that is ended before it is challenged', async (t) => {
  const { send, create, becomes, challenges } = await start(t);
  const sipp = await Sipp.start(t, {
    scenario: s.callee(s.provisional('180 Ringing'), s.recv('CANCEL'), s.okay(), s.decline(`401 Who\nWWW-Authenticate: Digest ${REALM}`)),
  });
  const sid = await create({ to: to(sipp) });
  await becomes(sid, 'ringing');
  assert.equal((await send('PUT', `/${sid}`, { call_status: 'no-answer' })).status, 204);
  await sipp.finished();
  await becomes(sid, 'no-answer');
  assert.equal(await challenges('sent'), 0);
});

test('a repeated request is known by more than its password, and that is not kept', async (t) => {
  const { send, create, becomes, keptSecret } = await start(t);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.challenge('INVITE', 401, 'again', REALM, JOE), s.decline('486 Busy Here')) });
  const headers = { 'Idempotency-Key': 'k' }, target = to(sipp);
  const sid = await create({ to: target }, headers);
  assert.equal(await create({ to: target }, headers), sid);
  await sipp.finished();
  await becomes(sid, 'busy');
  const other = await send('POST', '', { from: '15083728299', call_hook: 'https://example.com/hook', ...speech, to: { ...target, auth: { ...JOE, password: 'geheim' } } }, headers);
  assert.equal(other.status, 422, other.text);
  await keptSecret();
});

// Whether the writable memory of a process holds a text.
async function holds(pid, text) {
  const maps = (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n').map((line) => /^(\w+)-(\w+) rw/.exec(line)).filter(Boolean);
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const [, from, until] of maps) {
      const start = Number.parseInt(from, 16), bytes = Buffer.alloc(Number.parseInt(until, 16) - start);
      await memory.read(bytes, 0, bytes.length, start).catch(() => {}); // what is mapped and not there
      if (bytes.includes(text)) return true;
    }
    return false;
  } finally {
    await memory.close();
  }
}

// A core file of later would have what memory has. (A sanitizer's own memory is too large to look through.)
test('nothing in memory has a password when its call is over', { skip: Boolean(process.env.VOXEME_TEST_SLOW) }, async (t) => {
  const { sw, send, create, becomes } = await start(t);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.challenge('INVITE', 401, 'again', REALM, JOE), s.accept(), s.hungUp()) });
  const sid = await create({ to: to(sipp, { auth: JOE }) }, { 'Idempotency-Key': 'k' });
  await becomes(sid, 'in-progress');
  assert.equal(await holds(sw.pid, JOE.password), true, 'while it may be asked for');
  await send('PUT', `/${sid}`, { call_status: 'completed' });
  await sipp.finished();
  await becomes(sid, 'completed');
  const began = Date.now();
  while (await holds(sw.pid, JOE.password)) assert.ok(Date.now() - began < PATIENCE_MS, 'the password is there still');
  assert.equal(await holds(sw.pid, 'geheim: \\"'), false, 'nor as the request had it');
});

// Whichever way the bytes of a request have come, and whatever became of it.
test('nothing in memory has the password of a request that was refused, cut off, or one of several', { skip: Boolean(process.env.VOXEME_TEST_SLOW) }, async (t) => {
  const { sw, owner } = await start(t);
  const request = (password, token = owner.token) => {
    const body = JSON.stringify({ call_hook: 'https://example.com/', ...speech, to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1', auth: { ...JOE, password } } });
    return `POST ${callsOf(owner)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
  const secrets = ['cut-off', 'several-1', 'several-2', 'several-3', 'nobody'].map((name) => `geheim-${name}`);
  const answers = (n, status) => (all) => all.split(`HTTP/1.1 ${status} `).length === n + 1;
  const cut = await Raw.open(sw.httpPort), several = await Raw.open(sw.httpPort), nobody = await Raw.open(sw.httpPort);
  cut.write(request(secrets[0]).slice(0, -5));
  several.write(secrets.slice(1, 4).map((secret) => request(secret)).join('')); // 400: there is no `from`
  await several.until(answers(3, 400), 'three answers');
  nobody.write(request(secrets[4], 'nobody'));
  await nobody.until(answers(1, 401), 'a refusal');
  for (const raw of [cut, several, nobody]) raw.destroy();
  const began = Date.now();
  for (const secret of secrets) while (await holds(sw.pid, secret)) assert.ok(Date.now() - began < PATIENCE_MS, `${secret} is there still`);
});

test('nothing in memory has the token of a request that has waited', { skip: Boolean(process.env.VOXEME_TEST_SLOW) }, async (t) => {
  const { sw, owner, client } = await start(t);
  const { headers } = await client.get(callsOf(owner));
  const gone = async (began = Date.now()) => { while (await holds(sw.pid, owner.token)) assert.ok(Date.now() - began < PATIENCE_MS, 'the token is there still'); };
  const waits = async (began = Date.now()) => { while (!await holds(sw.pid, owner.token)) assert.ok(Date.now() - began < PATIENCE_MS, 'it does not wait'); };
  await gone();
  for (const ends of ['by itself', 'cut off']) {
    const raw = await Raw.open(sw.httpPort);
    raw.write(`GET ${callsOf(owner)}?wait=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nIf-None-Match: ${headers.etag}\r\n\r\n`);
    await waits();
    if (ends === 'by itself') await raw.until((all) => all.includes('304 '), 'no change');
    raw.destroy();
    await gone();
  }
});

test('what is wrong in to.auth is said, and no more of it', async (t) => {
  const { send, keptSecret } = await start(t);
  const bad = [['geheim', /to\.auth must be an object/], [{ username: 'joe' }, /to\.auth\.password is missing/], [{ password: 'geheim' }, /username is missing/],
    [{ ...JOE, password: 'geheim\n' }, /password has a control/], [{ ...JOE, password: 'geheim'.repeat(43) }, /password must have 1 to 255/], [{ ...JOE, username: ['geheim'] }, /must be a text/]];
  for (const [auth, msg] of bad) {
    const answer = await send('POST', '', { from: '1', call_hook: 'https://example.com/', ...speech, to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1', auth } });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json.msg, msg);
  }
  await keptSecret();
});

test('a reload takes a gateway\'s new password, and does not tell a bad one', async (t) => {
  const sipp = await Sipp.start(t, { scenario: s.callee(s.challenge('INVITE', 407, 'again', REALM), s.decline('486 Busy Here')) });
  const gateway = { name: 'carrier', address: sipp.address, ...JOE };
  const { sw, create, owner, keptSecret } = await start(t, { gateway: { ...gateway, password: 'old' } });
  const spec = (gateways) => ({ ...sw.spec, accounts: [{ ...owner, gateways }] });
  await sw.writeConfig(configXml(spec([{ ...gateway, password: `geheim${'x'.repeat(255)}` }])));
  await sw.reload(undefined, /gateway: password must have 1 to 255 bytes/);
  await sw.reload(spec([gateway]));
  await create({ to: { type: 'phone', number: '1508' } });
  checkAnswer((await sipp.at('again')).message, 'Proxy-Authorization', JOE);
  await sipp.finished();
  await keptSecret();
});
