// The API as a client meets it: answers, headers, filters, polling.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { ANSWER, BUSY, busyCall, liveCall } from './lib/calls.mjs';
import { demo, route } from './lib/config.mjs';
import { read } from './lib/metrics.mjs';
import * as s from './lib/scenario.mjs';
import { checkList, validator } from './lib/schema.mjs';
import { Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { SLOW } from './lib/wait.mjs';
import { callsOf, Recorder, Watch } from './lib/watch.mjs';

async function setup(t, { settings, routes = [ANSWER, BUSY] } = {}) {
  const owner = demo();
  const adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], settings, routes });
  const client = sw.client(owner.token);
  return { sw, owner, client, admin: sw.client(adminToken), adminToken, path: callsOf(owner), watch: new Watch(client, callsOf(owner)) };
}

const cursorOf = (answer) => /^W\/"([0-9a-f]+\.\d+)"$/.exec(answer.headers.etag)[1];

test('the list keeps to the schema of the contract, empty, live and ended', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const empty = await client.get(path);
  assert.equal(empty.text, '[]');
  checkList(empty.json);
  const live = await liveCall(t, sw);
  await watch.call(live.callId, 'in-progress');
  checkList(watch.calls);
  await live.hangUp();
  await busyCall(t, sw);
  await watch.until((calls) => calls.length === 2 && calls.every((c) => 'duration' in c));
  checkList(watch.calls);
  assert.deepEqual(watch.calls.map((c) => c.to), ['486', '1000'], 'newest first');
});

test('every answer of the list validates against the OpenAPI document that is served', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  await busyCall(t, sw);
  await watch.until((calls) => calls[0]?.call_status === 'busy');
  const document = (await sw.client().get('/v1/openapi.json')).json;
  assert.match(document.openapi, /^3\./);
  const get = document.paths['/v1/Accounts/{account_sid}/Calls'].get;
  assert.equal(get.operationId, 'getCalls');
  // References point into the document; ajv resolves them against a schema that holds it.
  const inline = (node) => {
    if (Array.isArray(node)) return node.map(inline);
    if (node === null || typeof node !== 'object') return node;
    if (node.$ref) return inline(node.$ref.slice(2).split('/').reduce((at, key) => at[key], document));
    return Object.fromEntries(Object.entries(node).filter(([k]) => !['example', 'examples', 'nullable'].includes(k)).map(([k, v]) => [k, inline(v)]));
  };
  validator(inline(get.responses['200'].content['application/json'].schema))((await client.get(path)).json);
});

test('credentials', async (t) => {
  const { sw, owner, client, path } = await setup(t);
  const none = await client.get(path, { token: null });
  assert.equal(none.status, 401);
  assert.equal(none.headers['www-authenticate'], 'Bearer realm="voxeme"');
  assert.equal(typeof none.json.msg, 'string');
  for (const token of [randomUUID(), 'x', `${owner.token}x`, owner.token.slice(0, -1)]) {
    const wrong = await client.get(path, { token });
    assert.equal(wrong.status, 401, token);
    assert.equal(wrong.headers['www-authenticate'], 'Bearer realm="voxeme", error="invalid_token"');
    assert.ok(!wrong.text.includes(token));
  }
  const basic = await client.get(path, { token: null, headers: { Authorization: 'Basic Zm9vOmJhcg==' } });
  assert.equal(basic.status, 401);
  assert.equal((await client.get(path, { token: null, headers: { Authorization: `bearer ${owner.token}` } })).status, 200, 'the scheme in any case');
  assert.equal((await sw.client().get(`${path}?access_token=${owner.token}`)).status, 401, 'no token in a URL');
});

test('errors are JSON with a message', async (t) => {
  const { client, owner, path } = await setup(t);
  const cases = [
    ['GET', '/nowhere', 404], ['GET', '/v1/Accounts', 404], ['GET', `${path}/${randomUUID()}`, 404],
    ['GET', `${path}/not-a-sid`, 400], ['GET', '/v1/Accounts/not-a-sid/Calls', 400],
    ['GET', `${path}?direction=sideways`, 400], ['GET', `${path}?callStatus=bogus`, 400], ['GET', `${path}?state=limbo`, 400],
    ['GET', `${path}?page=0`, 400], ['GET', `${path}?page=x`, 400], ['GET', `${path}?page=1&page_size=501`, 400], ['GET', `${path}?page=1&page_size=0`, 400],
    ['GET', `${path}?wait=0`, 400], ['GET', `${path}?wait=61`, 400], ['GET', `${path}?since=nonsense`, 400],
    ['PATCH', path, 405], ['DELETE', path, 405], ['POST', `/v1/Accounts/${owner.sid}/CallCount`, 405],
  ];
  for (const [method, url, status] of cases) {
    const answer = await client.request(method, url);
    assert.equal(answer.status, status, `${method} ${url}: ${answer.text}`);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(typeof answer.json.msg, 'string');
    assert.ok(answer.json.msg.length > 0);
    if (status === 405) assert.match(answer.headers.allow, /GET/);
  }
});

