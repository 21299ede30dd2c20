// Status webhooks: a receiver in node, calls by SIPp.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { ANSWER, BUSY, busyCall, RING } from './lib/calls.mjs';
import { account, demo, route } from './lib/config.mjs';
import { read } from './lib/metrics.mjs';
import { freePort } from './lib/ports.mjs';
import { gate, Receiver, verify } from './lib/receiver.mjs';
import * as s from './lib/scenario.mjs';
import { Sipp } from './lib/sipp.mjs';
import { run, Switch } from './lib/switch.mjs';
import { deadline } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const SECRET = 'wh_secret_of_the_tests', OTHER_SECRET = 'wh_secret_after_reload';
const ADMIN = 'admin-token-of-the-tests';
const ALLOW = { 'webhook-allow': '127.0.0.0/8' };
// No test may go through a proxy.
process.env.http_proxy = process.env.https_proxy = process.env.all_proxy = 'http://127.0.0.1:1';

const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};

const withHook = (receiver, more = {}, of = demo()) => ({ ...of, webhook: { url: receiver.url, secret: SECRET, ...more } });

async function setup(t, accounts, { settings = ALLOW, routes = [RING, BUSY, ANSWER], sip } = {}) {
  const sw = await Switch.start(t, { accounts, settings, routes, sip, adminTokens: [ADMIN] });
  const admin = sw.client(ADMIN);
  return {
    sw,
    metric: (name, labels) => read(admin, `voxeme_webhook_${name}`, labels),
    // Waits for a counter: what it counts has no other sign.
    becomes: (name, labels, enough) => deadline((async () => {
      while (!enough(await read(admin, `voxeme_webhook_${name}`, labels))) await new Promise((resolve) => { setTimeout(resolve, 20); });
    })(), `${name}{${labels}} to be enough`),
  };
}

// Two accounts told apart by the address that calls come from.
const TROUBLED = '127.0.0.2', FINE = '127.0.0.3';
const troubled = () => account('troubled', { sources: [`${TROUBLED}/32`] });
const fine = () => account('fine', { sources: [`${FINE}/32`] });

