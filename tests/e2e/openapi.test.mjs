// What is served is what the OpenAPI document says: of each answer here the status, the headers and the body.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import test from 'node:test';
import { ANSWER, BUSY, liveCall, RING } from './lib/calls.mjs';
import { account, demo } from './lib/config.mjs';
import { Feed } from './lib/feed.mjs';
import { Raw } from './lib/http.mjs';
import { validator } from './lib/schema.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const CALLS = '/v1/Accounts/{account_sid}/Calls', CALL = `${CALLS}/{call_sid}`, COUNT = '/v1/Accounts/{account_sid}/CallCount';
// Of every answer, whatever it is; the document says so in its description.
const COMMON = ['access-control-allow-origin', 'access-control-expose-headers', 'cache-control', 'connection', 'date', 'server', 'x-content-type-options'];
const OF_HTTP = ['content-length', 'content-type', 'keep-alive', 'transfer-encoding'];
// What takes a server that is out of order, or a far end that plays its part, to be seen.
const UNSEEN = ['202', '409', '500', '504'];

class Document {
  seen = new Set();

  constructor(json) { this.json = json; }

  // `node` with what it refers to put in its place.
  whole(node) {
    if (Array.isArray(node)) return node.map((one) => this.whole(one));
    if (node === null || typeof node !== 'object') return node;
    if (node.$ref) return this.whole(node.$ref.slice(2).split('/').reduce((at, key) => at[key], this.json));
    return Object.fromEntries(Object.entries(node).filter(([key]) => key !== 'default').map(([key, value]) => [key, this.whole(value)]));
  }

  // An answer {status, headers, text} of the operation; fails unless it is described to the letter.
  check(path, method, answer) {
    const what = `${method} ${path}: ${answer.status}`;
    const described = this.whole(this.json.paths[path][method.toLowerCase()].responses[answer.status]);
    assert.ok(described, `${what} is not in the document: ${answer.text}`);
    this.seen.add(String(answer.status));
    const headers = Object.fromEntries(Object.entries(described.headers ?? {}).map(([name, header]) => [name.toLowerCase(), header]));
    for (const name of COMMON) assert.ok(name in answer.headers, `${what} lacks ${name}`);
    for (const name of Object.keys(answer.headers)) {
      assert.ok(COMMON.includes(name) || OF_HTTP.includes(name) || name in headers, `${what}: its header ${name} is not in the document`);
    }
    const type = answer.headers['content-type']?.split(';')[0];
    for (const [name, { required, schema }] of Object.entries(headers)) {
      // Server-sent events have no ETag, as the description says.
      if (required && type !== 'text/event-stream') assert.ok(name in answer.headers, `${what} lacks ${name}`);
      if (schema.type === 'integer' && name in answer.headers) assert.match(answer.headers[name], /^\d+$/, `${what}: ${name}`);
    }
    if (!described.content) {
      assert.deepEqual([answer.text, type], ['', undefined], what);
      return;
    }
    assert.ok(type in described.content, `${what}: ${type}`);
    if (type === 'application/json') validator(described.content[type].schema)(JSON.parse(answer.text));
  }
}

// An answer to bytes as they are.
async function raw(sw, bytes) {
  const socket = await Raw.open(sw.httpPort);
  socket.write(bytes);
  const text = await socket.until((all) => {
    const head = all.indexOf('\r\n\r\n');
    return head >= 0 && all.length >= head + 4 + Number(/^content-length: (\d+)/im.exec(all)?.[1] ?? 0);
  }, 'an answer');
  socket.destroy();
  const [head, ...body] = text.split('\r\n\r\n');
  const [line, ...fields] = head.split('\r\n');
  const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 2)]));
  return { status: Number(line.split(' ')[1]), headers, text: body.join('\r\n\r\n') };
}

// The head of an upgrade or of a stream, which has no end of its own.
const opened = (url, headers) => deadline(new Promise((resolve, reject) => {
  const request = httpRequest(url, { headers });
  const done = (response, socket) => { resolve({ status: response.statusCode, headers: response.headers, text: '' }); socket.destroy(); };
  request.on('upgrade', done).on('response', (response) => done(response, response.socket)).on('error', reject).end();
}), url);

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const upgrade = (version) => ({ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': version, 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Protocol': 'voxeme.calls.v1' });