test('the headers of every answer', async (t) => {
  const { sw, client, path } = await setup(t);
  for (const [url, token] of [[path, undefined], [path, null], ['/nowhere', undefined], ['/healthz', null]]) {
    const answer = await client.get(url, token === null ? { token } : {});
    const h = answer.headers;
    assert.equal(h['access-control-allow-origin'], '*', url);
    assert.equal(h.connection, 'keep-alive');
    assert.equal(Number(h['content-length']), Buffer.byteLength(answer.text));
    assert.ok(Math.abs(Date.parse(h.date) - Date.now()) < 5000, h.date);
    assert.match(h.server, /^voxeme\/\d+\.\d+\.\d+$/);
    assert.equal(h['x-content-type-options'], 'nosniff');
    if (url !== '/healthz') assert.equal(h['cache-control'], 'no-cache');
  }
  assert.equal((await sw.client().get('/healthz')).status, 200);
});

test('CORS: another origin when one is configured; preflight', async (t) => {
  const { client, path } = await setup(t, { settings: { 'cors-origin': 'https://dash.example' } });
  const answer = await client.request('OPTIONS', path, {
    token: null, headers: { Origin: 'https://dash.example', 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization' },
  });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['access-control-allow-origin'], 'https://dash.example');
  assert.match(answer.headers['access-control-allow-methods'], /GET/);
  assert.match(answer.headers['access-control-allow-headers'], /authorization/i);
  assert.equal((await client.get(path)).headers['access-control-allow-origin'], 'https://dash.example');
});

test('HEAD is GET without its body', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  await watch.call(await busyCall(t, sw), 'busy');
  const get = await client.get(path), head = await client.request('HEAD', path);
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
  for (const name of ['content-length', 'content-type', 'etag', 'cache-control']) assert.equal(head.headers[name], get.headers[name], name);
});

test('keep-alive: one connection serves many requests', async (t) => {
  const { sw, owner, path } = await setup(t);
  const client = sw.client(owner.token, { maxSockets: 1 });
  const first = (await client.get(path)).socket;
  for (let i = 0; i < 20; i++) assert.equal((await client.get(path)).socket, first);
});

test('ETag and 304', async (t) => {
  const { sw, client, path } = await setup(t);
  const first = await client.get(path);
  assert.match(first.headers.etag, /^W\/"[0-9a-f]+\.\d+"$/);
  const same = await client.get(path, { headers: { 'If-None-Match': first.headers.etag } });
  assert.equal(same.status, 304);
  assert.equal(same.text, '');
  assert.equal(same.headers.etag, first.headers.etag);
  assert.equal((await client.get(path, { headers: { 'If-None-Match': `"x", ${first.headers.etag}` } })).status, 304, 'in a list');
  await busyCall(t, sw);
  const next = await client.get(path, { headers: { 'If-None-Match': first.headers.etag } });
  assert.equal(next.status, 200);
  assert.notEqual(next.headers.etag, first.headers.etag);
  assert.equal(next.json.length, 1);
});

test('a long poll is held until something changes, or its time is over', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const first = await client.get(path);
  const began = Date.now();
  const idle = await client.get(`${path}?wait=1`, { headers: { 'If-None-Match': first.headers.etag } });
  assert.equal(idle.status, 304);
  assert.ok(Date.now() - began >= 950, `held ${Date.now() - began} ms`);

  const at = Date.now();
  const held = client.get(`${path}?wait=30`, { headers: { 'If-None-Match': first.headers.etag } });
  const callId = await busyCall(t, sw);
  const answer = await held;
  assert.equal(answer.status, 200);
  assert.equal(answer.json[0].call_id, callId);
  assert.ok(Date.now() - at < 15_000, 'long before its time');

  await watch.call(callId, 'busy');
  const behind = await client.get(`${path}?wait=30`, { headers: { 'If-None-Match': first.headers.etag } });
  assert.equal(behind.status, 200, 'a client that is behind is not held');
});

