// HTTP byte by byte: what is on the wire, and how requests may be cut, joined and malformed.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { BUSY, busyCall } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { Raw } from './lib/http.mjs';
import { run, Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf } from './lib/watch.mjs';

async function setup(t, settings = {}) {
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes: [BUSY], settings: { 'rate-limit-per-minute': 0, ...settings } });
  const raw = async (options) => {
    const connection = await Raw.open(sw.httpPort, options);
    t.after(() => connection.destroy());
    return connection;
  };
  const path = callsOf(owner);
  const get = (target = path, extra = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\n${extra}\r\n`;
  // Sends it all at once and reads until the server closes, which the last request has to ask for.
  const ask = async (request) => {
    const connection = await raw();
    connection.write(Buffer.from(request, 'latin1'));
    return answers(await connection.end());
  };
  return { sw, owner, path, raw, get, ask, client: sw.client(owner.token) };
}

// Takes a stream of answers apart by Content-Length; HEAD and statuses without a body as asked for.
function answers(text, { head = false } = {}) {
  const all = [];
  while (text) {
    const end = text.indexOf('\r\n\r\n');
    assert.notEqual(end, -1, `no end of head in ${JSON.stringify(text.slice(0, 200))}`);
    const [line, ...fields] = text.slice(0, end).split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) [A-Z]/.exec(line) ?? assert.fail(line);
    const headers = {};
    for (const field of fields) { // what comes in several lines is one list
      const name = field.slice(0, field.indexOf(':')).toLowerCase(), value = field.slice(field.indexOf(':') + 2);
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const length = head || ['100', '204', '304'].includes(status) ? 0 : Number(headers['content-length']);
    all.push({ status: Number(status), headers, body: text.slice(end + 4, end + 4 + length) });
    text = text.slice(end + 4 + length);
  }
  return all;
}

const CLOSE = 'Connection: close\r\n';

test('one request a byte at a time, and two in one segment', async (t) => {
  const { raw, get } = await setup(t);
  const slow = await raw();
  slow.socket.setNoDelay(true);
  const request = get(undefined, CLOSE);
  for (const byte of request) await new Promise((resolve) => slow.socket.write(byte, resolve));
  assert.deepEqual(answers(await slow.end()).map((a) => a.status), [200]);
  const joined = await raw();
  joined.write(get() + request);
  assert.deepEqual(answers(await joined.end()).map((a) => a.status), [200, 200]);
});

test('10,000 requests pipelined are answered in their order', async (t) => {
  const { raw, get, ask } = await setup(t);
  const N = 10_000;
  const kinds = [[get('/healthz'), 200], [get('/nowhere'), 404], [get(), 200]];
  const connection = await raw();
  connection.write(Array.from({ length: N }, (_, i) => kinds[i % 3][0]).join('') + get(undefined, CLOSE));
  const statuses = answers(await connection.end()).map((a) => a.status);
  assert.equal(statuses.length, N + 1);
  assert.ok(statuses.slice(0, N).every((s, i) => s === kinds[i % 3][1]));
  assert.equal((await ask(get(undefined, CLOSE)))[0].status, 200);
});

test('every answer carries the headers it should, whatever it is', async (t) => {
  const { ask, get, path } = await setup(t);
  const all = [get(undefined, CLOSE), get('/nowhere', CLOSE), get('/%zz', CLOSE), `DELETE ${path} HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`, `GET ${path} HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`,
    'nonsense\r\n\r\n', `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\n${CLOSE}\r\n`, `BREW / HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(70000)}\r\n\r\n`];
  for (const request of all) {
    const [{ status, headers, body }, ...more] = await ask(request);
    assert.equal(more.length, 0);
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['access-control-expose-headers'], 'ETag, Retry-After, Idempotent-Replayed');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers.connection, 'close');
    assert.match(headers.server, /^voxeme\/\d+\.\d+\.\d+$/);
    assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 5000 * SLOW, headers.date);
    if (status >= 400) {
      assert.match(headers['content-type'], /^application\/json/);
      assert.equal(typeof JSON.parse(body).msg, 'string');
    }
  }
});

test('cors-origin: another origin is named, with Vary', async (t) => {
  const { ask, get } = await setup(t, { 'cors-origin': 'https://dash.example' });
  const [{ headers }] = await ask(get(undefined, CLOSE));
  assert.equal(headers['access-control-allow-origin'], 'https://dash.example');
  assert.equal(headers.vary, 'Origin, Accept-Encoding');
});

test('preflight', async (t) => {
  const { ask, path } = await setup(t);
  const [{ status, headers }] = await ask(`OPTIONS ${path} HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n${CLOSE}\r\n`);
  assert.equal(status, 204);
  assert.equal(headers['content-length'], undefined);
  assert.match(headers['access-control-allow-methods'], /\bGET\b/);
  for (const name of ['Authorization', 'Content-Type', 'If-None-Match', 'Idempotency-Key']) assert.ok(headers['access-control-allow-headers'].split(', ').includes(name));
  assert.ok(Number(headers['access-control-max-age']) > 0);
});

test('no body where there must be none: HEAD, 304', async (t) => {
  const { raw, get, ask, path, owner } = await setup(t);
  const [whole] = await ask(get(undefined, CLOSE));
  const head = await raw();
  head.write(get(undefined, CLOSE).replace(/^GET/, 'HEAD'));
  const [answer, ...more] = answers(await head.end(), { head: true });
  assert.equal(more.length, 0);
  assert.equal(answer.headers['content-length'], String(whole.body.length));
  const same = await ask(get(undefined, `If-None-Match: ${whole.headers.etag}\r\n`) + get(undefined, CLOSE));
  assert.deepEqual(same.map((a) => a.status), [304, 200]);
  assert.equal(same[0].headers['content-length'], undefined);
  assert.equal(same[0].headers.etag, whole.headers.etag);
  assert.ok(path && owner);
});

test('HTTP/1.0 closes, unless it asks to stay', async (t) => {
  const { raw, ask, get } = await setup(t);
  const [answer] = await ask(get().replace('HTTP/1.1', 'HTTP/1.0').replace('Host: x\r\n', ''));
  assert.equal(answer.headers.connection, 'close');
  const stays = await raw();
  const old = get(undefined, 'Connection: Keep-Alive\r\n').replace('HTTP/1.1', 'HTTP/1.0');
  stays.write(old + get(undefined, CLOSE));
  const all = answers(await stays.end());
  assert.deepEqual(all.map((a) => a.headers.connection), ['keep-alive', 'close']);
});

const head = (path, fields) => `POST ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const chunked = 'GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
const BAD = {
  'no target': ['GET HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'two spaces': ['GET  / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a space in the target': ['GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'another protocol': ['GET / HTPP/1.1\r\nHost: x\r\n\r\n', 400],
  'another version': ['GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505],
  'a target that is no path': ['GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a method that is no token': ['G(T / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'no Host': ['GET / HTTP/1.1\r\n\r\n', 400],
  'two Hosts': ['GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
  'the same Host twice': ['GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', 400],
  'a Host that is none': ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  'a Host with a path': ['GET / HTTP/1.1\r\nHost: x/y\r\n\r\n', 400],
  'a Host with two ports': ['GET / HTTP/1.1\r\nHost: x:1:2\r\n\r\n', 400],
  'five lines of If-None-Match': [`GET / HTTP/1.1\r\nHost: x\r\n${'If-None-Match: "a"\r\n'.repeat(5)}\r\n`, 400],
  'a space before the colon': ['GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
  'a folded line': ['GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
  'a line without colon': ['GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n', 400],
  'a NUL': ['GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n', 400],
  'a bare CR': ['GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n', 400],
  'two Authorizations': ['GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n', 400],
  'a signed length': [head('/', 'Content-Length: +1\r\n'), 400],
  'a list of lengths': [head('/', 'Content-Length: 1, 1\r\n'), 400],
  'two lengths': [head('/', 'Content-Length: 1\r\nContent-Length: 2\r\n'), 400],
  'a length that overflows': [head('/', 'Content-Length: 99999999999999999999999\r\n'), 400],
  'an empty length': [head('/', 'Content-Length:\r\n'), 400],
  'length and chunks': [head('/', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'), 400],
  'another encoding': [head('/', 'Transfer-Encoding: gzip, chunked\r\n'), 501],
  'chunks in HTTP/1.0': [head('/', 'Transfer-Encoding: chunked\r\n').replace('1.1', '1.0'), 400],
  'a chunk without size': [`${chunked}\r\nabc\r\n`, 400],
  'a chunk of another size': [`${chunked}3\r\nabcd\r\n0\r\n\r\n`, 400],
  'a chunk size that overflows': [`${chunked}10000000000000003\r\nabc\r\n0\r\n\r\n`, 400],
  'another expectation': [head('/', 'Content-Length: 1\r\nExpect: cake\r\n'), 417],
};

test('what is malformed is refused, with the rest of the connection', async (t) => {
  const { ask, get, client, path } = await setup(t);
  for (const [name, [request, status]] of Object.entries(BAD)) {
    const all = await ask(request + get());
    assert.deepEqual(all.map((a) => a.status), [status], name);
    assert.equal(all[0].headers.connection, 'close', name);
    assert.equal(typeof JSON.parse(all[0].body).msg, 'string', name);
  }
  assert.equal((await client.get(path)).status, 200);
});

test('what is odd but allowed is taken', async (t) => {
  const { ask, get, path, owner } = await setup(t);
  for (const request of [
    `\r\n\r\n${get(undefined, CLOSE)}`, get(undefined, CLOSE).replaceAll('\r\n', '\n'), get(`http://elsewhere:1${path}`, CLOSE), get(`${path}?`, CLOSE), get(`${path}?&&a=b&=c&direction`, CLOSE).replace('&direction', ''),
    get(path.replace('Calls', '%43alls'), CLOSE), `GET ${path} HTTP/1.1\r\nhOST:x\r\nAUTHORIZATION: \t Bearer ${owner.token} \t\r\nConnection: a, ,CLOSE\r\n\r\n`, get(undefined, `X-Latin: \xe9\r\n${CLOSE}`),
    get(undefined, `Content-Length: 3\r\n${CLOSE}`) + 'abc', get(undefined, `Content-Length: 0\r\nContent-Length: 0\r\n${CLOSE}`),
  ]) {
    assert.deepEqual((await ask(request)).map((a) => a.status), [200], JSON.stringify(request));
  }
});

test('a bad escape or too many parameters cost that request alone', async (t) => {
  const { ask, get, path } = await setup(t);
  const many = (n) => get(`${path}?${Array.from({ length: n }, (_, i) => `p${i}=1`).join('&')}`);
  const all = await ask(get('/%') + get('/%4') + get('/%00') + get(`${path}?a=%g1`) + many(65) + many(64) + get(undefined, CLOSE));
  assert.deepEqual(all.map((a) => a.status), [400, 400, 400, 400, 400, 200, 200]);
});

test('a request body is taken off the connection, by length or in chunks, however cut', async (t) => {
  const { raw, get } = await setup(t);
  const body = `${get(undefined, 'Content-Length: 26\r\n')}GET /healthz HTTP/1.1\r\n\r\n\r\n`;
  const chunks = `${get(undefined, 'Transfer-Encoding: chunked\r\n')}5;a="b"\r\nGET /\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n`;
  const last = get('/healthz', CLOSE);
  const whole = await raw();
  // Refused by its head, the third is a matter of that request alone where its body is there as well.
  whole.write(`${body}${chunks}${get('/nowhere', 'Content-Length: 3\r\n')}GET${last}`);
  assert.deepEqual(answers(await whole.end()).map((a) => a.status), [200, 200, 404, 200]);
  const bytewise = await raw();
  bytewise.socket.setNoDelay(true);
  for (const byte of body + chunks + last) await new Promise((resolve) => bytewise.socket.write(byte, resolve));
  assert.deepEqual(answers(await bytewise.end()).map((a) => a.status), [200, 200, 200]);
});

test('Expect: 100-continue', async (t) => {
  const { raw, get } = await setup(t);
  for (const [fields, body] of [['Content-Length: 2\r\n', '{}'], ['Transfer-Encoding: chunked\r\n', '2\r\n{}\r\n0\r\n\r\n']]) {
    const connection = await raw();
    connection.write(get(undefined, `${fields}Expect: 100-continue\r\n${CLOSE}`));
    assert.equal(await connection.until((text) => text.includes('\r\n\r\n')), 'HTTP/1.1 100 Continue\r\n\r\n');
    connection.write(body);
    assert.deepEqual(answers(await connection.end()).map((a) => a.status), [100, 200]);
  }
});

// [what, method, target, token, status]
const REFUSED = [
  ['no token', 'GET', 'calls', 'none', 401], ['an unknown token', 'GET', 'calls', 'unknown', 401], ['another account', 'GET', 'others', 'own', 403],
  ['no such path', 'POST', '/nowhere', 'none', 404], ['another method', 'PATCH', 'calls', 'none', 405], ['a call by nobody', 'POST', 'calls', 'none', 401], ['no JSON', 'POST', 'calls', 'own', 415], ['a sid that is none', 'GET', '/v1/Accounts/1/Calls', 'own', 400],
  ['a bad escape', 'GET', '/%zz', 'own', 400], ['HEAD, no token', 'HEAD', 'calls', 'none', 401],
];

test('what is refused by its head: no body is awaited, nor asked for', async (t) => {
  const { raw, path, owner } = await setup(t);
  const targets = { calls: path, others: callsOf({ sid: '00000000-0000-4000-8000-000000000000' }) };
  const tokens = { none: '', own: `Authorization: Bearer ${owner.token}\r\n`, unknown: 'Authorization: Bearer x\r\n' };
  for (const [what, method, target, token, status] of REFUSED) {
    for (const fields of ['Content-Length: 65000\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 65000\r\nExpect: 100-continue\r\n']) {
      const connection = await raw();
      connection.write(`${method} ${targets[target] ?? target} HTTP/1.1\r\nHost: x\r\n${tokens[token]}${fields}\r\n`);
      const [answer, ...more] = answers(await connection.end(), { head: method === 'HEAD' });
      assert.equal(answer.status, status, what);
      assert.equal(answer.headers.connection, 'close', what);
      assert.equal(more.length, 0, what);
    }
  }
});

const rssKiB = async (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);

// Bodies of strangers, and bodies that nobody looks at, are no reason to hold memory.
for (const [what, line] of [['refused', 'POST /v1/Calls'], ['of no use', 'GET /healthz']]) {
  test(`500 unfinished bodies, ${what}`, async (t) => {
    const { sw, raw, client, path } = await setup(t);
    const body = 'x'.repeat(65_000);
    const before = await rssKiB(sw.pid);
    const all = await Promise.all(Array.from({ length: 500 }, () => raw()));
    // What the server says to the first half of a body tells that it has read it.
    for (const connection of all) connection.write(`${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\nExpect: 100-continue\r\n\r\n${body}`);
    await Promise.all(all.map((connection) => connection.until((text) => text.includes('\r\n\r\n'))));
    assert.equal((await client.get(path)).status, 200);
    if (!process.env.VOXEME_TEST_SLOW) {
      const grown = await rssKiB(sw.pid) - before;
      assert.ok(grown < 12 * 1024, `grew by ${grown} KiB`);
    }
    if (what === 'refused') return;
    for (const connection of all) connection.write('x'.repeat(536));
    for (const connection of all) assert.match(await connection.until((text) => text.includes('"ok"')), /HTTP\/1\.1 200/);
  });
}

test('no error to a HEAD has a body, however malformed it is', async (t) => {
  const { raw } = await setup(t, { 'max-header-bytes': 512, 'header-timeout-seconds': 1 });
  for (const [request, status] of [['HEAD / HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n', 400], ['HEAD / HTTP/1.1\r\n\r\n', 400], ['HEAD / HTTP/3.0\r\nHost: x\r\n\r\n', 505],
    [`HEAD / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(600)}\r\n\r\n`, 431], [`\r\nHEAD /${'x'.repeat(600)}`, 431], ['HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n', 413],
    ['HEAD /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz', 400], ['HEAD / HTTP/1.1\r\nHost:', 408]]) {
    const connection = await raw();
    connection.write(request);
    const text = await connection.end();
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), request);
    assert.ok(text.endsWith('\r\n\r\n') && text.indexOf('\r\n\r\n') === text.length - 4, text);
  }
});

test('If-None-Match in several lines is one list', async (t) => {
  const { ask, get } = await setup(t);
  const [{ headers }] = await ask(get(undefined, CLOSE));
  const all = await ask(get(undefined, `If-None-Match: "x"\r\nAccept: */*\r\nIf-None-Match: "y", ${headers.etag}\r\n`) + get(undefined, 'If-None-Match: "x"\r\nIf-None-Match: "y"\r\n') +
    get(undefined, `If-None-Match: "${'x'.repeat(1500)}"\r\nIf-None-Match: "y"\r\n`) + get(undefined, CLOSE));
  assert.deepEqual(all.map((a) => a.status), [304, 200, 400, 200]);
});

test('OPTIONS *, and an encoded slash', async (t) => {
  const { ask, get, path } = await setup(t);
  const [server, split, whole] = await ask(`OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n${get(path.replace('/Calls', '%2FCalls'))}${get(path.replace('Calls', '%43alls'), CLOSE)}`);
  assert.equal(server.status, 204);
  assert.equal(server.headers.allow, 'GET, HEAD, POST, PUT, DELETE, OPTIONS');
  assert.deepEqual([split.status, whole.status], [404, 200]);
});

const cpuTicks = async (pid) => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);

test('requests behind a held one wait their turn, at no cost', async (t) => {
  const { sw, raw, get, ask, path } = await setup(t, { 'max-header-bytes': 1024 });
  const [{ headers }] = await ask(get(undefined, CLOSE));
  const connection = await raw();
  const before = await cpuTicks(sw.pid);
  connection.write(get(`${path}?wait=2`, `If-None-Match: ${headers.etag}\r\n`) + get('/healthz').repeat(100) + get('/nowhere', CLOSE));
  const statuses = answers(await connection.end()).map((a) => a.status);
  assert.deepEqual(statuses, [304, ...Array(100).fill(200), 404]);
  const ticks = await cpuTicks(sw.pid) - before;
  assert.ok(ticks < 50 * SLOW, `${ticks} ticks of processor time in two seconds`);
});

test('many held requests are all answered by one change', async (t) => {
  const { sw, raw, get, ask, path } = await setup(t);
  const [{ headers }] = await ask(get(undefined, CLOSE));
  const all = await Promise.all(Array.from({ length: 200 }, () => raw()));
  for (const connection of all) connection.write(get(`${path}?wait=60`, `If-None-Match: ${headers.etag}\r\n${CLOSE}`));
  // Held ones answer nothing: that they have been read shows by an answer to a later request.
  await ask(get(undefined, CLOSE));
  await busyCall(t, sw);
  const texts = await Promise.all(all.map((connection) => connection.end()));
  for (const text of texts) assert.deepEqual(answers(text).map((a) => a.status), [200]);
});

// `nc -N` and some proxies close their side when they have asked.
for (const version of ['1.1', '1.0']) {
  test(`a client of HTTP/${version} that closes its side while its request is held gets its answer`, async (t) => {
    const { sw, raw, get, ask, path } = await setup(t);
    const [{ headers }] = await ask(get(undefined, CLOSE));
    const connection = await raw();
    connection.socket.end(get(`${path}?wait=60`, `If-None-Match: ${headers.etag}\r\n`).replace('HTTP/1.1', `HTTP/${version}`) + get('/nowhere', CLOSE));
    // In HTTP/1.1 it is asked whether it is still there.
    if (version === '1.1') await connection.until((text) => text.includes('\r\n\r\n'));
    await busyCall(t, sw);
    const statuses = answers(await connection.end()).map((a) => a.status);
    assert.deepEqual(statuses, version === '1.1' ? [100, 200, 404] : [200]);
  });
}

test('SIGTERM answers what is held, and ends beside clients that do not read', async (t) => {
  const { sw, raw, get, ask, path, client } = await setup(t);
  const [{ headers }] = await ask(get(undefined, CLOSE));
  const held = await raw();
  held.write(get(`${path}?wait=60`, `If-None-Match: ${headers.etag}\r\n`));
  const stuck = await raw({ paused: true });
  stuck.write(get('/v1/openapi.json').repeat(400));
  assert.equal((await client.get(path)).status, 200);
  const { code, ms } = await sw.stop();
  assert.equal(code, 0);
  assert.ok(ms < 2000 * SLOW, `${ms} ms`);
  assert.deepEqual(answers(await held.end()).map((a) => a.status), [304]);
});

test('IPv6, and a port that is taken', async (t) => {
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes: [BUSY], settings: { listen: '[::1]:0' } });
  assert.match(sw.url, /^http:\/\/\[::1\]:\d+$/);
  const connection = await Raw.open(sw.httpPort, { host: '::1' });
  t.after(() => connection.destroy());
  connection.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`);
  assert.equal(answers(await connection.end())[0].status, 200);
  await sw.configure({ ...sw.spec, settings: { listen: `[::1]:${sw.httpPort}` } });
  const { code, stderr } = await run(['--config', sw.configFile]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`\\[::1\\]:${sw.httpPort}.*in use`));
});

test('a thousand connections come and go', async (t) => {
  const { sw, client, path, get } = await setup(t);
  const one = async () => {
    const connection = await Raw.open(sw.httpPort);
    try {
      connection.write(get('/healthz', CLOSE));
      assert.equal(answers(await connection.end())[0].status, 200);
    } finally {
      connection.destroy();
    }
  };
  await deadline((async () => { for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 50 }, one)); })(), 'connections', 60_000 * SLOW);
  assert.equal((await client.get(path)).status, 200);
});
