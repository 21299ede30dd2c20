// What a client of the live feed can do wrong, by a raw socket: frames that are none, too many, too
// large; clients that stop reading, or come and leave by the thousand.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import test from 'node:test';
import { BUSY, busyCall } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { Feed } from './lib/feed.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline } from './lib/wait.mjs';
import { callsOf } from './lib/watch.mjs';

async function setup(t, settings) {
  const owner = demo();
  const adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], settings, routes: [BUSY] });
  return { sw, owner, path: callsOf(owner), admin: sw.client(adminToken) };
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const upgrade = (owner, path, extra = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer ${owner.token}\r\n${extra}\r\n`;

// A frame as a client sends it; `first` is its first byte.
function frame(first, payload = '', { masked = true, length } = {}) {
  const data = Buffer.from(payload, 'latin1');
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const n = length ?? data.length;
  const head = n < 126 ? Buffer.from([first, (masked ? 0x80 : 0) | n])
    : n < 65536 ? Buffer.from([first, (masked ? 0x80 : 0) | 126, n >> 8, n & 255])
    : Buffer.concat([Buffer.from([first, (masked ? 0x80 : 0) | 127]), (() => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; })()]);
  return Buffer.concat([head, mask, masked ? data.map((b, i) => b ^ mask[i % 4]) : data]);
}

const close = (code, reason = '') => frame(0x88, String.fromCharCode(code >> 8, code & 255) + reason);

// Frames of the server in what a raw socket has read: [[opcode, payload]].
function frames(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return [];
  const bytes = Buffer.from(text.slice(end + 4), 'latin1');
  const found = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    let n = bytes[at + 1] & 0x7f, from = at + 2;
    if (n === 126) { n = bytes.readUInt16BE(from); from += 2; } else if (n === 127) { n = Number(bytes.readBigUInt64BE(from)); from += 8; }
    if (from + n > bytes.length) break;
    assert.equal(bytes[at + 1] & 0x80, 0, 'a server does not mask');
    found.push([bytes[at] & 0x0f, bytes.subarray(from, from + n)]);
    at = from + n;
  }
  return found;
}

const closeCode = (text) => { const f = frames(text).find(([opcode]) => opcode === 8); return f && (f[1].length ? f[1].readUInt16BE(0) : 1005); };

async function open(sw, owner, path, extra) {
  const raw = await Raw.open(sw.httpPort);
  raw.write(upgrade(owner, path, extra));
  await raw.until((text) => frames(text).length > 0, 'the snapshot');
  assert.match(raw.text, /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/s);
  return raw;
}

// Sends, and resolves with the code the server closes with; it has to close the connection as well.
async function codeFor(sw, owner, path, bytes, extra) {
  const raw = await open(sw, owner, path, extra);
  for (const part of [bytes].flat()) raw.write(part);
  await raw.until((text) => closeCode(text) !== undefined, 'a close frame');
  const code = closeCode(raw.text);
  await raw.end();
  raw.destroy();
  return code;
}

const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate\r\n';

test('frames that are none are answered with the right code', async (t) => {
  const { sw, owner, path, admin } = await setup(t);
  const cases = [
    ['not masked', frame(0x81, 'hello', { masked: false }), 1002],
    ['a reserved bit', frame(0xa1, 'x'), 1002], ['another', frame(0x91, 'x'), 1002],
    ['compressed without agreement', frame(0xc1, 'x'), 1002],
    ['a reserved opcode', frame(0x83, 'x'), 1002], ['a reserved control opcode', frame(0x8b), 1002],
    ['a ping in fragments', frame(0x09, 'x'), 1002], ['a ping too long', frame(0x89, 'x'.repeat(126)), 1002],
    ['a continuation of nothing', frame(0x80, 'x'), 1002], ['a message within a message', [frame(0x01, 'a'), frame(0x81, 'b')], 1002],
    ['text that is no UTF-8', frame(0x81, '\xff'), 1007], ['text cut in a character', [frame(0x01, 'a'), frame(0x80, '\xc3')], 1007],
    ['a surrogate', frame(0x81, '\xed\xa0\x80'), 1007],
    ['too long', frame(0x81, 'x'.repeat(4097)), 1009], ['too long in fragments', [frame(0x01, 'x'.repeat(4000)), frame(0x80, 'x'.repeat(100))], 1009],
    ['said to be endless', frame(0x82, '', { length: 2 ** 40 }), 1009],
    ['close without a code', frame(0x88), 1005], ['half a code', frame(0x88, '\x03'), 1002], ['a code that is none', close(1005), 1002],
    ['another', close(999), 1002], ['a code of the future', close(2999), 1002], ['a reason that is no UTF-8', close(1000, '\xff'), 1007],
    ['a clean close', close(1000, 'bye'), 1000], ['an application\'s own code', close(4321), 4321],
  ];
  for (const [what, bytes, code] of cases) assert.equal(await codeFor(sw, owner, path, bytes), code, what);
  assert.equal(await codeFor(sw, owner, path, frame(0xb1, 'x'), DEFLATE), 1002, 'a reserved bit beside compression');
  assert.equal(await codeFor(sw, owner, path, [frame(0x41, 'x'), frame(0xc0, 'x')], DEFLATE), 1002, 'compression said twice');
  assert.equal(await read(admin, 'voxeme_http_streams_refused_total', 'reason="malformed"'), cases.filter(([, , c]) => [1002, 1007, 1009].includes(c)).length + 2);
});

test('what is allowed is taken and does no harm', async (t) => {
  const { sw, owner, path } = await setup(t);
  const raw = await open(sw, owner, path);
  const stream = Buffer.concat([frame(0x81, 'hello'), frame(0x82, '\x00\xff'), frame(0x01, 'zo\xc3'), frame(0x89, 'one'), frame(0x80, '\xab'), frame(0x8a), frame(0x89, 'two')]);
  for (const byte of stream) raw.write(Buffer.from([byte])); // cut everywhere
  await raw.until((text) => frames(text).some(([opcode, payload]) => opcode === 10 && payload.toString() === 'two'), 'the pong');
  await busyCall(t, sw);
  await raw.until((text) => /"call_status":"busy"/.test(text), 'the call');
  raw.write(close(1000));
  await raw.end();
  assert.equal(closeCode(raw.text), 1000);
});

test('a frame right behind the upgrade request', async (t) => {
  const { sw, owner, path } = await setup(t);
  const raw = await Raw.open(sw.httpPort);
  raw.write(Buffer.concat([Buffer.from(upgrade(owner, path)), frame(0x89, 'early'), close(1000)]));
  await raw.end();
  assert.ok(frames(raw.text).some(([opcode]) => opcode === 8));
  raw.destroy();
});

test('upgrades that are none', async (t) => {
  const { sw, owner, path } = await setup(t);
  const good = upgrade(owner, path);
  const cases = [
    ['no key', good.replace(/Sec-WebSocket-Key: .*\r\n/, ''), 400], ['a short key', good.replace(KEY, 'dGhlIHNhbXBsZQ=='), 400],
    ['two keys', good.replace('Upgrade: websocket', `Sec-WebSocket-Key: ${KEY}\r\nUpgrade: websocket`), 400],
    ['no version', good.replace('Sec-WebSocket-Version: 13\r\n', ''), 426], ['an old version', good.replace('Version: 13', 'Version: 8'), 426],
    ['no token', good.replace(/Authorization: .*\r\n/, ''), 401],
  ];
  for (const [what, request, status] of cases) {
    const raw = await Raw.open(sw.httpPort);
    raw.write(request);
    await raw.until((text) => text.includes('\r\n\r\n{'), 'an answer');
    assert.match(raw.text, new RegExp(`^HTTP/1\\.1 ${status} `), what);
    assert.match(raw.text, /\r\n\r\n\{"msg":/);
    if (status === 426) assert.match(raw.text, /\r\nSec-WebSocket-Version: 13\r\n/);
    raw.destroy();
  }
  // Without "Connection: upgrade", in HTTP/1.0, elsewhere: an ordinary request.
  for (const request of [good.replace('Connection: Upgrade\r\n', ''), good.replace('HTTP/1.1', 'HTTP/1.0'), good.replace(path, '/healthz')]) {
    const raw = await Raw.open(sw.httpPort);
    raw.write(request);
    await raw.until((text) => /\r\n\r\n[[{]/.test(text), 'an answer');
    assert.match(raw.text, /^HTTP\/1\.1 200 /);
    raw.destroy();
  }
});

test('a client that floods is closed with 1008', async (t) => {
  const { sw, owner, path, admin } = await setup(t, { 'max-messages-per-minute': 20 });
  assert.equal(await codeFor(sw, owner, path, Array(21).fill(frame(0x8a))), 1008);
  assert.equal(await codeFor(sw, owner, path, Array(100).fill(frame(0x81, 'x'))), 1008);
  assert.equal(await read(admin, 'voxeme_http_streams_refused_total', 'reason="flooding"'), 2);
});

test('a client of events that talks is closed, too', async (t) => {
  const { sw, owner, path, admin } = await setup(t, { 'max-messages-per-minute': 10 });
  const raw = await Raw.open(sw.httpPort);
  raw.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nAccept: text/event-stream\r\n\r\n`);
  await raw.until((text) => text.includes('"type":"snapshot"'), 'the snapshot');
  const talk = setInterval(() => { raw.write('x'); }, 10);
  await raw.end();
  clearInterval(talk);
  raw.destroy();
  assert.equal(await read(admin, 'voxeme_http_streams_refused_total', 'reason="flooding"'), 1);
});

