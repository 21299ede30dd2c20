// The transport's limits: each with a small value, what a client over it meets, and its counter.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';
import { ANSWER, BUSY, busyCall, liveCall } from './lib/calls.mjs';
import { account, demo } from './lib/config.mjs';
import { Events, Feed } from './lib/feed.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import * as s from './lib/scenario.mjs';
import { Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function setup(t, settings, accounts = [demo()]) {
  const adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts, adminTokens: [adminToken], settings, routes: [BUSY, ANSWER] });
  const [owner] = accounts;
  const raw = async (options) => {
    const connection = await Raw.open(sw.httpPort, options);
    t.after(() => connection.destroy());
    return connection;
  };
  const get = (path = callsOf(owner), extra = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\n${extra}\r\n`;
  return { sw, owner, client: sw.client(owner.token), adminToken, admin: sw.client(adminToken, { maxSockets: 1 }), path: callsOf(owner), raw, get };
}

const status = (text) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
const jsonOf = (text) => JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));

test('max-connections: one too many is turned away, and counted', async (t) => {
  const { admin, raw } = await setup(t, { 'max-connections': 4 });
  await read(admin, 'voxeme_http_connections'); // one
  const three = await Promise.all([raw(), raw(), raw()]);
  const extra = await raw();
  extra.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal(status(await extra.end()), 503);
  assert.equal(await read(admin, 'voxeme_http_refused_total', 'reason="max-connections"'), 1);
  assert.ok(three.every((c) => !c.closed));
  three[0].destroy();
  // The place is free again as soon as the switch has seen the end; a refused try says that it has not.
  await deadline((async () => {
    for (;;) {
      const again = await raw();
      again.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      if (status(await again.until((x) => x.includes('\r\n\r\n'))) === 200) return;
    }
  })(), 'a place to be free');
});

const openFiles = (pid, soft) => promisify(execFile)('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
const softLimit = async (pid) => /^Max open files\s+(\d+)/m.exec(await readFile(`/proc/${pid}/limits`, 'utf8'))[1];

test('out of file descriptors: a client waits, is counted, and is served when there are some again', async (t) => {
  const { sw, admin, raw, get } = await setup(t, {});
  assert.equal(await read(admin, 'voxeme_http_refused_total', 'reason="file-descriptors"'), 0);
  const before = await softLimit(sw.pid);
  await openFiles(sw.pid, (await readdir(`/proc/${sw.pid}/fd`)).length + 4);
  const all = await Promise.all(Array.from({ length: 32 }, () => raw()));
  for (const connection of all) connection.write(get('/healthz'));
  await deadline((async () => { while (await read(admin, 'voxeme_http_refused_total', 'reason="file-descriptors"') < 1); })(), 'a client to be counted');
  await openFiles(sw.pid, before);
  for (const connection of all) assert.equal(status(await connection.until((text) => text.includes('"ok"'))), 200);
});

test('a network loop that fails is logged, counted, and works again', async (t) => {
  const { sw, admin, raw, get } = await setup(t, {});
  assert.equal(await read(admin, 'voxeme_http_loop_failures_total'), 0);
  const before = await softLimit(sw.pid);
  const ticks = async () => (await readFile(`/proc/${sw.pid}/stat`, 'utf8')).split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);
  await openFiles(sw.pid, 1); // poll() takes no more than that
  const waits = await raw();
  waits.write(get('/healthz', 'Connection: close\r\n'));
  await sw.logged(/network loop fails/);
  const from = await ticks();
  await new Promise((resolve) => setTimeout(resolve, 1000)); // to see that it does not spin
  assert.ok(await ticks() - from < 30 * SLOW, 'processor time in a second');
  await openFiles(sw.pid, before);
  await sw.logged(/network loop works again/);
  assert.equal(status(await waits.end()), 200);
  assert.ok(await read(admin, 'voxeme_http_loop_failures_total') > 0);
});

test('header-timeout-seconds: a request that does not arrive whole, however slowly it drips', async (t) => {
  const { admin, raw } = await setup(t, { 'header-timeout-seconds': 1 });
  const silent = await raw(), dripping = await raw();
  const began = Date.now();
  silent.write('GET / HTTP/1.1\r\nHo');
  dripping.write('G');
  const drip = setInterval(() => dripping.write('E'), 100);
  t.after(() => clearInterval(drip));
  const texts = await Promise.all([silent.end(), dripping.end()]);
  const ms = Date.now() - began;
  assert.ok(ms >= 950 && ms < 4000 * SLOW, `closed after ${ms} ms`);
  for (const text of texts) if (text) assert.equal(status(text), 408);
  assert.equal(await read(admin, 'voxeme_http_timeouts_total', 'kind="header"'), 2);
});

test('idle-timeout-seconds: a connection that asks for nothing more', async (t) => {
  const { admin, raw, get } = await setup(t, { 'idle-timeout-seconds': 1 });
  const idle = await raw();
  idle.write(get());
  await idle.until((text) => text.endsWith('[]'));
  const began = Date.now();
  await idle.end();
  const ms = Date.now() - began;
  assert.ok(ms >= 900 && ms < 4000 * SLOW, `closed after ${ms} ms`);
  assert.ok(await read(admin, 'voxeme_http_timeouts_total', 'kind="idle"') >= 1);
});

test('a held long poll is not idle', async (t) => {
  const { client, path } = await setup(t, { 'idle-timeout-seconds': 1, 'header-timeout-seconds': 1, 'write-timeout-seconds': 1 });
  const first = await client.get(path);
  const answer = await client.get(`${path}?wait=3`, { headers: { 'If-None-Match': first.headers.etag } });
  assert.equal(answer.status, 304);
});

test('max-header-bytes: 431', async (t) => {
  const { admin, raw, get } = await setup(t, { 'max-header-bytes': 512 });
  const fits = await raw();
  fits.write(get(undefined, `X-Pad: ${'x'.repeat(200)}\r\nConnection: close\r\n`));
  assert.equal(status(await fits.end()), 200);
  for (const request of [get(undefined, `X-Pad: ${'x'.repeat(600)}\r\n`), `GET /${'x'.repeat(5000)} HTTP/1.1\r\n`, `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(500)}`]) {
    const over = await raw();
    over.write(request);
    const text = await over.end();
    assert.equal(status(text), 431, text);
    assert.equal(typeof jsonOf(text).msg, 'string');
  }
  assert.equal(await read(admin, 'voxeme_http_too_large_total', 'kind="header"'), 3);
});

test('max-body-bytes: 413, announced or chunked', async (t) => {
  const { admin, raw, path, owner } = await setup(t, { 'max-body-bytes': 10 });
  const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nContent-Type: application/json\r\n`;
  for (const request of [`${head}Content-Length: 11\r\n\r\n${'x'.repeat(11)}`, `${head}Content-Length: 999999999999\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n`]) {
    const over = await raw();
    over.write(request);
    const text = await over.end();
    assert.equal(status(text), 413, text);
    assert.equal(typeof jsonOf(text).msg, 'string');
  }
  assert.equal(await read(admin, 'voxeme_http_too_large_total', 'kind="body"'), 3);
});

