// The live feed: WebSocket and server-sent events, with real calls.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { ANSWER, BUSY, busyCall, liveCall } from './lib/calls.mjs';
import { account, demo } from './lib/config.mjs';
import { Events, Feed, SUBPROTOCOL } from './lib/feed.mjs';
import { read } from './lib/metrics.mjs';
import { validator } from './lib/schema.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function setup(t, { settings, accounts = [] } = {}) {
  const owner = demo();
  const adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner, ...accounts], adminTokens: [adminToken], settings, routes: [ANSWER, BUSY] });
  const path = callsOf(owner);
  const client = sw.client(owner.token);
  const open = async (Kind = Feed, options = {}, query = '') => {
    const feed = await Kind.open(sw.url, path + query, { token: owner.token, ...options });
    t.after(() => feed.close());
    return feed;
  };
  return { sw, owner, client, adminToken, path, open, watch: new Watch(client, path) };
}

// The feed knows what the list says, at the list's own revision.
async function agrees(feed, client, path) {
  const list = await client.get(path);
  const revision = /^W\/"(.+)"$/.exec(list.headers.etag)[1];
  await feed.until((f) => f.revision === revision, `revision ${revision}`);
  assert.deepEqual([...feed.calls.values()].sort((a, b) => (a.call_sid < b.call_sid ? -1 : 1)), list.json.sort((a, b) => (a.call_sid < b.call_sid ? -1 : 1)));
}

for (const [name, Kind] of [['WebSocket', Feed], ['server-sent events', Events]]) {
  test(`${name}: a call comes, is answered and ends`, async (t) => {
    const { sw, open, client, path } = await setup(t);
    const feed = await open(Kind);
    await feed.until((f) => f.messages.length === 1);
    assert.equal(feed.messages[0].type, 'snapshot');
    assert.deepEqual(feed.messages[0].calls, []);
    const call = await liveCall(t, sw);
    const up = await feed.call(call.callId, 'in-progress');
    await call.hangUp();
    const over = await feed.call(call.callId, 'completed');
    assert.equal(over.call_sid, up.call_sid);
    const events = feed.events(up.call_sid);
    assert.equal(events[0], 'created');
    assert.equal(events.at(-1), 'ended');
    await agrees(feed, client, path);
  });

  test(`${name}: resumes where it left off`, async (t) => {
    const { sw, open, client, path } = await setup(t);
    const first = await open(Kind);
    await busyCall(t, sw);
    await first.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
    first.close();
    await busyCall(t, sw);
    const resumed = Kind === Feed ? await open(Feed, {}, `?since=${first.revision}`) : await open(Events, { headers: { 'Last-Event-ID': first.revision } });
    await resumed.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
    assert.equal(resumed.messages[0].type, 'changes');
    assert.equal(resumed.calls.size, 1, 'only what was missed');
    const anew = await open(Kind, {}, '?since=0.0');
    await anew.until((f) => f.messages.length > 0);
    assert.equal(anew.messages[0].type, 'snapshot');
    assert.equal(anew.calls.size, 2);
    await agrees(anew, client, path);
  });
}

test('every message validates against the AsyncAPI document that is served', async (t) => {
  const { sw, open } = await setup(t);
  const document = (await sw.client().get('/v1/asyncapi.json')).json;
  assert.equal(document.asyncapi, '3.0.0');
  const inline = (node) => {
    if (Array.isArray(node)) return node.map(inline);
    if (node === null || typeof node !== 'object') return node;
    if (node.$ref) return inline(node.$ref.slice(2).split('/').reduce((at, key) => at[key], document));
    return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, inline(v)]));
  };
  const check = validator({ oneOf: Object.values(inline(document.components.messages)).map((m) => m.payload) });
  const feed = await open();
  const call = await liveCall(t, sw);
  await feed.call(call.callId, 'in-progress');
  await call.hangUp();
  await feed.call(call.callId, 'completed');
  const again = await open();
  await again.until((f) => f.messages.length > 0);
  for (const message of [...feed.messages, ...again.messages]) check(message);
});