async function makeCall(sw, owner, sipp, fields = {}) {
  const answer = await sw.client(owner.token).request('POST', callsOf(owner), {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` }, call_hook: 'https://example.com/hook', ...speech, ...fields }),
  });
  return answer;
}

const told = (receiver, sid, ...statuses) =>
  receiver.until(() => statuses.length === receiver.statuses(sid).length, `${statuses}`).then(() => assert.deepEqual(receiver.statuses(sid), statuses));

test('a call\'s own hook is told every status, in order, signed, with the tag', async (t) => {
  const [receiver, elsewhere] = [await Receiver.start(t), await Receiver.start(t)];
  const owner = withHook(elsewhere);
  const { sw } = await setup(t, [owner]);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.provisional('183 Session Progress', s.sdp()), s.gate('rung'), s.accept(), s.gate('up'), s.calleeBye()) });
  const answer = await makeCall(sw, owner, sipp, { tag: { order: 7 }, call_status_hook: { url: receiver.url, method: 'POST', username: 'bob', password: 'p4ss-w0rd' } });
  assert.equal(answer.status, 201, answer.text);
  const { sid } = answer.json;
  await told(receiver, sid, 'trying', 'ringing', 'early-media');
  const { callId } = await sipp.at('rung');
  sipp.go(callId);
  await receiver.until((all) => all.length === 4);
  sipp.go(callId);
  await told(receiver, sid, 'trying', 'ringing', 'early-media', 'in-progress', 'completed');
  const [trying, ringing, early, up, completed] = receiver.requests;
  for (const { method, url, headers, body } of receiver.requests) {
    assert.deepEqual([method, url, headers['content-type']], ['POST', '/status', 'application/json']);
    assert.equal(headers.authorization, `Basic ${Buffer.from('bob:p4ss-w0rd').toString('base64')}`);
    verify(headers['voxeme-signature'], body, SECRET);
  }
  assert.deepEqual(trying.said, {
    call_sid: sid, account_sid: owner.sid, direction: 'outbound', from: '15083728299', to: 'bob', caller_name: '',
    call_id: callId, call_status: 'trying', sip_status: 100, customerData: { order: 7 },
  });
  assert.deepEqual([ringing, early, up].map((r) => r.said.sip_status), [180, 183, 200]);
  assert.equal(up.said.duration, undefined);
  assert.equal(typeof completed.said.duration, 'number');
  assert.equal(completed.said.sip_status, 200);
  assert.equal(elsewhere.requests.length, 0);
  assert.doesNotMatch(sw.stderr, /p4ss-w0rd|wh_secret|\/status/);
  assert.doesNotMatch((await sw.client(ADMIN).get('/metrics')).text, /p4ss-w0rd|wh_secret|\/status/);
});

test('an account\'s hook is told of inbound calls and of the legs that they dial', async (t) => {
  const receiver = await Receiver.start(t);
  const callee = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.accept(), s.hungUp()) });
  const owner = withHook(receiver);
  const { sw } = await setup(t, [owner], { routes: [route('^2(\\d+)$', 'bridge', { target: `sip:$1@${callee.address}` })] });
  const caller = await Sipp.start(t, { scenario: s.caller({ from: '15083728299', to: '2555' }, s.invite(), s.trying(), s.recv(180), s.answered(), s.bye()), remote: sw.sip });
  await caller.finished();
  await receiver.until((all) => all.filter((r) => r.said.call_status === 'completed').length === 2);
  const sids = [...new Set(receiver.requests.map((r) => r.said.call_sid))];
  const [inbound, dialled] = ['inbound', 'outbound'].map((d) => sids.find((sid) => receiver.requests.some((r) => r.said.call_sid === sid && r.said.direction === d)));
  for (const sid of [inbound, dialled]) assert.deepEqual(receiver.statuses(sid), ['trying', 'ringing', 'in-progress', 'completed']);
  for (const { said } of receiver.requests) {
    assert.equal(said.parent_call_sid, said.call_sid === dialled ? inbound : undefined);
    if (said.call_sid === inbound) assert.match(said.originating_sip_ip, /^127\.0\.0\.1:\d+$/);
    assert.equal(said.caller_id, said.call_sid === dialled ? '15083728299' : undefined);
  }
});

test('without a secret there is no signature', async (t) => {
  const receiver = await Receiver.start(t);
  const owner = demo();
  const { sw } = await setup(t, [owner]);
  const answer = await makeCall(sw, owner, { address: '127.0.0.1:1' }, { call_status_hook: receiver.url });
  await told(receiver, answer.json.sid, 'trying', 'failed');
  for (const { headers } of receiver.requests) assert.equal(headers['voxeme-signature'], undefined);
});

test('GET: the scalars in the query, which is signed', async (t) => {
  const receiver = await Receiver.start(t);
  const owner = withHook(receiver, { url: `${receiver.url}?key=a%20b`, method: 'GET' });
  const { sw } = await setup(t, [owner]);
  await busyCall(t, sw, { from: 'a+b', to: '486' });
  await receiver.until((all) => all.length === 2);
  for (const { method, said, query, body, headers } of receiver.requests) {
    assert.deepEqual([method, body, said.key, said.from, said.direction], ['GET', '', 'a b', 'a+b', 'inbound']);
    verify(headers['voxeme-signature'], query, SECRET);
  }
  assert.deepEqual(receiver.statuses(), ['trying', 'busy']);
});

test('what no hook can be is refused', async (t) => {
  const owner = demo();
  const { sw } = await setup(t, [owner]);
  const bad = ['ws://example.com/s', 'wss://example.com/s', 'ftp://example.com', '/status', 'http://', 'http://u:p@example.com/', 'http://example.com:0/', 'http://exa mple.com/', { url: 'https://example.com/', password: 'x' }, { url: 'https://example.com/', method: 'PUT' }, {}];
  for (const hook of bad) {
    const answer = await makeCall(sw, owner, { address: '127.0.0.1:1' }, { call_status_hook: hook });
    assert.equal(answer.status, 400, JSON.stringify(hook));
    assert.match(answer.json.msg, /call_status_hook|method/);
  }
});

test('a receiver that hangs delays neither calls nor another account\'s webhooks', async (t) => {
  const held = gate();
  const hangs = await Receiver.start(t, { answer: () => held.opened });
  const works = await Receiver.start(t);
  const accounts = [withHook(hangs, {}, troubled()), withHook(works, {}, fine())];
  const { sw, metric } = await setup(t, accounts, { settings: { ...ALLOW, 'webhook-max-requests': 1, 'webhook-timeout-seconds': 60 } });
  for (let i = 0; i < 3; i++) await busyCall(t, sw, { host: TROUBLED });
  await hangs.until((all) => all.length === 1);
  const callId = await busyCall(t, sw, { host: FINE });
  await new Watch(sw.client(accounts[1].token), callsOf(accounts[1])).call(callId, 'busy');
  await works.until((all) => all.length === 2);
  assert.deepEqual(works.statuses(), ['trying', 'busy']);
  assert.equal(hangs.requests.length, 1, 'it still has the first, and nothing else');
  assert.equal(await metric('queued'), 6);
  held.open(200);
  await hangs.until((all) => all.length === 6);
  for (const sid of new Set(hangs.requests.map((r) => r.said.call_sid))) assert.deepEqual(hangs.statuses(sid), ['trying', 'busy']);
});

test('receivers that hang have not all places, however many accounts have one', async (t) => {
  const hangs = await Receiver.start(t, { answer: () => new Promise(() => {}) });
  const works = await Receiver.start(t);
  const bad = [4, 5, 6, 7, 8, 9].map((n) => ({ host: `127.0.0.${n}`, owner: withHook(hangs, {}, account(`bad${n}`, { sources: [`127.0.0.${n}/32`] })) }));
  const [known, added] = [withHook(works, {}, fine()), withHook(works, {}, troubled())];
  const { sw, metric } = await setup(t, [known, added, ...bad.map((b) => b.owner)], { settings: { ...ALLOW, 'webhook-max-requests-total': 4, 'webhook-timeout-seconds': 60 } });
  await busyCall(t, sw, { host: FINE });
  await told(works, undefined, 'trying', 'busy');
  await Promise.all(bad.map(({ host }) => busyCall(t, sw, { host })));
  await hangs.until((all) => all.length >= 3);
  const began = works.requests.length;
  await busyCall(t, sw, { host: FINE });
  await works.until((all) => all.length === began + 2);
  // One of which nothing is known is let in as well, though not at once.
  await busyCall(t, sw, { host: TROUBLED });
  await works.until((all) => all.length === began + 4);
  assert.deepEqual(works.statuses(), ['trying', 'busy', 'trying', 'busy', 'trying', 'busy']);
  assert.ok(await metric('broken_off_total') >= 1);
  assert.equal(await metric('dropped_total'), 0);
});

test('a receiver that is down gets all when it is back', async (t) => {
  const port = await freePort('127.0.0.1');
  const owner = withHook({ url: `http://127.0.0.1:${port}/status` });
  const { sw, metric, becomes } = await setup(t, [owner]);
  await busyCall(t, sw);
  await sw.logged(/webhooks of account .* fail: Couldn't connect/);
  const receiver = await Receiver.start(t, { port });
  await told(receiver, undefined, 'trying', 'busy');
  await becomes('queued', '', (n) => n === 0);
  assert.equal(await metric('told_total'), 2);
  assert.equal(await metric('dropped_total'), 0);
});

test('500 is tried again, the rest waits; 400 is not', async (t) => {
  const receiver = await Receiver.start(t, { answer: (request, index) => [500, 429, 400][index] ?? 204 });
  const owner = withHook(receiver);
  const { sw, metric, becomes } = await setup(t, [owner]);
  await busyCall(t, sw);
  await receiver.until((all) => all.length === 4);
  assert.deepEqual(receiver.statuses(), ['trying', 'trying', 'trying', 'busy']);
  assert.equal(receiver.requests[0].body, receiver.requests[2].body);
  await becomes('told_total', '', (n) => n === 1);
  assert.equal(await metric('dropped_total', 'reason="refused"'), 1);
  assert.equal(await metric('dropped_total'), 1);
  assert.equal(await metric('attempts_total'), 4);
});

test('tried as often as is allowed', async (t) => {
  const receiver = await Receiver.start(t, { answer: () => 503 });
  const { sw, metric, becomes } = await setup(t, [withHook(receiver)], { settings: { ...ALLOW, 'webhook-max-attempts': 2 } });
  await busyCall(t, sw);
  await receiver.until((all) => all.length === 4);
  assert.deepEqual(receiver.statuses(), ['trying', 'trying', 'busy', 'busy']);
  await becomes('dropped_total', 'reason="attempts"', (n) => n === 2);
  assert.equal(await metric('queued'), 0);
});

test('no older than webhook-max-age-seconds', async (t) => {
  const receiver = await Receiver.start(t, { answer: () => 503 });
  // As many attempts as they may be: only their age ends them.
  const { sw, metric, becomes } = await setup(t, [withHook(receiver)], { settings: { ...ALLOW, 'webhook-max-age-seconds': 1, 'webhook-max-attempts': 100 } });
  await busyCall(t, sw);
  await becomes('dropped_total', 'reason="max-age"', (n) => n === 2);
  assert.equal(await metric('dropped_total'), 2);
  assert.equal(await metric('queued'), 0);
});

test('what waits takes no more than webhook-max-memory', async (t) => {
  const LIMIT = 65536, CALLS = 20;
  const busy = gate();
  const receiver = await Receiver.start(t, { answer: async () => { await busy.opened; return 204; } });
  t.after(() => busy.open());
  const owner = withHook(receiver);
  const { sw, metric, becomes } = await setup(t, [owner], { settings: { ...ALLOW, 'webhook-max-memory': LIMIT } });
  for (let i = 0; i < CALLS; i++) {
    const answer = await makeCall(sw, owner, { address: sw.sip }, { to: { type: 'sip', sipUri: `sip:486@${sw.sip}` }, tag: { x: 'x'.repeat(4000) } });
    assert.equal(answer.status, 201, answer.text);
    assert.ok(await metric('memory_bytes') <= LIMIT);
  }
  await becomes('dropped_total', 'reason="max-memory"', (n) => n > 0);
  const [held, queued, dropped] = [await metric('memory_bytes'), await metric('queued'), await metric('dropped_total')];
  assert.ok(held > LIMIT / 2 && held <= LIMIT, `${held} bytes`);
  assert.ok(queued > 0 && queued < LIMIT / 1000, `${queued} wait`);
  assert.equal(await metric('dropped_total', 'reason="max-memory"'), dropped);
});

test('redirects are not followed', async (t) => {
  const target = await Receiver.start(t);
  const receiver = await Receiver.start(t, { answer: () => [307, { Location: target.url }] });
  const { sw, becomes } = await setup(t, [withHook(receiver)]);
  await busyCall(t, sw);
  await receiver.until((all) => all.length === 2);
  await becomes('dropped_total', 'reason="refused"', (n) => n === 2);
  assert.deepEqual([receiver.requests.length, target.requests.length], [2, 0]);
});

test('a long answer is cut off, and was an answer', async (t) => {
  const receiver = await Receiver.start(t, { answer: (request, index) => [index ? 200 : 500, {}, 'x'.repeat(1_000_000)] });
  const { sw, becomes, metric } = await setup(t, [withHook(receiver)]);
  await busyCall(t, sw);
  await receiver.until((all) => all.length === 3);
  await becomes('told_total', '', (n) => n === 2);
  assert.equal(await metric('attempts_total'), 3);
});

for (const [what, host] of [['an address', '127.0.0.1'], ['a name', 'localhost']]) {
  test(`loopback is refused unless it is allowed: ${what}`, async (t) => {
    const receiver = await Receiver.start(t, { host: 'localhost' });
    const owner = withHook({ url: `http://${host}:${receiver.port}/` });
    const { sw, becomes, metric } = await setup(t, [owner], { settings: { 'webhook-allow': '192.168.0.0/16' } });
    await busyCall(t, sw);
    await sw.logged(/refused: (127\.0\.0\.1|::1) is not in webhook-allow/);
    await becomes('dropped_total', 'reason="target"', (n) => n === 2);
    assert.equal(await metric('told_total'), 0);
    assert.equal(receiver.requests.length, 0);
    await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'webhook-allow': '127.0.0.0/8, ::1' } });
    await busyCall(t, sw);
    await told(receiver, undefined, 'trying', 'busy');
    // And back again: the connection that is still open is not used.
    await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'webhook-allow': '' } });
    await busyCall(t, sw);
    await becomes('dropped_total', 'reason="target"', (n) => n === 4);
    assert.equal(receiver.requests.length, 2);
  });
}