for (const [setting, value] of [['rate-limit-per-minute', 5], ['rate-limit-per-hour', 7]]) {
  test(`${setting}: 429 with Retry-After, for this account only`, async (t) => {
    const a = account('a'), b = account('b');
    const { sw, client, admin, path } = await setup(t, { [setting]: value }, [a, b]);
    for (let i = 0; i < value; i++) assert.equal((await client.get(path)).status, 200, `request ${i + 1}`);
    const over = await client.get(path);
    assert.equal(over.status, 429);
    const retry = Number(over.headers['retry-after']);
    assert.ok(retry >= 1 && retry <= (setting.endsWith('hour') ? 3600 : 60), over.headers['retry-after']);
    assert.equal(typeof over.json.msg, 'string');
    assert.equal((await sw.client(b.token).get(callsOf(b))).status, 200, 'another account is not touched');
    for (let i = 0; i < 2 * value; i++) assert.equal((await admin.get(path)).status, 200, 'an admin is not limited');
    assert.equal(await read(admin, 'voxeme_requests_limited_total'), 1);
  });
}

test('max-streams-per-account: 429 with Retry-After, for this account only, taken up by a reload', async (t) => {
  const a = account('a'), b = account('b');
  const { sw, client, admin, path, adminToken } = await setup(t, { 'max-streams-per-account': 2 }, [a, b]);
  const open = async (Kind, at, token) => {
    const feed = await Kind.open(sw.url, at, { token });
    t.after(() => feed.close());
    await feed.until((f) => f.messages.length > 0);
    return feed;
  };
  const first = await open(Feed, path, a.token);
  await open(Events, path, a.token);
  const refusal = await Feed.open(sw.url, path, { token: a.token }).then(() => assert.fail('a third was let in'), (error) => error.response);
  assert.equal(refusal.statusCode, 429);
  assert.ok(Number(refusal.headers['retry-after']) >= 1);
  await open(Feed, callsOf(b), b.token);
  await open(Feed, path, adminToken);
  assert.equal((await client.get(path)).status, 200, 'the list is not touched');
  assert.equal(await read(admin, 'voxeme_streams_limited_total'), 1);
  first.close();
  await deadline((async () => { while (await read(admin, 'voxeme_http_streams', 'kind="websocket"') > 2); })(), 'the first to be gone');
  await open(Feed, path, a.token);
  assert.equal(await Feed.refused(sw.url, path, { token: a.token }), 429);
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'max-streams-per-account': 3 } }, /reloaded/);
  await open(Feed, path, a.token);
});