test('since: what changed, and nothing else', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const empty = cursorOf(await client.get(path));
  const one = await busyCall(t, sw);
  await watch.call(one, 'busy');
  const first = (await client.get(`${path}?since=${empty}`)).json;
  assert.deepEqual(first.calls.map((c) => c.call_id), [one]);
  assert.deepEqual(first.removed, []);
  assert.equal(first.reset, undefined);
  const two = await busyCall(t, sw);
  await watch.call(two, 'busy');
  const second = (await client.get(`${path}?since=${first.revision}`)).json;
  assert.deepEqual(second.calls.map((c) => c.call_id), [two]);
  checkList(second.calls);
  assert.deepEqual((await client.get(`${path}?since=${second.revision}`)).json, { revision: second.revision, calls: [], removed: [] });
  const both = (await client.get(`${path}?since=${empty}`)).json;
  assert.deepEqual(both.calls.map((c) => c.call_id).sort(), [one, two].sort());
  assert.equal(both.revision, second.revision);
});

test('since of another epoch is a reset with all calls', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const callId = await busyCall(t, sw);
  await watch.call(callId, 'busy');
  const answer = (await client.get(`${path}?since=0123456789abcdef.5`)).json;
  assert.equal(answer.reset, true);
  assert.deepEqual(answer.calls.map((c) => c.call_id), [callId]);
  assert.equal(answer.revision, cursorOf(await client.get(path)));
});

test('since with wait is held until something changes', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const cursor = cursorOf(await client.get(path));
  const held = client.get(`${path}?since=${cursor}&wait=30`);
  const callId = await busyCall(t, sw);
  const answer = await held;
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json.calls.map((c) => c.call_id), [callId]);
  assert.notEqual(answer.json.revision, cursor);
  await watch.call(callId, 'busy');
  const last = cursorOf(await client.get(path));
  const began = Date.now();
  const idle = await client.get(`${path}?since=${last}&wait=1`);
  assert.equal(idle.status, 200);
  assert.deepEqual(idle.json, { revision: last, calls: [], removed: [] });
  assert.ok(Date.now() - began >= 900);
});

test('states never go back, seen change by change', async (t) => {
  const { sw, client, path, watch } = await setup(t, { routes: [route('^1\\d*$', 'answer', { ring: '0.1' })] });
  const recorder = await Recorder.start(client, path);
  const calls = 10;
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '1[call_number]' }, s.invite(), s.trying(), s.recv(180), s.answered(), s.bye()), remote: sw.sip, calls, rate: 50,
  });
  await sipp.finished();
  await watch.until((list) => list.length === calls && list.every((c) => c.call_status === 'completed'));
  await recorder.stop();
  const order = ['trying', 'ringing', 'early-media', 'in-progress', 'completed'];
  assert.equal(recorder.states.size, calls);
  for (const seen of recorder.states.values()) {
    assert.deepEqual(seen, [...seen].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
    assert.equal(seen.at(-1), 'completed');
  }
});

test('filters and pages', async (t) => {
  const { sw, client, path, watch } = await setup(t);
  const live = await liveCall(t, sw, { from: '111', to: '1001' });
  for (const from of ['222', '333']) await busyCall(t, sw, { from });
  await watch.until((calls) => calls.length === 3 && calls.filter((c) => c.call_status === 'busy').length === 2);
  const from = async (query) => (await client.get(`${path}?${query}`)).json.map((c) => c.from);
  assert.deepEqual(await from(''), ['333', '222', '111']);
  assert.deepEqual(await from('from=222'), ['222']);
  assert.deepEqual(await from('to=486'), ['333', '222']);
  assert.deepEqual(await from('to=486&from=333'), ['333']);
  assert.deepEqual(await from('direction=inbound'), ['333', '222', '111']);
  assert.deepEqual(await from('direction=outbound'), []);
  assert.deepEqual(await from('callStatus=busy'), ['333', '222']);
  assert.deepEqual(await from('call_status=in-progress'), ['111']);
  assert.deepEqual(await from('callStatus=in-progress,busy'), ['333', '222', '111']);
  assert.deepEqual(await from('state=live'), ['111']);
  assert.deepEqual(await from('state=ended'), ['333', '222']);
  assert.deepEqual(await from('colour=red'), ['333', '222', '111'], 'unknown parameters are ignored');
  const page = async (query) => {
    const { data, ...rest } = (await client.get(`${path}?${query}`)).json;
    return { ...rest, data: data.map((c) => c.from) };
  };
  assert.deepEqual(await page('page=1&page_size=2'), { total: 3, page: 1, page_size: 2, data: ['333', '222'] });
  assert.deepEqual(await page('page=2&page_size=2'), { total: 3, page: 2, page_size: 2, data: ['111'] });
  assert.deepEqual(await page('page=9&page_size=2'), { total: 3, page: 9, page_size: 2, data: [] });
  assert.deepEqual(await page('page=1&page_size=1&state=ended'), { total: 2, page: 1, page_size: 1, data: ['333'] });
  await live.hangUp();
});