test('the answers that are served are those of the OpenAPI document', async (t) => {
  const owner = demo(), other = account('other'), adminToken = randomUUID();
  const sw = await Switch.start(t, {
    accounts: [owner, other], adminTokens: [adminToken], routes: [ANSWER, BUSY, RING],
    settings: { 'max-streams-per-account': 1, 'header-timeout-seconds': 1, 'max-request-memory': 4096, 'max-body-bytes': 40000 },
  });
  const client = sw.client(owner.token), admin = sw.client(adminToken), nobody = sw.client();
  const path = callsOf(owner), watch = new Watch(client, path);
  const document = new Document((await nobody.get('/v1/openapi.json')).json);
  const json = { 'Content-Type': 'application/json' };
  const live = await liveCall(t, sw);
  const { call_sid: sid } = await watch.call(live.callId, 'in-progress');
  const one = `${path}/${sid}`, none = `${path}/${randomUUID()}`;
  const ask = async (by, method, target, template, options) => document.check(template, method, await by.request(method, target, options));

  // What is asked for as it should be.
  await ask(client, 'GET', path, CALLS);
  await ask(client, 'GET', `${path}?page=1`, CALLS);
  await ask(client, 'GET', `${path}?since=0.0`, CALLS);
  await ask(client, 'GET', path, CALLS, { headers: { 'If-None-Match': (await client.get(path)).headers.etag } });
  await ask(admin, 'GET', '/v1/Calls', '/v1/Calls');
  await ask(client, 'GET', one, CALL);
  await ask(client, 'GET', `/v1/Accounts/${owner.sid}/CallCount`, COUNT);
  for (const public_ of ['/v1/openapi.json', '/v1/asyncapi.json', '/healthz']) await ask(nobody, 'GET', public_, public_);
  await ask(admin, 'GET', '/metrics', '/metrics');
  for (const [target, template] of [[path, CALLS], [one, CALL], ['/v1/Calls', '/v1/Calls'], ['/healthz', '/healthz']]) await ask(nobody, 'OPTIONS', target, template);
  document.check(CALLS, 'GET', await opened(sw.url + path, { Authorization: `Bearer ${owner.token}`, ...upgrade(13) }));
  await ask(client, 'PUT', one, CALL, { headers: json, body: '{"tag":{"order":7}}' });

  // Who may not.
  for (const [method, target, template] of [['GET', path, CALLS], ['POST', path, CALLS], ['GET', one, CALL], ['PUT', one, CALL], ['POST', one, CALL], ['DELETE', one, CALL], ['GET', '/v1/Calls', '/v1/Calls'], ['GET', '/metrics', '/metrics']]) {
    await ask(nobody, method, target, template);
    await ask(sw.client(randomUUID()), method, target, template);
    await ask(sw.client(other.token), method, target, template);
  }

  // What is malformed, unknown, or not now.
  await ask(client, 'GET', `${path}?page=0`, CALLS);
  await ask(client, 'GET', '/v1/Accounts/7/Calls', CALLS);
  await ask(client, 'GET', '/v1/Accounts/7/CallCount', COUNT);
  await ask(client, 'GET', none, CALL);
  await ask(client, 'DELETE', none, CALL);
  await ask(client, 'PUT', none, CALL, { headers: json, body: '{"tag":{}}' });
  for (const [method, target, template] of [['POST', path, CALLS], ['PUT', one, CALL], ['POST', one, CALL]]) {
    await ask(client, method, target, template, { headers: json, body: '{' });
    await ask(client, method, target, template, { headers: { 'Content-Type': 'text/plain' }, body: '{}' });
  }
  await ask(client, 'PUT', one, CALL, { headers: json, body: '{"call_status":"no-answer"}' });
  await ask(client, 'PUT', one, CALL, { headers: json, body: '{"mute_status":"mute"}' });
  const key = { 'Idempotency-Key': randomUUID() };
  const creation = (to) => JSON.stringify({
    from: '15083728299', to: { type: 'sip', sipUri: `sip:${to}@${sw.sip}` }, call_hook: 'https://example.com/hook', speech_synthesis_vendor: 'google',
    speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C', speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
  });
  for (const body of [creation('486'), creation('486'), creation('1000')]) await ask(client, 'POST', path, CALLS, { headers: { ...json, ...key }, body });

  // What HTTP itself has.
  const lines = (method, target, ...more) => [`${method} ${target} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${owner.token}`, ...more, '', ''].join('\r\n');
  for (const [method, target, template] of [['GET', path, CALLS], ['POST', path, CALLS], ['DELETE', one, CALL], ['GET', '/healthz', '/healthz'], ['OPTIONS', path, CALLS]]) {
    document.check(template, method, await raw(sw, lines(method, target, 'Content-Length: x')));
    document.check(template, method, await raw(sw, lines(method, target, 'Content-Length: 40001')));
    document.check(template, method, await raw(sw, lines(method, target, 'Expect: the unexpected')));
    document.check(template, method, await raw(sw, lines(method, target, `X: ${'x'.repeat(9000)}`)));
    document.check(template, method, await raw(sw, lines(method, target, 'Transfer-Encoding: gzip')));
    document.check(template, method, await raw(sw, lines(method, target).replace('HTTP/1.1', 'HTTP/2.0')));
  }
  document.check(CALLS, 'GET', await raw(sw, lines('GET', path).slice(0, -2)));
  document.check(CALLS, 'GET', await raw(sw, lines('GET', path, ...Object.entries(upgrade(12)).map(([name, value]) => `${name}: ${value}`))));
  document.check(CALLS, 'POST', await raw(sw, lines('POST', path, 'Content-Type: application/json', 'Content-Length: 30000')));
  const feed = await Feed.open(sw.url, path, { token: owner.token });
  t.after(() => feed.close());
  document.check(CALLS, 'GET', await raw(sw, lines('GET', path, 'Accept: text/event-stream')));
  feed.close();

  await live.hangUp();
  await watch.call(live.callId, 'completed');
  await ask(client, 'DELETE', one, CALL);
  const events = await opened(sw.url + callsOf(other), { Authorization: `Bearer ${other.token}`, Accept: 'text/event-stream' });
  assert.equal(events.headers['content-type'], 'text/event-stream; charset=utf-8');
  document.check(CALLS, 'GET', events);

  const statuses = new Set(Object.values(document.json.paths).flatMap((item) => Object.values(item).flatMap((operation) => Object.keys(operation.responses))));
  assert.deepEqual([...statuses].filter((status) => !document.seen.has(status)).sort(), UNSEEN);
});