test('a held request counts once', async (t) => {
  const { sw, client, path } = await setup(t, { 'rate-limit-per-minute': 3 });
  const first = await client.get(path);
  const held = client.get(`${path}?wait=30`, { headers: { 'If-None-Match': first.headers.etag } });
  await busyCall(t, sw);
  assert.equal((await held).status, 200);
  assert.equal((await client.get(path)).status, 200);
  assert.equal((await client.get(path)).status, 429);
});

test('pipelining: answers come in the order of the requests', async (t) => {
  const { raw, get } = await setup(t, {});
  const connection = await raw();
  connection.write(get() + get('/healthz') + get('/nowhere') + get() + get(undefined, 'Connection: close\r\n'));
  const statuses = [...(await connection.end()).matchAll(/HTTP\/1\.1 (\d{3})/g)].map((m) => Number(m[1]));
  assert.deepEqual(statuses, [200, 200, 404, 200, 200]);
});

test('max-query-parameters', async (t) => {
  const { sw, admin, client, path } = await setup(t, {});
  assert.equal((await client.get(`${path}?${'a=b&'.repeat(64)}`)).status, 200);
  assert.equal((await client.get(`${path}?${'a=b&'.repeat(65)}`)).status, 400);
  assert.equal(await read(admin, 'voxeme_http_too_large_total', 'kind="query"'), 1);
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'max-query-parameters': 8 } }, /reloaded/);
  assert.equal((await client.get(`${path}?${'a=b&'.repeat(8)}`)).status, 200);
  assert.equal((await client.get(`${path}?${'a=b&'.repeat(9)}`)).status, 400);
  assert.equal(await read(admin, 'voxeme_http_too_large_total', 'kind="query"'), 2);
});