test('a length of its own for messages', async (t) => {
  const { sw, owner, path } = await setup(t, { 'max-message-bytes': 200 });
  assert.equal(await codeFor(sw, owner, path, frame(0x81, 'x'.repeat(201))), 1009);
});

test('a thousand clients come and leave, in every way, and nothing is left of them', async (t) => {
  const { sw, owner, path, admin } = await setup(t);
  const wave = async (leave) => {
    const all = await Promise.all(Array.from({ length: 100 }, () => Raw.open(sw.httpPort)));
    for (const raw of all) raw.write(upgrade(owner, path));
    await Promise.all(all.map(leave));
  };
  const ways = [
    async (raw) => raw.destroy(),
    async (raw) => { await raw.until((text) => frames(text).length > 0); raw.destroy(); },
    async (raw) => { await raw.until((text) => frames(text).length > 0); raw.write(close(1000)); await raw.end(); raw.destroy(); },
    async (raw) => { await raw.until((text) => frames(text).length > 0); raw.socket.resetAndDestroy(); },
    async (raw) => { raw.write(frame(0x81, 'x').subarray(0, 3)); raw.socket.end(); await raw.end(); },
  ];
  for (let i = 0; i < 10; i++) await wave(ways[i % ways.length]);
  await deadline((async () => {
    while (await read(admin, 'voxeme_http_streams') > 0) await new Promise((resolve) => { setImmediate(resolve); });
  })(), 'the streams to be gone');
  const feed = await Feed.open(sw.url, path, { token: owner.token });
  t.after(() => feed.close());
  await busyCall(t, sw);
  await feed.until((f) => [...f.calls.values()][0]?.call_status === 'busy');
});