test('the upgrade: subprotocols, credentials, versions', async (t) => {
  const other = account('other');
  const { sw, owner, path, adminToken } = await setup(t, { accounts: [other] });
  const feed = await Feed.open(sw.url, path, { token: owner.token });
  assert.equal(feed.socket.protocol, SUBPROTOCOL);
  feed.close();
  const browser = await Feed.open(sw.url, path, { protocols: [SUBPROTOCOL, `bearer.${owner.token}`] });
  assert.equal(browser.socket.protocol, SUBPROTOCOL, 'the token is not echoed');
  await browser.until((f) => f.messages.length === 1);
  browser.close();
  const bare = await Feed.open(sw.url, path, { token: owner.token, protocols: [] });
  assert.equal(bare.socket.protocol, '');
  bare.close();
  const all = await Feed.open(sw.url, '/v1/Calls', { token: adminToken });
  await all.until((f) => f.messages.length === 1);
  all.close();
  assert.equal(await Feed.refused(sw.url, path, {}), 401);
  assert.equal(await Feed.refused(sw.url, path, { token: randomUUID() }), 401);
  assert.equal(await Feed.refused(sw.url, path, { protocols: [SUBPROTOCOL, `bearer.${randomUUID()}`] }), 401);
  assert.equal(await Feed.refused(sw.url, path, { token: other.token }), 403);
  assert.equal(await Feed.refused(sw.url, '/v1/Calls', { token: owner.token }), 403);
  assert.equal(await Feed.refused(sw.url, `${path}?state=limbo`, { token: owner.token }), 400);
  assert.equal(await Feed.refused(sw.url, `${path}?page=1`, { token: owner.token }), 400);
  assert.equal(await Feed.refused(sw.url, path, { token: owner.token, protocols: ['something.else'] }), 400);
  assert.equal(await Feed.refused(sw.url, path, { token: owner.token, ws: { protocolVersion: 8 } }), 426);
});

test('permessage-deflate where the client offers it', async (t) => {
  const { sw, open, client, path } = await setup(t);
  for (let i = 0; i < 12; i++) await busyCall(t, sw);
  const feed = await open(Feed, { ws: { perMessageDeflate: true } });
  assert.match(feed.socket.extensions, /permessage-deflate/);
  await feed.until((f) => f.calls.size === 12);
  const plain = await open();
  await plain.until((f) => f.calls.size === 12);
  await busyCall(t, sw);
  await agrees(feed, client, path);
  await agrees(plain, client, path);
  assert.deepEqual([...feed.calls.values()], [...plain.calls.values()]);
  // What came over the wire is a fraction of what it stands for.
  const [less, more] = [feed, plain].map((f) => f.socket._socket.bytesRead);
  assert.ok(less < more / 2, `${less} bytes for ${more}`);
});

test('filters hold for the feed as for the list', async (t) => {
  const { sw, open } = await setup(t);
  const live = await open(Feed, {}, '?state=live');
  const call = await liveCall(t, sw);
  const { call_sid: sid } = await live.call(call.callId, 'in-progress');
  await call.hangUp();
  await live.until((f) => !f.calls.size);
  assert.equal(live.events(sid).at(-1), 'removed');
});

test('two accounts never see each other', async (t) => {
  const other = account('other');
  const { sw, open } = await setup(t, { accounts: [other] });
  const mine = await open();
  const theirs = await Feed.open(sw.url, callsOf(other), { token: other.token });
  t.after(() => theirs.close());
  await busyCall(t, sw);
  await mine.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
  await busyCall(t, sw, { headers: [`X-Account-Sid: ${other.sid}`] });
  await theirs.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
  assert.equal(mine.calls.size, 1);
  assert.equal(theirs.calls.size, 1);
  assert.ok([...theirs.calls.values()].every((c) => c.account_sid === other.sid));
});

