// HTTPS: a certificate of openssl's making, and another one after a reload.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { BUSY, busyCall } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { Events, Feed } from './lib/feed.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import { run, Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function certificate(dir, name) {
  const key = join(dir, `${name}.key`), cert = join(dir, `${name}.pem`);
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  return { key, cert, pem: await readFile(cert) };
}

async function setup(t, settings = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-tls-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const one = await certificate(dir, 'one'), two = await certificate(dir, 'two');
  const cert = join(dir, 'live.pem'), key = join(dir, 'live.key');
  const use = async (c) => { await copyFile(c.cert, cert); await copyFile(c.key, key); };
  await use(one);
  const owner = demo(), adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], settings: { ...settings, 'tls-cert': cert, 'tls-key': key }, routes: [BUSY] });
  return { dir, sw, owner, adminToken, one, two, use, cert, key };
}

// The serial number that a new connection is shown.
const serial = (sw, ca) => deadline(new Promise((resolve, reject) => {
  const socket = tls.connect({ host: '127.0.0.1', port: sw.httpPort, ca }, () => {
    resolve(socket.getPeerCertificate().serialNumber);
    socket.end();
  });
  socket.on('error', reject);
}), 'a TLS connection');

test('HTTPS serves the API, and a reload swaps the certificate under live connections', async (t) => {
  const { sw, owner, one, two, use } = await setup(t);
  assert.match(sw.url, /^https:/);
  const client = sw.client(owner.token, { tls: { ca: [one.pem, two.pem] }, maxSockets: 1 });
  const callId = await busyCall(t, sw);
  const call = await new Watch(client, callsOf(owner)).call(callId, 'busy');
  assert.equal(call.service_url, sw.url);

  const before = await serial(sw, one.pem);
  const held = client.get(callsOf(owner));
  const socket = (await held).socket;
  await use(two);
  await sw.reload();
  const after = await serial(sw, two.pem);
  assert.notEqual(after, before);
  await assert.rejects(serial(sw, one.pem), 'the old certificate is no longer shown');
  assert.equal((await client.get(callsOf(owner))).socket, socket, 'the open connection lives on');
});

test('a certificate that does not fit its key is refused on reload, the old one stays', async (t) => {
  const { sw, one, two, cert } = await setup(t);
  const before = await serial(sw, one.pem);
  await copyFile(two.cert, cert);
  const from = sw.stderr.length;
  sw.signal('SIGHUP');
  await sw.logged(/certificate|tls-(cert|key)/i, from);
  assert.equal(await serial(sw, one.pem), before);
});

test('a certificate that is none: it does not start, and says why', async (t) => {
  const { dir, sw, cert } = await setup(t);
  await writeFile(cert, 'not a certificate');
  const { code, stderr } = await run(['--config', sw.configFile]);
  assert.equal(code, 1);
  assert.ok(stderr.includes(cert), stderr);
  assert.ok(dir);
});

test('old protocols and plain HTTP on the TLS port are refused, and it lives on', async (t) => {
  const { sw, owner, one } = await setup(t);
  await assert.rejects(deadline(new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: sw.httpPort, ca: one.pem, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, () => { socket.end(); resolve(); });
    socket.on('error', reject);
  }), 'TLS 1.1'));
  const plain = connect({ host: '127.0.0.1', port: sw.httpPort });
  plain.on('error', () => {});
  let said = '';
  plain.on('data', (chunk) => { said += chunk; });
  plain.write(`GET ${callsOf(owner)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\n\r\n`);
  await deadline(new Promise((resolve) => plain.on('close', resolve)), 'plain HTTP to be refused');
  assert.doesNotMatch(said, /200 OK/);
  assert.equal((await sw.client(owner.token, { tls: { ca: one.pem } }).get(callsOf(owner))).status, 200);
});