test('malformed requests get 400 or are closed, and the server lives on', async (t) => {
  const { admin, client, path, raw } = await setup(t, {});
  for (const request of ['\r\n\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', `${'\0'.repeat(64)}\r\n\r\n`, 'GET / HTTP/1.1\r\nContent-Length: -1\r\nHost: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc',
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n']) {
    const connection = await raw();
    connection.socket.end(Buffer.from(request, 'latin1'));
    const text = await connection.end();
    if (text) assert.ok(status(text) >= 400 && status(text) < 600, `${JSON.stringify(request)}: ${text}`);
  }
  assert.ok(await read(admin, 'voxeme_http_malformed_total') >= 7);
  assert.equal((await client.get(path)).status, 200);
});

test('a client that goes away while its request is held costs nothing more', async (t) => {
  const { sw, admin, client, path, raw, get } = await setup(t, {});
  const first = await client.get(path);
  const gone = await Promise.all(Array.from({ length: 20 }, () => raw()));
  for (const connection of gone) connection.write(get(`${path}?wait=60`, `If-None-Match: ${first.headers.etag}\r\n`));
  await deadline((async () => { while (await read(admin, 'voxeme_http_held_requests') < 20); })(), '20 held requests');
  for (const connection of gone) connection.destroy();
  await deadline((async () => { while (await read(admin, 'voxeme_http_held_requests') > 0); })(), 'no held request');
  assert.equal(await read(admin, 'voxeme_http_half_closed_total'), 20);
  await busyCall(t, sw);
  assert.equal((await client.get(path)).status, 200);
});

// Calls with long names, so that a list is larger than what sockets buffer.
async function largeList(t, sw, client, path) {
  const N = 100;
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1[call_number]', to: '486', display: `"${'n'.repeat(900)}"` }, s.invite(), s.trying(), s.refused(486)),
    remote: sw.sip, calls: N, rate: 100, transport: 'tcp',
  });
  await sipp.finished();
  const watch = new Watch(client, path);
  await watch.until((calls) => calls.length === N && calls.every((c) => c.call_status === 'busy'));
}

const rssKiB = async (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);

test('clients that do not read: bounded memory, closed in time, nobody else waits', async (t) => {
  const { sw, admin, client, path, raw, get } = await setup(t, { 'write-timeout-seconds': 2, 'rate-limit-per-minute': 0 });
  await largeList(t, sw, client, path);
  const before = await rssKiB(sw.pid);
  const stuck = await Promise.all(Array.from({ length: 20 }, () => raw({ paused: true })));
  for (const connection of stuck) connection.write(get().repeat(200)); // 200 answers of 130 kB each
  // Until they have been closed, another client is served as ever.
  let longest = 0, requests = 0;
  await deadline((async () => {
    while (await read(admin, 'voxeme_http_timeouts_total', 'kind="write"') < stuck.length) {
      const began = Date.now();
      assert.equal((await client.get(path)).status, 200);
      longest = Math.max(longest, Date.now() - began);
      requests++;
    }
  })(), 'clients that do not read to be closed', 30_000 * SLOW);
  assert.ok(requests > 10, `${requests} requests meanwhile`);
  // Had it to wait for one of those, it would take their two seconds.
  assert.ok(longest < 1000 * SLOW, `one took ${longest} ms`);
  if (!process.env.VOXEME_TEST_SLOW) {
    const grown = await rssKiB(sw.pid) - before;
    assert.ok(grown < 32 * 1024, `grew by ${grown} KiB`);
  }
  assert.equal(await read(admin, 'voxeme_http_timeouts_total', 'kind="write"'), stuck.length);
});

// Reads a piece, stops for a while, and so on.
function readSlowly(raw, ms) {
  raw.resume();
  raw.socket.on('data', () => { raw.socket.pause(); setTimeout(() => raw.socket.resume(), ms); });
}

