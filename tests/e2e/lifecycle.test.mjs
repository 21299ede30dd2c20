// Start, reload, stop and crash, with calls up.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'node:test';
import { abidingCall, ANSWER, BUSY, busyCall, liveCall, RING } from './lib/calls.mjs';
import { account, demo } from './lib/config.mjs';
import * as s from './lib/scenario.mjs';
import { Raw } from './lib/http.mjs';
import { isFree } from './lib/ports.mjs';
import { Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { read } from './lib/metrics.mjs';

// Waits until so many requests are held: the counter tells, as nothing else can.
async function heldRequests(sw, count) {
  const client = sw.client(sw.spec.adminTokens?.[0]);
  await deadline((async () => { while (await read(client, 'voxeme_http_held_requests') < count); })(), `${count} held requests`);
}

const ROUTES = [RING, ANSWER, BUSY];
const cursorOf = (answer) => /^W\/"(.*)"$/.exec(answer.headers.etag)[1];

async function setup(t, spec = {}, owner = demo()) {
  const sw = await Switch.start(t, { accounts: [owner], routes: ROUTES, adminTokens: [randomUUID()], ...spec });
  const client = sw.client(owner.token);
  return { sw, owner, client, path: callsOf(owner), watch: new Watch(client, callsOf(owner)) };
}

for (const transport of ['udp', 'tcp']) {
  test(`SIGTERM over ${transport}: live calls get BYE, it ends within 2 s with status 0, its ports are free`, async (t) => {
    const { sw, watch } = await setup(t);
    const calls = [await abidingCall(t, sw, { transport }), await abidingCall(t, sw, { transport })];
    await watch.until((list) => list.filter((c) => c.call_status === 'in-progress').length === 2);
    const end = await sw.stop();
    assert.deepEqual([end.code, end.signal], [0, null], sw.stderr);
    assert.ok(end.ms <= 2000 * SLOW, `took ${end.ms} ms`);
    for (const call of calls) await call.ended();
    assert.ok(await isFree(sw.httpPort), 'HTTP port');
    assert.ok(await isFree(sw.sipPort), 'SIP port');
  });
}

test('SIGTERM: a call that rings is refused', async (t) => {
  const { sw, watch } = await setup(t);
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.report('ringing'), s.refused(503)),
    remote: sw.sip,
  });
  await sipp.at('ringing');
  await watch.until((list) => list[0]?.call_status === 'ringing');
  const end = await sw.stop();
  assert.equal(end.code, 0, sw.stderr);
  assert.ok(end.ms <= 2000 * SLOW, `took ${end.ms} ms`);
  await sipp.finished();
});

test('SIGTERM with nothing to do, and with idle and held connections, takes no time', async (t) => {
  const { sw, client, path } = await setup(t);
  const first = await client.get(path);
  const held = client.get(`${path}?wait=60`, { headers: { 'If-None-Match': first.headers.etag } }).then((a) => a.status, (e) => e.code);
  await heldRequests(sw, 1);
  const end = await sw.stop();
  assert.equal(end.code, 0, sw.stderr);
  assert.ok(end.ms <= 2000 * SLOW, `took ${end.ms} ms`);
  assert.ok([304, 'ECONNRESET'].includes(await held), `held request ended with ${await held}`);
});

test('SIGINT ends it like SIGTERM', async (t) => {
  const { sw } = await setup(t);
  const end = await sw.stop('SIGINT');
  assert.deepEqual([end.code, end.signal], [0, null], sw.stderr);
});

test('killed and started again: another epoch, so that since gives a reset', async (t) => {
  const { sw, owner, path, watch } = await setup(t);
  await watch.call(await busyCall(t, sw), 'busy');
  const before = cursorOf(await sw.client(owner.token).get(path));
  await sw.kill();
  await sw.restart();
  const client = sw.client(owner.token);
  const list = await client.get(path);
  assert.deepEqual(list.json, []);
  assert.notEqual(cursorOf(list).split('.')[0], before.split('.')[0]);
  const since = (await client.get(`${path}?since=${before}`)).json;
  assert.deepEqual(since, { revision: cursorOf(list), reset: true, calls: [] });
  assert.equal((await client.get(path, { headers: { 'If-None-Match': `W/"${before}"` } })).status, 200);
});