async function certificate(dir, name, subject) {
  const key = join(dir, `${name}.key`), cert = join(dir, `${name}.pem`);
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`, '-keyout', key, '-out', cert]);
  return { file: cert, tls: { key: await readFile(key), cert: await readFile(cert) } };
}

test('HTTPS is verified: a stranger\'s certificate, one for another host, a good one', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-hooks-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const [good, other] = [await certificate(dir, 'good', 'IP:127.0.0.1'), await certificate(dir, 'other', 'DNS:example.com')];
  const wrong = await Receiver.start(t, { tls: other.tls });
  const receiver = await Receiver.start(t, { tls: good.tls });
  const both = join(dir, 'both.pem');
  await writeFile(both, Buffer.concat([good.tls.cert, other.tls.cert]));
  const accounts = [withHook(wrong, {}, troubled()), withHook(receiver, {}, fine())];
  const { sw, becomes, metric } = await setup(t, accounts, { settings: { ...ALLOW, 'webhook-max-attempts': 2 } });
  await busyCall(t, sw, { host: FINE });
  await sw.logged(/fail: SSL peer certificate/);
  await becomes('dropped_total', 'reason="attempts"', (n) => n === 2);
  assert.equal(receiver.requests.length, 0);
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'webhook-ca': both } });
  await busyCall(t, sw, { host: TROUBLED });
  await busyCall(t, sw, { host: FINE });
  await told(receiver, undefined, 'trying', 'busy');
  await becomes('dropped_total', 'reason="attempts"', (n) => n === 4);
  assert.equal(wrong.requests.length, 0);
  assert.equal(await metric('told_total'), 2);
});

test('without webhook-ca the system\'s authorities count', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-hooks-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const good = await certificate(dir, 'good', 'IP:127.0.0.1');
  const receiver = await Receiver.start(t, { tls: good.tls });
  process.env.SSL_CERT_FILE = good.file; // where OpenSSL looks for them
  t.after(() => { delete process.env.SSL_CERT_FILE; });
  const { sw } = await setup(t, [withHook(receiver)]);
  await busyCall(t, sw);
  await told(receiver, undefined, 'trying', 'busy');
});

test('a webhook-ca that is none does not start, and changes nothing on a reload', async (t) => {
  const receiver = await Receiver.start(t);
  const { sw } = await setup(t, [withHook(receiver)]);
  const none = join(sw.dir, 'none.pem');
  await writeFile(none, 'no certificate\n');
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'webhook-ca': none } }, /holds no certificate/);
  await busyCall(t, sw);
  await told(receiver, undefined, 'trying', 'busy');
  const { code, stderr } = await run(['--config', sw.configFile]);
  assert.equal(code, 1);
  assert.match(stderr, /webhook-ca '.*none\.pem' holds no certificate/);
});

test('a full queue: the oldest gives way, and is counted', async (t) => {
  const held = gate();
  const receiver = await Receiver.start(t, { answer: (request, index) => (index ? 200 : held.opened) });
  const settings = { ...ALLOW, 'webhook-max-queued': 4, 'webhook-max-requests': 1, 'webhook-timeout-seconds': 60 };
  const { sw, becomes, metric } = await setup(t, [withHook(receiver)], { settings });
  const callIds = [];
  for (let i = 0; i < 5; i++) callIds.push(await busyCall(t, sw));
  await becomes('dropped_total', 'reason="max-queued"', (n) => n === 6);
  assert.equal(await metric('queued'), 4);
  held.open(200);
  await receiver.until((all) => all.length === 4);
  // The one on its way, and the latest three.
  assert.deepEqual(receiver.requests.map((r) => [r.said.call_id, r.said.call_status]),
    [[callIds[0], 'trying'], [callIds[3], 'busy'], [callIds[4], 'trying'], [callIds[4], 'busy']]);
});

test('max-queued-total: the oldest of the longest queue gives way', async (t) => {
  const held = gate();
  const receiver = await Receiver.start(t, { answer: () => held.opened });
  const { sw, becomes, metric } = await setup(t, [withHook(receiver)], { settings: { ...ALLOW, 'webhook-max-queued-total': 3, 'webhook-max-requests': 1 } });
  for (let i = 0; i < 3; i++) await busyCall(t, sw);
  await becomes('dropped_total', 'reason="max-queued-total"', (n) => n === 3);
  assert.equal(await metric('queued'), 3);
  held.open(200);
  await receiver.until((all) => all.length === 3);
});

test('a hook of a PUT is taken though its client leaves before the call has moved', async (t) => {
  const [first, second] = [await Receiver.start(t), await Receiver.start(t)];
  const owner = withHook(first);
  const { sw } = await setup(t, [owner], { sip: { 'redirect-to': '1000' } });
  const phone = await Sipp.start(t, { scenario: s.callee(s.accept(), s.recv('REFER'), s.report('refer'), s.gate('left'), s.reply('202 Accepted'), s.calleeBye()) });
  const { sid } = (await makeCall(sw, owner, phone)).json;
  await told(first, sid, 'trying', 'in-progress');
  const admin = sw.client(ADMIN), leaves = new AbortController();
  const asked = sw.client(owner.token).request('PUT', `${callsOf(owner)}/${sid}`, {
    headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ call_hook: '/next', call_status_hook: second.url }), signal: leaves.signal,
  });
  const { callId } = await phone.at('refer');
  const before = await read(admin, 'voxeme_http_connections');
  leaves.abort();
  await assert.rejects(asked, { name: 'AbortError' });
  // No other sign tells that the server has seen it go.
  await deadline((async () => { while (await read(admin, 'voxeme_http_connections') >= before) await new Promise((resolve) => { setTimeout(resolve, 20); }); })(), 'the client to be gone');
  await phone.at('left');
  phone.go(callId);
  await phone.finished();
  await told(second, sid, 'completed');
  assert.deepEqual(first.statuses(sid), ['trying', 'in-progress']);
});

test('a reload: what waits goes where it says now, signed by the new secret', async (t) => {
  const port = await freePort('127.0.0.1');
  const receiver = await Receiver.start(t);
  const owner = withHook({ url: `http://127.0.0.1:${port}/` });
  const { sw } = await setup(t, [owner]);
  await busyCall(t, sw);
  await sw.logged(/webhooks of account .* fail: Couldn't connect/);
  const file = join(sw.dir, 'secret');
  await writeFile(file, `${OTHER_SECRET}\n`);
  await sw.reload({ ...sw.spec, accounts: [{ ...owner, webhook: { url: receiver.url, 'secret-file': file } }] });
  await told(receiver, undefined, 'trying', 'busy');
  for (const { headers, body } of receiver.requests) verify(headers['voxeme-signature'], body, OTHER_SECRET);
  await sw.reload({ ...sw.spec, accounts: [{ ...owner, webhook: undefined }] });
  await busyCall(t, sw);
  assert.equal(receiver.requests.length, 2);
});

test('the end: calls hung up by it are told, a receiver that hangs does not hold it up', async (t) => {
  const hangs = await Receiver.start(t, { answer: () => new Promise(() => {}) });
  const works = await Receiver.start(t);
  const accounts = [withHook(hangs, {}, troubled()), withHook(works, {}, fine())];
  const { sw } = await setup(t, accounts, { routes: [RING, BUSY] });
  for (let i = 0; i < 3; i++) await busyCall(t, sw, { host: TROUBLED });
  const caller = await Sipp.start(t, { host: FINE, scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.report('rings'), s.refused(503)), remote: sw.sip });
  await caller.at('rings');
  await hangs.until((all) => all.length === 1);
  await works.until((all) => all.length === 2);
  const { code, ms } = await sw.stop();
  await caller.finished();
  assert.equal(code, 0);
  assert.ok(ms < 2000, `${ms} ms`);
  assert.deepEqual(works.statuses(), ['trying', 'ringing', 'failed']);
  assert.equal(sw.stderr.match(/webhooks: 6 statuses were not delivered before the end/g)?.length, 1, sw.stderr);
});