test('min-write-bytes-per-second: a byte now and then is not enough, a little is', async (t) => {
  // A piece is 64 KiB at most: 110 kB a second for the one, 3 MB for the other.
  const { sw, admin, client, path, raw, get } = await setup(t, { 'write-timeout-seconds': 1, 'min-write-bytes-per-second': 300_000, 'rate-limit-per-minute': 0 });
  await largeList(t, sw, client, path);
  const slow = await raw({ paused: true }), faster = await raw({ paused: true });
  slow.write(get().repeat(200));
  readSlowly(slow, 600);
  faster.write(get().repeat(59) + get(undefined, 'Connection: close\r\n'));
  readSlowly(faster, 20);
  await slow.end();
  assert.ok(await read(admin, 'voxeme_http_timeouts_total', 'kind="slow"') + await read(admin, 'voxeme_http_timeouts_total', 'kind="write"') >= 1);
  assert.equal([...(await faster.end()).matchAll(/HTTP\/1\.1 200/g)].length, 60);
});

test('what the kernel has not got rid of yet is not cut off while a client still takes it', async (t) => {
  const { sw, client, path, raw, get } = await setup(t, { 'write-timeout-seconds': 3 });
  await largeList(t, sw, client, path);
  const expected = Buffer.from((await client.get(path)).text).toString('latin1');
  const slow = await raw({ paused: true });
  const answers = 6;
  slow.write(get().repeat(answers - 1) + get(undefined, 'Connection: close\r\n'));
  readSlowly(slow, 400); // longer, in all, than a client is given to close when it has got all
  assert.equal((await slow.end()).split(expected).length, answers + 1);
});

test('a client that reads slowly gets all of it', async (t) => {
  const { sw, client, path, raw, get } = await setup(t, { 'write-timeout-seconds': 2, 'rate-limit-per-minute': 0 });
  await largeList(t, sw, client, path);
  const expected = (await client.get(path)).text;
  const slow = await raw({ paused: true });
  const answers = 60;
  slow.write(get().repeat(answers - 1) + get(undefined, 'Connection: close\r\n'));
  readSlowly(slow, 5); // always within the time
  const text = await slow.end();
  assert.equal([...text.matchAll(/HTTP\/1\.1 200/g)].length, answers);
  assert.equal(text.split(Buffer.from(expected).toString('latin1')).length, answers + 1, 'every body whole');
});

test('max-response-memory: an answer beyond it is 503, others and the server live on', async (t) => {
  const settings = { 'max-response-memory': 1048576, 'max-field-bytes': 20000 };
  const { sw, owner, admin, client, path } = await setup(t, settings);
  const small = account('small', { realms: ['small.example'] });
  await sw.reload({ ...sw.spec, accounts: [owner, small] }, /reloaded/);
  // 80 calls with names of 15,000 bytes: a list of 1.2 MB.
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1[call_number]', to: '486', display: `"${'n'.repeat(15000)}"` }, s.invite(), s.trying(), s.refused(486)),
    remote: sw.sip, calls: 80, rate: 100, transport: 'tcp', args: ['-buff_size', '200000'],
  });
  await sipp.finished();
  await busyCall(t, sw, { toHost: 'small.example' });
  const over = await client.get(path);
  assert.equal(over.status, 503, over.text.slice(0, 200));
  assert.equal(typeof over.json.msg, 'string');
  assert.equal(await read(admin, 'voxeme_http_requests_total', 'code="503"'), 1);
  const fits = await sw.client(small.token).get(callsOf(small));
  assert.deepEqual([fits.status, fits.json.length], [200, 1], 'what fits is answered');
  await sw.reload({ ...sw.spec, settings: { ...settings, 'max-response-memory': 1 << 30 } }, /reloaded/);
  assert.deepEqual((await client.get(path)).json.map((c) => c.caller_name.length), Array(80).fill(15000), 'with more of it, all is');
});

test('max-calls: further calls are counted, not kept, and are put through', async (t) => {
  const { sw, admin, client, path } = await setup(t, { 'max-calls': 2 });
  const one = await liveCall(t, sw), two = await liveCall(t, sw);
  await new Watch(client, path).until((calls) => calls.length === 2);
  const three = await liveCall(t, sw);
  assert.equal((await client.get(path)).json.length, 2);
  assert.ok(await read(admin, 'voxeme_calls_refused_total') >= 1);
  for (const call of [one, two, three]) await call.hangUp();
});