test('SIGHUP: tokens change, the call and the held poll survive', async (t) => {
  const kept = randomUUID(), gone = randomUUID(), fresh = randomUUID();
  const owner = account('demo', { tokens: [kept, gone], sources: ['127.0.0.0/8'] });
  const { sw, client, path, watch } = await setup(t, { accounts: [owner] }, owner);
  const live = await liveCall(t, sw);
  await watch.call(live.callId, 'in-progress');
  const first = await client.get(path);
  const hold = (token) => client.get(`${path}?wait=60`, { token, headers: { 'If-None-Match': first.headers.etag } });
  const held = hold(kept), forsaken = hold(gone);
  await heldRequests(sw, 2);

  const added = account('added');
  await sw.reload({ ...sw.spec, accounts: [{ ...owner, tokens: [kept, fresh] }, added] });
  assert.equal((await client.get(path, { token: fresh })).status, 200, 'a new token works');
  assert.equal((await client.get(path, { token: kept })).status, 200, 'one that stays still does');
  assert.equal((await client.get(path, { token: gone })).status, 401, 'a removed one does not');
  assert.equal((await client.get(callsOf(added), { token: added.token })).status, 200, 'a new account is there');
  assert.equal((await client.get(path)).json[0].call_status, 'in-progress', 'the call is still up');

  await live.hangUp();
  const answer = await held;
  assert.equal(answer.status, 200, 'the request that was held gets its answer');
  assert.equal(answer.json[0].call_status, 'completed');
  assert.equal((await forsaken).status, 401, 'one whose token is gone gets no calls any more');
  assert.ok(!sw.stderr.includes(gone));
});

test('SIGHUP: an account taken out loses its access, a live call its end not', async (t) => {
  const { sw, owner, client, path, watch } = await setup(t, { adminTokens: [randomUUID()] });
  const live = await liveCall(t, sw);
  await watch.call(live.callId, 'in-progress');
  await sw.reload({ ...sw.spec, accounts: [] });
  assert.equal((await client.get(path)).status, 401);
  await live.hangUp();
  const admin = sw.client(sw.spec.adminTokens[0]);
  const call = await new Watch(admin, '/v1/Calls').call(live.callId, 'completed');
  assert.equal(call.account_sid, owner.sid);
});

test('SIGHUP: new routes and limits hold for the next call', async (t) => {
  const { sw, watch } = await setup(t);
  await sw.reload({ ...sw.spec, settings: { 'retention-seconds': 1 } });
  const callId = await busyCall(t, sw);
  await watch.call(callId, 'busy');
  await watch.until((calls) => calls.length === 0, 'the call to go by the new retention');
});

test('SIGHUP: a bad file is refused with file, line and setting, and the old one stays', async (t) => {
  const { sw, client, path } = await setup(t);
  await sw.writeConfig('<configuration name="voxeme.conf">\n <settings>\n  <param name="retention-seconds" value="soon"/>\n </settings>\n</configuration>\n');
  const from = sw.stderr.length;
  sw.signal('SIGHUP');
  const [line] = await sw.logged(/voxeme\.conf\.xml:3: .*retention-seconds.*/, from);
  assert.match(line, /soon/);
  assert.equal((await client.get(path)).status, 200);
  await sw.reload({ ...sw.spec }); // and a good one is taken up after it
  assert.equal((await client.get(path)).status, 200);
  await sw.writeConfig('no xml at all');
  sw.signal('SIGHUP');
  await sw.logged(/voxeme\.conf\.xml:1: /, from);
  assert.equal((await client.get(path)).status, 200);
});

test('SIGHUP: fewer connections and smaller heads from then on, and those that are there stay', async (t) => {
  const { sw } = await setup(t);
  const open = async () => Raw.open(sw.httpPort);
  const first = [await open(), await open(), await open()];
  t.after(() => { for (const raw of first) raw.destroy(); });
  const ask = async (raw, more = '') => {
    const had = raw.text.length;
    raw.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
    await raw.until((text) => /\r\n\r\n[[{]/.test(text.slice(had)), 'an answer');
    return raw.text.slice(had);
  };
  const long = `X-Long: ${'x'.repeat(900)}\r\n`;
  for (const raw of first) assert.match(await ask(raw, long), /^HTTP\/1\.1 200 /);
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'max-connections': 3, 'max-header-bytes': 512 } }, /reloaded/);
  const late = await open();
  await late.end();
  assert.match(late.text, /^HTTP\/1\.1 503 /);
  assert.match(await ask(first[0]), /^HTTP\/1\.1 200 /);
  assert.match(await ask(first[1], long), /^HTTP\/1\.1 431 /);
});