test('a revoked token closes its feeds, the others go on', async (t) => {
  const other = account('other');
  const { sw, owner, open } = await setup(t, { accounts: [other] });
  const mine = await open();
  const events = await open(Events);
  const theirs = await Feed.open(sw.url, callsOf(other), { token: other.token });
  t.after(() => theirs.close());
  await Promise.all([mine, events, theirs].map((f) => f.until((k) => k.messages.length === 1)));
  await sw.reload({ ...sw.spec, accounts: [{ ...owner, tokens: [randomUUID()] }, other] });
  assert.equal((await mine.closed()).code, 4401);
  await events.until((f) => f.ended, 'the event stream to end').catch(() => {});
  assert.ok(events.ended);
  await busyCall(t, sw, { headers: [`X-Account-Sid: ${other.sid}`] });
  await theirs.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
});

test('an account that is taken out closes its feeds, and begins anew when it comes back', async (t) => {
  const other = account('other');
  const { sw, owner, open, adminToken } = await setup(t, { accounts: [other] });
  const path = callsOf(other), headers = [`X-Account-Sid: ${other.sid}`];
  const follow = async (query = '', Kind = Feed) => {
    const feed = await Kind.open(sw.url, path + query, { token: other.token });
    t.after(() => feed.close());
    return feed;
  };
  const mine = await open(), theirs = await follow(), admin = await Feed.open(sw.url, path, { token: adminToken });
  t.after(() => admin.close());
  await busyCall(t, sw, { headers });
  for (const feed of [theirs, admin]) await feed.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
  const ends = [theirs, admin].map((f) => f.closed());
  await sw.reload({ ...sw.spec, accounts: [owner] });
  for (const end of ends) assert.equal((await end).code, 4401);
  await assert.rejects(follow(), { status: 401 });
  await sw.reload({ ...sw.spec, accounts: [owner, other] });
  const back = await follow(`?since=${theirs.revision}`), anew = await follow('', Events);
  const callId = await busyCall(t, sw, { headers });
  for (const feed of [back, anew]) await feed.call(callId, 'busy');
  await agrees(anew, sw.client(other.token), path);
  assert.ok(!mine.ended);
});

test('a stopping server says so', async (t) => {
  const { sw, open } = await setup(t);
  const feed = await open();
  const events = await open(Events);
  await Promise.all([feed, events].map((f) => f.until((k) => k.messages.length === 1)));
  const closed = feed.closed();
  const end = await sw.stop();
  assert.equal(end.code, 0);
  assert.ok(end.ms < 2000, `${end.ms} ms`);
  assert.equal((await closed).code, 1001);
});

test('a server that starts anew: the old revision brings a snapshot', async (t) => {
  const { sw, open, client, path } = await setup(t);
  await busyCall(t, sw);
  const feed = await open();
  await feed.until((f) => f.calls.size === 1);
  feed.close();
  await sw.kill();
  await sw.restart();
  const anew = await Feed.open(sw.url, `${path}?since=${feed.revision}`, { token: sw.spec.accounts[0].token });
  t.after(() => anew.close());
  await anew.until((f) => f.messages.length === 1);
  assert.equal(anew.messages[0].type, 'snapshot');
  assert.equal(anew.calls.size, 0, 'nothing of before is kept');
  client.close();
});

test('pings are sent, and a client that does not answer them is gone', async (t) => {
  const { sw, open, adminToken } = await setup(t, { settings: { 'ping-seconds': 1 } });
  const feed = await open();
  let pings = 0;
  await new Promise((resolve) => feed.socket.on('ping', () => { if (++pings === 3) resolve(); }));
  assert.ok(!feed.ended, 'it answers, and so it stays');
  const silent = await open(Feed, { ws: { autoPong: false } });
  assert.equal((await silent.closed()).code, 1006);
  assert.equal(await read(sw.client(adminToken), 'voxeme_http_timeouts_total', 'kind="ping"'), 1);
  assert.ok(!feed.ended);
});

test('events: a comment now and then keeps the stream alive', async (t) => {
  const { open } = await setup(t, { settings: { 'ping-seconds': 1 } });
  const feed = await open(Events);
  await new Promise((resolve) => feed.response.on('data', (chunk) => { if (chunk.includes(':\n\n')) resolve(); }));
  assert.ok(!feed.ended);
});