test('the OpenAPI document: each path and its parameters, nothing that cannot be, all references lead somewhere', async (t) => {
  const sw = await Switch.start(t, { accounts: [demo()] });
  const document = new Document((await sw.client().get('/v1/openapi.json')).json);
  document.whole(document.json.paths);
  const { paths, components } = document.json;
  assert.equal(paths[CALL].delete.responses[415], undefined, 'a DELETE has no body that is looked at');
  assert.deepEqual(Object.keys(document.whole(components.responses.MethodNotAllowed).headers), ['Allow']);
  assert.deepEqual(Object.keys(paths[CALLS].get.responses[200].content), ['application/json', 'text/event-stream']);
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { parameters, responses }] of Object.entries(item)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      assert.deepEqual(parameters.filter((p) => p.in === 'path').map((p) => p.name), named, `${method} ${path}`);
      for (const status of [400, 408, 413, 431, 503]) assert.ok(responses[status], `${method} ${path}: ${status}`);
    }
  }
  // Referred to, or of methods that are not there.
  const used = new Set(JSON.stringify(document.json).match(/#\/components\/responses\/\w+/g).map((ref) => ref.split('/').pop()));
  assert.deepEqual(Object.keys(components.responses).filter((name) => !used.has(name)), ['MethodNotAllowed']);
});
