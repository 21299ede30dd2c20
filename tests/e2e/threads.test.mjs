// The API served by several threads: clients are dealt out, limits hold for all of them together, and
// a reload, a stop and a revoked token reach every one.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import test from 'node:test';
import { ANSWER, BUSY, busyCall, liveCall } from './lib/calls.mjs';
import { account, demo } from './lib/config.mjs';
import { Events, Feed } from './lib/feed.mjs';
import { Raw } from './lib/http.mjs';
import { metric, read } from './lib/metrics.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const THREADS = 3;

async function setup(t, settings = {}, accounts = [demo()]) {
  const adminToken = randomUUID(), [owner] = accounts;
  const sw = await Switch.start(t, {
    accounts, adminTokens: [adminToken], settings: { threads: THREADS, 'rate-limit-per-minute': 0, ...settings }, routes: [BUSY, ANSWER],
  });
  return { sw, owner, path: callsOf(owner), adminToken, client: sw.client(owner.token), admin: sw.client(adminToken, { maxSockets: 1 }) };
}

const perThread = (text) => Array.from({ length: THREADS }, (_, i) => metric(text, 'voxeme_http_thread_connections', `thread="${i + 1}"`));

async function feeds(t, sw, path, token, count) {
  const all = await Promise.all(Array.from({ length: count }, (_, i) => (i % 2 ? Events : Feed).open(sw.url, path, { token })));
  t.after(() => { for (const feed of all) feed.close(); });
  await Promise.all(all.map((feed) => feed.until((f) => f.messages.length > 0)));
  return all;
}

test('a burst of clients is dealt out to all threads, and each is told of every call', async (t) => {
  const { sw, owner, path, admin } = await setup(t);
  const all = await feeds(t, sw, path, owner.token, 150);
  const spread = perThread((await admin.get('/metrics')).text);
  assert.equal(spread.reduce((a, b) => a + b), 151);
  assert.ok(Math.max(...spread) - Math.min(...spread) <= 1, String(spread));
  const call = await liveCall(t, sw);
  await Promise.all(all.map((feed) => feed.call(call.callId, 'in-progress')));
  await call.hangUp();
  await Promise.all(all.map((feed) => feed.call(call.callId, 'completed')));
});

test('max-connections holds for all threads together', async (t) => {
  const { sw, admin } = await setup(t, { 'max-connections': 10 });
  await read(admin, 'voxeme_http_connections'); // one
  const open = async () => {
    const raw = await Raw.open(sw.httpPort);
    t.after(() => raw.destroy());
    raw.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    return (await raw.until((text) => text.includes('\r\n\r\n'))).slice(9, 12);
  };
  const answers = await Promise.all(Array.from({ length: 40 }, open));
  assert.equal(answers.filter((status) => status === '200').length, 9);
  assert.equal(answers.filter((status) => status === '503').length, 31);
  assert.equal(await read(admin, 'voxeme_http_refused_total', 'reason="max-connections"'), 31);
});

test('a reload reaches all threads: a revoked token closes its feeds, new limits hold, the others stay', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'], tokens: [randomUUID(), randomUUID()] });
  const { sw, path } = await setup(t, {}, [a]);
  const [kept, revoked] = a.tokens;
  const stay = await feeds(t, sw, path, kept, 18), go = await feeds(t, sw, path, revoked, 18);
  const idle = await Promise.all(Array.from({ length: 9 }, () => Raw.open(sw.httpPort)));
  t.after(() => { for (const raw of idle) raw.destroy(); });
  await sw.reload({ ...sw.spec, accounts: [{ ...a, tokens: [kept] }], settings: { ...sw.spec.settings, 'max-query-parameters': 8 } }, /reloaded/);
  for (const feed of go) {
    await feed.until((f) => f.ended);
    if (feed instanceof Feed) assert.equal(feed.ended.code, 4401);
  }
  for (const raw of idle) raw.write(`GET ${path}?${'a=b&'.repeat(9)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${kept}\r\n\r\n`);
  for (const raw of idle) assert.equal((await raw.until((text) => text.includes('\r\n\r\n'))).slice(9, 12), '400');
  const callId = await busyCall(t, sw);
  await Promise.all(stay.map((feed) => feed.call(callId, 'busy')));
  assert.ok(stay.every((feed) => !feed.ended));
});

test('a change of threads needs a restart and is named', async (t) => {
  const { sw, client, path } = await setup(t);
  const tasks = async () => (await readdir(`/proc/${sw.pid}/task`)).length;
  const before = await tasks();
  await sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, threads: 1 } }, /threads has changed and needs a restart/);
  assert.equal((await client.get(path)).status, 200);
  await sw.stop();
  await sw.restart();
  assert.equal(await tasks(), before - THREADS + 1);
  assert.equal((await sw.client(sw.spec.accounts[0].token).get(path)).status, 200);
});

test('reloads and calls while lists, long polls and feeds go on, then a stop: all are answered', async (t) => {
  const { sw, owner, path, client } = await setup(t);
  const all = await feeds(t, sw, path, owner.token, 30);
  let over = false;
  const pollers = Array.from({ length: 6 }, async () => {
    const own = sw.client(owner.token, { maxSockets: 1 });
    let answers = 0;
    for (let etag; !over; answers++) {
      const { status, headers } = await own.get(answers % 2 ? path : `${path}?wait=5`, { headers: etag ? { 'If-None-Match': etag } : {} });
      assert.ok(status === 200 || status === 304, String(status));
      etag = headers.etag;
    }
    return answers;
  });
  const callIds = [];
  for (let i = 0; i < 4; i++) {
    await sw.reload(undefined, /reloaded/);
    callIds.push(await busyCall(t, sw));
  }
  for (const callId of callIds) await Promise.all(all.map((feed) => feed.call(callId, 'busy')));
  await new Watch(client, path).until((calls) => calls.length === callIds.length);
  over = true;
  for (const n of await Promise.all(pollers)) assert.ok(n > 0);

  const { etag } = (await client.get(path)).headers;
  const held = await Promise.all(Array.from({ length: 9 }, () => Raw.open(sw.httpPort)));
  for (const raw of held) raw.write(`GET ${path}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nIf-None-Match: ${etag}\r\n\r\n`);
  const admin = sw.client(sw.spec.adminTokens[0], { maxSockets: 1 });
  await deadline((async () => { while (await read(admin, 'voxeme_http_held_requests') < held.length); })(), 'all to be held');
  const end = await sw.stop();
  assert.equal(end.code, 0);
  assert.ok(end.ms < 2000 * SLOW, `it took ${end.ms} ms`);
  for (const raw of held) assert.equal((await raw.end()).slice(9, 12), '304');
  for (const feed of all) {
    await feed.until((f) => f.ended);
    if (feed instanceof Feed) assert.equal(feed.ended.code, 1001);
  }
});