test('a single call, and the counts', async (t) => {
  const { sw, client, admin, owner, path, watch } = await setup(t);
  const live = await liveCall(t, sw);
  const call = await watch.call(live.callId, 'in-progress');
  const one = await client.get(`${path}/${call.call_sid}`);
  assert.equal(one.status, 200);
  assert.deepEqual(one.json, call);
  const count = async () => (await client.get(`/v1/Accounts/${owner.sid}/CallCount`)).json;
  assert.deepEqual(await count(), { inbound: 1, outbound: 0 });
  await live.hangUp();
  await watch.call(live.callId, 'completed');
  assert.deepEqual(await count(), { inbound: 0, outbound: 0 });
  assert.equal((await client.get(`${path}/${call.call_sid}`)).json.call_status, 'completed');
  assert.deepEqual((await admin.get('/v1/Calls')).json, watch.calls);
});

test('retention: an ended call goes, and since says so', async (t) => {
  const { sw, client, owner, path, watch } = await setup(t, { settings: { 'retention-seconds': 1 } });
  const live = await liveCall(t, sw);
  const callId = await busyCall(t, sw);
  const call = await watch.call(callId, 'busy');
  const cursor = cursorOf(await client.get(path));
  await watch.until((calls) => !calls.some((c) => c.call_id === callId), 'the ended call to go');
  const kept = Date.now() - Date.parse(call.terminated_at);
  assert.ok(kept >= 995, `kept ${kept} ms`);
  assert.ok(kept < 5000 * SLOW, `kept ${kept} ms`);
  const since = (await client.get(`${path}?since=${cursor}`)).json;
  assert.deepEqual(since.removed, [call.call_sid]);
  assert.deepEqual(since.calls, []);
  assert.equal((await client.get(`${path}/${call.call_sid}`)).status, 404);
  assert.deepEqual((await client.get(`/v1/Accounts/${owner.sid}/CallCount`)).json, { inbound: 1, outbound: 0 });
  assert.equal(watch.calls.length, 1, 'a live call stays');
  await live.hangUp();
  await watch.until((calls) => calls.length === 0, 'nothing to be left');
});

test('/metrics is for admins and configured sources', async (t) => {
  const { sw, client, admin } = await setup(t, { settings: { 'metrics-allow': '127.0.0.2/32' } });
  assert.equal((await client.get('/metrics', { token: null })).status, 401);
  assert.equal((await client.get('/metrics')).status, 403);
  const answer = await admin.get('/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  for (const line of answer.text.trimEnd().split('\n')) assert.match(line, /^(# (HELP|TYPE) |[a-z_]+(\{[^}]*\})? [-+0-9.eE]+$)/);
  assert.equal((await sw.client(undefined, { localAddress: '127.0.0.2' }).get('/metrics')).status, 200);
  assert.equal(await read(admin, 'voxeme_calls'), 0);
  await busyCall(t, sw);
  assert.equal(await read(admin, 'voxeme_calls'), 1);
});

test('the page, compressed and not, and its files', async (t) => {
  const { sw } = await setup(t);
  const client = sw.client();
  const page = await client.get('/');
  assert.equal(page.status, 200);
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(page.headers['content-security-policy'], /^default-src 'none'; /);
  assert.doesNotMatch(page.headers['content-security-policy'], /unsafe|http|\*/);
  assert.equal(page.headers['cache-control'], 'no-cache');
  assert.match(page.headers.vary, /Accept-Encoding/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  for (const [, path] of page.text.matchAll(/(?:src|href)="([^"#]+)"/g)) {
    const file = await client.get(`/${path}`.replace('//', '/'));
    assert.equal(file.status, 200, path);
    assert.equal((await client.get(`/${path}`.replace('//', '/'), { headers: { 'If-None-Match': file.headers.etag } })).status, 304, path);
  }
  const compressed = await client.get('/', { headers: { 'Accept-Encoding': 'br, gzip' } });
  assert.equal(compressed.headers['content-encoding'], 'gzip');
  assert.ok(Number(compressed.headers['content-length']) < Buffer.byteLength(page.text));
  assert.equal((await client.get('/', { headers: { 'Accept-Encoding': 'gzip;q=0' } })).headers['content-encoding'], undefined);
  const head = await client.request('HEAD', '/');
  assert.equal(head.headers['content-length'], page.headers['content-length']);
  assert.equal((await client.request('POST', '/')).status, 405);
  assert.equal((await client.get('/dashboard/nothing.js')).status, 404);
});