test('SIGHUP: what needs a restart is named as long as it differs from what runs', async (t) => {
  const { sw } = await setup(t);
  const reload = async (settings, sip) => {
    const from = sw.stderr.length;
    await sw.reload({ ...sw.spec, settings, sip }, /reloaded/);
    return [...sw.stderr.slice(from).matchAll(/: (\S+) has changed and needs a restart/g)].map((m) => m[1]);
  };
  assert.deepEqual(await reload({}, {}), []);
  assert.deepEqual(await reload({ 'service-url': 'http://x.example' }, {}), ['service-url']);
  assert.deepEqual(await reload({ 'service-url': 'http://x.example' }, {}), ['service-url'], 'still not what runs');
  assert.deepEqual(await reload({ 'service-url': 'http://x.example' }, { 'min-se-seconds': 91 }), ['service-url', 'min-se-seconds']);
  assert.deepEqual(await reload({}, {}), [], 'changed back');
});

test('SIGHUP: SIP is answered while a file of many accounts is read', async (t) => {
  const many = Array.from({ length: 8000 }, (_, i) => account(`n${i}`, { realms: [`r${i}.example`] }));
  const { sw } = await setup(t, { accounts: [demo(), ...many] });
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  let answers = 0;
  const ask = () => socket.send(`OPTIONS sip:x@${sw.sip} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bK${answers}\r\n` +
    `From: <sip:1@x.example>;tag=1\r\nTo: <sip:x@x.example>\r\nCall-ID: o${answers}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`, sw.sipPort, '127.0.0.1');
  // The next one as soon as one is answered: were the file read on SIP's thread, one or two would be until it is done.
  await new Promise((resolve) => { socket.once('message', resolve); ask(); });
  socket.on('message', () => { answers++; ask(); });
  const done = sw.reload(undefined, /reloaded/);
  answers = 0;
  ask();
  await done;
  assert.ok(answers > 10, `${answers} answers meanwhile`);
  socket.removeAllListeners('message');
});

test('SIGHUP twice at once, and SIGTERM while the file is read', async (t) => {
  const { sw, client, path } = await setup(t);
  for (let i = 0; i < 20; i++) sw.signal('SIGHUP');
  await sw.logged(/reloaded/);
  assert.equal((await client.get(path)).status, 200);
  sw.signal('SIGHUP');
  const end = await sw.stop();
  assert.deepEqual([end.code, end.signal], [0, null], sw.stderr);
  assert.ok(end.ms < 2000 * SLOW, `${end.ms} ms`);
});

test('a log that nobody reads stops neither calls nor SIGTERM', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-log-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const pipe = join(dir, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  // Open for reading, and never read until the end.
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK), stderr = openSync(pipe, 'w');
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes: ROUTES, settings: { 'log-level': 'debug' } }, { stderr });
  closeSync(stderr);
  const N = 500; // two lines each, and more of sofia-sip's
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '486' }, s.invite(), s.trying(), s.refused(486)), remote: sw.sip, calls: N, rate: 500 });
  await sipp.finished();
  const client = sw.client(owner.token), watch = new Watch(client, callsOf(owner));
  await watch.until((calls) => calls.length === N && calls.every((c) => c.call_status === 'busy'));
  const live = await abidingCall(t, sw);
  const end = await sw.stop();
  assert.deepEqual([end.code, end.signal], [0, null]);
  assert.ok(end.ms <= 2000 * SLOW, `took ${end.ms} ms`);
  await live.ended();
  const room = Buffer.alloc(1 << 20), log = room.subarray(0, readSync(reader, room));
  closeSync(reader);
  assert.ok(log.length > 60_000, `the pipe was full: ${log.length} bytes`);
  assert.ok(log.toString().endsWith('\n'), 'whole lines');
});

test('no token is in the log at its most talkative', async (t) => {
  const { sw, owner, client, path } = await setup(t, { settings: { 'log-level': 'debug' } });
  const stranger = randomUUID();
  await client.get(path);
  await client.get(path, { token: stranger });
  await client.get(path, { headers: { 'X-Token': owner.token } });
  await busyCall(t, sw);
  await sw.reload({ ...sw.spec });
  await sw.stop();
  assert.ok(!sw.stderr.includes(stranger), sw.stderr);
  assert.ok(!sw.stderr.includes(owner.token), sw.stderr);
});
