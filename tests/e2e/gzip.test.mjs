// Lists in gzip, by clients that know nothing of ours: node's fetch and its zlib; and on the wire.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import test from 'node:test';
import tls from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { BUSY, busyCall } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { ALPHA, certificate, FeedHost, MISSING } from './lib/feed_host.mjs';
import { Client } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import { checkList } from './lib/schema.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const GZIP = 'Accept-Encoding: gzip\r\n';

const endOfHead = (bytes) => { const at = bytes.indexOf('\r\n\r\n'); return at < 0 ? -1 : at + 4; };

// One connection on which requests are pipelined; answers come with their bodies as they are on the wire.
class Wire {
  #in = Buffer.alloc(0); #wake = () => {}; #ended = false;

  constructor(socket, token) {
    this.socket = socket;
    this.token = token;
    socket.on('data', (chunk) => { this.#in = Buffer.concat([this.#in, chunk]); this.#wake(); });
    for (const event of ['end', 'close', 'error']) socket.on(event, () => { this.#ended = true; this.#wake(); });
  }

  ask(target, fields = '', method = 'GET') {
    this.socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${this.token}\r\n${fields}\r\n`);
  }

  async #take(size) {
    await deadline((async () => {
      for (let n; (n = size(this.#in)) < 0 || n > this.#in.length;) {
        assert.ok(!this.#ended, 'the server closed the connection');
        await new Promise((resolve) => { this.#wake = resolve; });
      }
    })(), 'an answer');
    const n = size(this.#in), taken = this.#in.subarray(0, n);
    this.#in = this.#in.subarray(n);
    return taken;
  }

  async answer({ head = false } = {}) {
    const [line, ...fields] = (await this.#take(endOfHead)).toString('latin1').split('\r\n');
    const status = Number(line.split(' ')[1]);
    const headers = new Map(fields.filter(Boolean).map((f) => [f.slice(0, f.indexOf(':')).toLowerCase(), f.slice(f.indexOf(':') + 2)]));
    const length = head || status === 304 ? 0 : Number(headers.get('content-length'));
    return { status, headers, body: await this.#take(() => length) };
  }
}

async function wire(t, port, token, ca) {
  const socket = ca ? tls.connect({ host: '127.0.0.1', port, ca }) : connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  return new Wire(socket, token);
}

async function setup(t, { calls = 5, settings = {} } = {}) {
  const owner = demo(), adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], routes: [BUSY], settings });
  const path = callsOf(owner);
  for (let i = 0; i < calls; i++) await busyCall(t, sw);
  await new Watch(sw.client(owner.token), path).until((list) => list.length === calls && list.every((c) => c.call_status === 'busy'));
  return { sw, owner, path, adminToken, admin: sw.client(adminToken), wire: () => wire(t, sw.httpPort, owner.token) };
}

test('fetch takes the list in gzip, and it keeps to the schema of the contract', async (t) => {
  const { sw, owner, path, admin, adminToken } = await setup(t);
  const plain = await sw.client(owner.token).get(path);
  assert.equal(plain.headers['content-encoding'], undefined);
  const answer = await fetch(sw.url + path, { headers: { Authorization: `Bearer ${owner.token}`, 'Accept-Encoding': 'gzip, deflate, br' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-encoding'), 'gzip');
  assert.equal(answer.headers.get('content-type'), plain.headers['content-type']);
  assert.equal(answer.headers.get('etag'), plain.headers.etag);
  assert.ok(Number(answer.headers.get('content-length')) < Number(plain.headers['content-length']) / 2);
  const text = await answer.text();
  assert.equal(text, plain.text);
  checkList(JSON.parse(text));
  assert.equal(await read(admin, 'voxeme_gzip_lists_total'), 1);
  const all = await fetch(`${sw.url}/v1/Calls`, { headers: { Authorization: `Bearer ${adminToken}` } }); // fetch asks for it by itself
  assert.equal(all.headers.get('content-encoding'), 'gzip');
  checkList(await all.json());
});

test('on the wire: GET, HEAD, 304, Vary, qualities, one after the other', async (t) => {
  const { path, wire: open } = await setup(t);
  const w = await open();
  w.ask(path);
  w.ask(path, GZIP);
  w.ask(path, GZIP, 'HEAD');
  w.ask(path, 'Accept-Encoding: br;q=1, gzip;q=0.3\r\n');
  w.ask(path, 'Accept-Encoding: gzip;q=0, *\r\n');
  const [plain, gzip] = [await w.answer(), await w.answer()];
  assert.equal(plain.status, 200);
  assert.equal(plain.headers.has('content-encoding'), false);
  assert.equal(gzip.headers.get('content-encoding'), 'gzip');
  assert.deepEqual(gunzipSync(gzip.body), plain.body);
  const head = await w.answer({ head: true });
  for (const name of ['content-length', 'content-encoding', 'content-type', 'etag', 'vary']) assert.equal(head.headers.get(name), gzip.headers.get(name), name);
  assert.deepEqual((await w.answer()).body, gzip.body);
  assert.deepEqual((await w.answer()).body, plain.body);
  const etag = plain.headers.get('etag');
  for (const answer of [plain, gzip]) {
    assert.equal(answer.headers.get('vary'), 'Accept-Encoding');
    assert.equal(answer.headers.get('etag'), etag, 'a weak tag, of both');
  }
  for (const fields of ['', GZIP]) {
    w.ask(path, `${fields}If-None-Match: ${etag}\r\n`);
    const same = await w.answer();
    assert.equal(same.status, 304);
    assert.equal(same.headers.get('vary'), 'Accept-Encoding');
    assert.equal(same.headers.get('etag'), etag);
    for (const name of ['content-encoding', 'content-length']) assert.equal(same.headers.has(name), false, name);
  }
  w.ask(`${path}?state=ended`, GZIP);
  const filtered = await w.answer();
  assert.equal(filtered.headers.has('content-encoding'), false);
  assert.deepEqual(filtered.body, plain.body);
  w.ask(`${path}?since=0.1`, GZIP);
  assert.equal(JSON.parse(gunzipSync((await w.answer()).body)).reset, true);
});

test('a long poll is answered in gzip', async (t) => {
  const { sw, owner, path } = await setup(t);
  const headers = { Authorization: `Bearer ${owner.token}`, 'Accept-Encoding': 'gzip' };
  const { headers: first } = await fetch(sw.url + path, { headers });
  const held = fetch(`${sw.url}${path}?wait=60`, { headers: { ...headers, 'If-None-Match': first.get('etag') } });
  await busyCall(t, sw);
  const answer = await deadline(held, 'the poll');
  assert.equal(answer.headers.get('content-encoding'), 'gzip');
  assert.equal((await answer.json()).length, 6);
});

test('gzip-level 0 by a reload, and back', async (t) => {
  const { sw, owner, path } = await setup(t);
  const encoding = async () => (await sw.client(owner.token).get(path, { headers: { 'Accept-Encoding': 'gzip' } })).headers;
  const level = (n) => sw.reload({ ...sw.spec, settings: { ...sw.spec.settings, 'gzip-level': n } }, /reloaded/);
  assert.equal((await encoding())['content-encoding'], 'gzip');
  await level(0);
  const off = await encoding();
  assert.equal(off['content-encoding'], undefined);
  assert.equal(off.vary, undefined);
  await level(9);
  assert.equal((await encoding())['content-encoding'], 'gzip');
});

// --- calls by the hundreds a second ---

// Two requests at once, in gzip and without, until a list is so long that it goes out in pieces and from files:
// when both are of one revision, as every eighth time the calls hold still for, they are of the same calls, byte for byte.
for (const secure of [false, true]) test(`a list that changes all the time${secure ? ', over TLS' : ''}`, { skip: MISSING }, async (t) => {
  const cert = secure && await certificate(t);
  const host = await FeedHost.start(t, 700, `rate-limit-per-minute=0;retention-seconds=86400;gzip-bytes-per-second=1000000000${secure ? cert.settings : ''}`);
  const w = await wire(t, host.port, 'alpha-token', cert && cert.ca);
  const counts = { equal: 0, other: 0, held: 0, longest: 0, calls: 0 };
  let revision = 0;
  const compare = async (still) => {
    for (const fields of [GZIP, '']) w.ask(`/v1/Accounts/${ALPHA}/Calls`, fields); // the shorter one first: less happens meanwhile
    const gzip = await w.answer(), plain = await w.answer();
    if (!gzip.headers.has('content-encoding')) { // only while it is too short
      assert.ok(gzip.body.length < 1400, `${gzip.body.length} bytes not in gzip`);
      return;
    }
    const text = gunzipSync(gzip.body), list = JSON.parse(text);
    const now = Number(/\.(\d+)"$/.exec(gzip.headers.get('etag'))[1]);
    assert.ok(now >= revision && list.length > 0, `revision ${now} after ${revision}`);
    [revision, counts.calls] = [now, list.length];
    counts.longest = Math.max(counts.longest, gzip.body.length);
    if (still) assert.equal(gzip.headers.get('etag'), plain.headers.get('etag'));
    else if (gzip.headers.get('etag') !== plain.headers.get('etag')) { counts.other++; return; }
    assert.ok(text.equals(plain.body), `revision ${now}`);
    counts[still ? 'held' : 'equal']++;
  };
  await deadline((async () => {
    for (let n = 1; counts.longest < 70_000 || counts.held < 10; n++) {
      const still = n % 8 === 0;
      if (still) await host.hold();
      await compare(still);
      if (still) host.goOn();
    }
  })(), 'a long list', 60_000 * SLOW);
  t.diagnostic(JSON.stringify(counts));
  const admin = new Client(`${secure ? 'https' : 'http'}://127.0.0.1:${host.port}`, 'admin-token', { tls: cert ? { ca: cert.ca } : {} });
  const packed = await read(admin, 'voxeme_gzip_output_bytes_total'), plain = await read(admin, 'voxeme_gzip_input_bytes_total');
  assert.ok(packed < plain / 3, `${plain} bytes became ${packed}`);
  assert.equal(await read(admin, 'voxeme_gzip_refused_total'), 0);
  admin.close();
});