test('a client that stops reading costs little, delays nobody, is brought up to date, or is reset', async (t) => {
  const { sw, owner, path, admin } = await setup(t, { 'write-timeout-seconds': 2, 'ping-seconds': 1 });
  const stalled = await Promise.all(Array.from({ length: 50 }, () => Raw.open(sw.httpPort, { paused: true })));
  for (const raw of stalled) { raw.socket.pause(); raw.write(upgrade(owner, path)); }
  const feed = await Feed.open(sw.url, path, { token: owner.token });
  t.after(() => feed.close());
  await feed.until((f) => f.messages.length > 0);
  const callId = await busyCall(t, sw);
  const { call_sid: sid } = await feed.call(callId, 'busy');
  // More than the kernel's buffers take, of each client; and were it queued, though all shared it, CHANGES * TAG here.
  const CHANGES = 800, TAG = 4000;
  const client = sw.client(owner.token);
  for (let i = 0; i < CHANGES; i++) {
    const answer = await client.request('PUT', `${path}/${sid}`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ tag: { i, x: 'x'.repeat(TAG - 30) } }) });
    assert.equal(answer.status, 204, answer.text);
  }
  await feed.until((f) => [...f.calls.values()][0]?.tag?.i === CHANGES - 1, 'the newest state');
  const held = await read(admin, 'voxeme_response_memory_bytes');
  t.diagnostic(`${held} bytes held`);
  assert.ok(held < CHANGES * TAG / 8, `${held} bytes: memory does not follow what is not read`);
  await deadline(Promise.all(stalled.map((raw) => new Promise((resolve) => { if (raw.socket.destroyed) resolve(); raw.socket.on('close', resolve); raw.resume(); raw.socket.resume(); }))), 'the stalled clients to be reset');
  assert.ok((await read(admin, 'voxeme_http_timeouts_total', 'kind="ping"')) >= 50);
  assert.ok(!feed.ended);
});