test('over max-connections a client is told so by an alert', async (t) => {
  const { sw, owner, one } = await setup(t, { 'max-connections': 1 });
  const client = sw.client(owner.token, { tls: { ca: one.pem }, maxSockets: 1 });
  assert.equal((await client.get(callsOf(owner))).status, 200);
  await assert.rejects(serial(sw, one.pem), { code: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' });
  assert.equal((await client.get(callsOf(owner))).status, 200);
});

// What a client says first.
const clientHello = () => deadline(new Promise((resolve, reject) => {
  const server = createServer((socket) => socket.once('data', (data) => { resolve(data); socket.destroy(); server.close(); }));
  server.listen(0, '127.0.0.1', () => tls.connect({ host: '127.0.0.1', port: server.address().port }).on('error', () => {}));
  server.on('error', reject);
}), 'a ClientHello');

test('a handshake that stalls ends with header-timeout-seconds, counts as a connection, and delays nobody', async (t) => {
  const { sw, owner, one, adminToken } = await setup(t, { 'header-timeout-seconds': 2, 'max-connections': 5, 'rate-limit-per-minute': 0 });
  const options = { tls: { ca: one.pem }, maxSockets: 1 };
  const client = sw.client(owner.token, options), admin = sw.client(adminToken, options);
  assert.equal((await client.get(callsOf(owner))).status, 200);
  assert.equal(await read(admin, 'voxeme_http_timeouts_total', 'kind="header"'), 0);
  const hello = await clientHello();
  const began = Date.now();
  const stalled = await Promise.all(Array.from({ length: 3 }, () => Raw.open(sw.httpPort)));
  t.after(() => stalled.forEach((raw) => raw.destroy()));
  const [, half, drip] = stalled; // the first says nothing at all
  half.socket.write(hello.subarray(0, hello.length / 2));
  let at = 0;
  const timer = setInterval(() => { if (!drip.socket.destroyed && at < hello.length - 1) drip.socket.write(hello.subarray(at, ++at)); }, 100);
  t.after(() => clearInterval(timer));
  await assert.rejects(serial(sw, one.pem), { code: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' }, 'all places are taken');
  let over = false, longest = 0;
  const closed = Promise.all(stalled.map((raw) => raw.end())).then(() => { over = true; return Date.now() - began; });
  while (!over) {
    const asked = Date.now();
    assert.equal((await client.get(callsOf(owner))).status, 200);
    longest = Math.max(longest, Date.now() - asked);
  }
  const ms = await closed;
  assert.ok(ms >= 1900 && ms < 5000 * SLOW, `closed after ${ms} ms`);
  assert.ok(longest < 1000 * SLOW, `a request took ${longest} ms`);
  assert.equal(await read(admin, 'voxeme_http_timeouts_total', 'kind="header"'), 3);
  assert.ok(await serial(sw, one.pem), 'there is room again');
});

test('over TLS, too, a client that closes its side while its request is held gets its answer', async (t) => {
  const { sw, owner, one } = await setup(t);
  const client = sw.client(owner.token, { tls: { ca: one.pem } });
  const { headers } = await client.get(callsOf(owner));
  const socket = tls.connect({ host: '127.0.0.1', port: sw.httpPort, ca: one.pem, allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.setEncoding('latin1');
  socket.end(`GET ${callsOf(owner)}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nIf-None-Match: ${headers.etag}\r\nConnection: close\r\n\r\n`);
  let said = '', heard = () => {};
  socket.on('data', (text) => { said += text; heard(); });
  const until = (test, what) => deadline((async () => { while (!test()) await new Promise((resolve) => { heard = resolve; }); })(), what);
  await until(() => said.startsWith('HTTP/1.1 100 Continue\r\n\r\n'), 'the server to ask whether it is there');
  await busyCall(t, sw);
  await until(() => said.endsWith('}]'), 'the answer');
  assert.match(said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

test('the live feed over TLS: changes, slow readers, resumption, a last word', async (t) => {
  const { sw, owner, one } = await setup(t);
  const path = callsOf(owner), ws = { ca: one.pem };
  const open = async (options = {}, query = '') => {
    const feed = await Feed.open(sw.url, path + query, { token: owner.token, ...options, ws: { ...ws, ...options.ws } });
    t.after(() => feed.close());
    return feed;
  };
  const plain = await open(), deflated = await open({ ws: { perMessageDeflate: true } });
  const events = await Events.open(sw.url, path, { token: owner.token, tls: ws });
  t.after(() => events.close());
  const stalled = await open();
  await stalled.until((f) => f.revision);
  stalled.socket.pause();
  for (let i = 0; i < 20; i++) await busyCall(t, sw);
  stalled.socket.resume();
  const all = (f) => f.calls.size === 20 && [...f.calls.values()].every((c) => c.call_status === 'busy');
  for (const feed of [plain, deflated, events, stalled]) await feed.until(all);
  const resumed = await open({}, `?since=${plain.revision}`);
  await busyCall(t, sw);
  await resumed.until((f) => f.calls.size === 1 && [...f.calls.values()][0].call_status === 'busy');
  assert.equal(resumed.messages[0].type, 'changes');
  const closed = plain.closed();
  assert.equal((await sw.stop()).code, 0);
  assert.equal((await closed).code, 1001);
});
