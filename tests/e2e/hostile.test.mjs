// SIP that no phone sends, and some that few do.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import test from 'node:test';
import { ANSWER, BUSY, busyCall } from './lib/calls.mjs';
import { demo, route } from './lib/config.mjs';
import * as s from './lib/scenario.mjs';
import { header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';
import { freePort } from './lib/ports.mjs';

async function setup(t, routes = [BUSY, ANSWER], settings = {}, sip = {}) {
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes, settings, sip });
  const watch = new Watch(sw.client(owner.token), callsOf(owner));
  return { sw, watch, owner };
}

const INVITE = (over = {}, headers = '', body = '') => {
  const h = { uri: 'sip:486@127.0.0.1', from: '<sip:1@127.0.0.1>;tag=1', to: '<sip:486@127.0.0.1>', callId: `h-${Math.random()}`, cseq: '1 INVITE', length: body.length, ...over };
  return `INVITE ${h.uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK${Math.random()}\r\nFrom: ${h.from}\r\nTo: ${h.to}\r\nCall-ID: ${h.callId}\r\n` +
    `CSeq: ${h.cseq}\r\nContact: <sip:1@127.0.0.1:9>\r\nMax-Forwards: 70\r\n${headers}Content-Length: ${h.length}\r\n\r\n${body}`;
};

const HOSTILE = {
  'nothing': '', 'line ends': '\r\n\r\n\r\n\r\n', 'zero bytes': '\0'.repeat(2000), 'no SIP': 'hello', 'half a line': 'INVITE sip:1@',
  'no headers': 'INVITE sip:486@127.0.0.1 SIP/2.0\r\n\r\n', 'another version': 'INVITE sip:486@127.0.0.1 SIP/9.0\r\n\r\n',
  'a response to nobody': 'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:1@1>;tag=1\r\nTo: <sip:1@1>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n',
  'a negative length': INVITE({ length: '-1' }), 'a huge length': INVITE({ length: '4294967296' }), 'a length that is no number': INVITE({ length: 'x' }),
  'no From': INVITE().replace(/From:.*\r\n/, ''), 'no Call-ID': INVITE().replace(/Call-ID:.*\r\n/, ''), 'no CSeq': INVITE().replace(/CSeq:.*\r\n/, ''),
  'a bad CSeq': INVITE({ cseq: '99999999999999999999 BYE' }), 'a bad request URI': INVITE({ uri: 'sip:%zz@[::' }), 'a tel URI': INVITE({ uri: 'tel:+15551234' }),
  'an address without end': INVITE({ from: '"unterminated <sip:1@127.0.0.1' }), 'many headers': INVITE({}, 'X-A: b\r\n'.repeat(5000)),
  'a long header': INVITE({}, `X-Long: ${'x'.repeat(60000)}\r\n`), 'a long user': INVITE({ uri: `sip:${'9'.repeat(20000)}@127.0.0.1` }),
  'control characters': INVITE({ from: '"a\x01\x02\x7f\x1b[31m" <sip:1%00%01@127.0.0.1>;tag=1' }), 'bytes that are no UTF-8': INVITE({ from: '"\xff\xfe\xc0\x80" <sip:\xff@127.0.0.1>;tag=1' }),
  'SDP that is none': INVITE({ uri: 'sip:1000@127.0.0.1' }, 'Content-Type: application/sdp\r\n', 'v=0\r\nm=\r\nc=\r\n\r\n'),
  'a body of another kind': INVITE({ uri: 'sip:1000@127.0.0.1' }, 'Content-Type: text/plain\r\n', 'hello'),
  'a BYE to nobody': INVITE({ cseq: '1 BYE' }).replace(/^INVITE/, 'BYE'), 'a CANCEL of nothing': INVITE({ cseq: '1 CANCEL' }).replace(/^INVITE/, 'CANCEL'),
};

for (const transport of ['udp', 'tcp']) {
  test(`${transport}: garbage of every kind, and it still takes calls`, async (t) => {
    const { sw, watch } = await setup(t);
    for (const text of Object.values(HOSTILE)) {
      const bytes = Buffer.from(text, 'latin1');
      if (transport === 'udp') {
        const socket = createSocket('udp4');
        await new Promise((resolve, reject) => socket.send(bytes, sw.sipPort, '127.0.0.1', (e) => (e ? reject(e) : resolve())));
        await new Promise((resolve) => socket.close(resolve));
      } else {
        const socket = connect(sw.sipPort, '127.0.0.1');
        socket.on('error', () => {});
        socket.resume();
        await deadline(new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); }), 'a connection');
        await new Promise((resolve) => socket.end(bytes, resolve));
        socket.destroy();
      }
    }
    const callId = await busyCall(t, sw, { transport });
    await watch.call(callId, 'busy');
    // What came in as a call is JSON that a client can read: it has been parsed by now.
    for (const call of watch.calls) assert.equal(typeof call.from, 'string');
  });
}

test('oversized datagrams', async (t) => {
  const { sw, watch } = await setup(t);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (const size of [1500, 4096, 16384, 65507]) {
    const text = INVITE({}, `X-Long: ${'x'.repeat(Math.max(0, size - 400))}\r\n`);
    await new Promise((resolve, reject) => socket.send(Buffer.from(text.slice(0, 65507)), sw.sipPort, '127.0.0.1', (e) => (e ? reject(e) : resolve())));
  }
  await watch.call(await busyCall(t, sw), 'busy');
});

test('a TCP client that sends without end is not listened to for ever', async (t) => {
  const { sw, watch } = await setup(t);
  const socket = connect(sw.sipPort, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await deadline(new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); }), 'a connection');
  socket.write(`INVITE sip:486@127.0.0.1 SIP/2.0\r\nX: ${'x'.repeat(1 << 20)}`);
  await watch.call(await busyCall(t, sw), 'busy');
  await watch.call(await busyCall(t, sw, { transport: 'tcp' }), 'busy');
});

for (const transport of ['udp', 'tcp']) {
  test(`${transport}: OPTIONS gets 200, an unknown method 501, and neither is a call`, async (t) => {
    const { sw, watch } = await setup(t);
    for (const [method, status] of [['OPTIONS', 200], ['FROBNICATE', 501]]) {
      const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '1' }, s.request(method, status), s.report('answer')), remote: sw.sip, transport });
      await sipp.finished();
      const { message } = await sipp.at('answer');
      if (method === 'OPTIONS') assert.match(header(message, 'Allow'), /INVITE/);
    }
    await watch.call(await busyCall(t, sw), 'busy');
    assert.equal(watch.calls.length, 1);
  });
}

// [method, with a To tag or not, status]
const OUTSIDE = [
  ...['INVITE', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'CANCEL', 'PRACK'].map((method) => [method, true, 481]),
  ...['BYE', 'INFO', 'UPDATE', 'CANCEL', 'PRACK'].map((method) => [method, false, 481]), ['OPTIONS', false, 200],
  // What the Allow header does not name is refused before it is looked for a dialog (RFC 3261, section 8.2.1).
  ...['MESSAGE', 'NOTIFY', 'REFER', 'SUBSCRIBE', 'REGISTER', 'PUBLISH'].flatMap((method) => [[method, false, 405], [method, true, 405]]),
  ['FROBNICATE', false, 501], ['FROBNICATE', true, 501],
];

test('requests outside of any dialog', async (t) => {
  const { sw, watch } = await setup(t);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  for (const [method, tag, status] of OUTSIDE) {
    const id = `o${Math.random()}`;
    const answer = deadline(new Promise((resolve) => socket.on('message', (m) => {
      if (header(String(m), 'Call-ID') === id) resolve(String(m));
    })), `an answer to ${method}`);
    socket.send(INVITE({ callId: id, cseq: `1 ${method}`, to: `<sip:x@127.0.0.1>${tag ? ';tag=unknown' : ''}` }, 'Event: x\r\nRefer-To: <sip:1@127.0.0.1>\r\nRAck: 1 1 INVITE\r\n')
      .replace(/^INVITE/, method).replace('127.0.0.1:9;branch', `127.0.0.1:${socket.address().port};branch`), sw.sipPort, '127.0.0.1');
    const text = await answer;
    socket.removeAllListeners('message');
    assert.equal(Number(/^SIP\/2\.0 (\d{3})/.exec(text)[1]), status, `${method} ${tag ? 'with' : 'without'} a tag: ${text}`);
    const allow = header(text, 'Allow');
    if (status === 405) assert.ok(allow && !allow.split(/, */).includes(method), `${method} is refused, Allow: ${allow}`);
    if (allow && status === 481) assert.ok(method === 'PRACK' || allow.split(/, */).includes(method), `${method} is known, Allow: ${allow}`);
  }
  await watch.call(await busyCall(t, sw), 'busy');
  assert.equal(watch.calls.length, 1);
});

test('a burst of datagrams waits while the switch is kept from running', async (t) => {
  const { sw } = await setup(t);
  const N = 300, answered = new Set(); // the kernel's default has room for about 170 of them
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  t.after(() => socket.close());
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const all = new Promise((resolve) => socket.on('message', (m) => {
    if (/^SIP\/2\.0 200/.test(m)) answered.add(header(String(m), 'Call-ID'));
    if (answered.size === N) resolve();
  }));
  sw.signal('SIGSTOP');
  try {
    for (let i = 0; i < N; i++) {
      const text = INVITE({ callId: `burst-${i}`, cseq: '1 OPTIONS' }, `X-Pad: ${'x'.repeat(150)}\r\n`).replace(/^INVITE/, 'OPTIONS').replace('127.0.0.1:9;branch', `127.0.0.1:${socket.address().port};branch`);
      await new Promise((resolve, reject) => socket.send(text, sw.sipPort, '127.0.0.1', (e) => (e ? reject(e) : resolve())));
    }
  } finally {
    sw.signal('SIGCONT');
  }
  await deadline(all, 'every one to be answered').catch((e) => { throw new Error(`${e.message}: ${answered.size} of ${N}`); });
});

test('session timer: the answer agrees to one', async (t) => {
  const { sw } = await setup(t);
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '1000' }, s.invite({ headers: ['Supported: timer', 'Session-Expires: 1800;refresher=uac', 'Min-SE: 90'] }), s.trying(), s.recv(200, { rrs: true }), s.report('ok'), s.acknowledge(), s.bye()),
    remote: sw.sip,
  });
  await sipp.finished();
  assert.match(header((await sipp.at('ok')).message, 'Session-Expires'), /^1800\b/);
});

// The end of a long call comes by the session timer: in whatever time session-expires-seconds says, no shorter one
// than min-se-seconds.
test('session timer: session-expires-seconds is offered to the far end, and min-se-seconds with it', async (t) => {
  const callee = await Sipp.start(t, { scenario: s.callee(s.report('invite'), s.accept(), s.hungUp()) });
  const { sw } = await setup(t, [route('^2(\\d+)$', 'bridge', { target: `sip:$1@${callee.address}` })], {}, { 'session-expires-seconds': 777, 'min-se-seconds': 333 });
  const caller = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '2555' }, s.invite(), s.trying(), s.answered(), s.bye()), remote: sw.sip });
  await caller.finished();
  await callee.finished();
  const { message } = await callee.at('invite');
  assert.match(header(message, 'Session-Expires'), /^777\b/);
  assert.match(header(message, 'Min-SE'), /^333\b/);
});

for (const [asked, answer] of [[332, 422], [333, 200]]) {
  test(`session timer: one of ${asked} s where min-se-seconds is 333: ${answer}`, async (t) => {
    const { sw } = await setup(t, [ANSWER], {}, { 'session-expires-seconds': 777, 'min-se-seconds': 333 });
    const headers = ['Supported: timer', `Session-Expires: ${asked};refresher=uac`, 'Min-SE: 90'];
    const steps = answer === 200
      ? [s.recv(200, { rrs: true }), s.report('answer'), s.acknowledge(), s.bye()] : [s.refused(422), s.report('answer')];
    const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '1000' }, s.invite({ headers }), s.trying(), ...steps), remote: sw.sip });
    await sipp.finished();
    const { message } = await sipp.at('answer');
    if (answer === 422) assert.match(header(message, 'Min-SE'), /^333\b/);
    else assert.match(header(message, 'Session-Expires'), /^333\b/);
  });
}

const NAMES = [
  ['', ''], ['Alice', 'Alice'], ['"Alice Liddell"', 'Alice Liddell'], ['"O\'Neil, Sean"', 'O\'Neil, Sean'], ['"say \\"hi\\""', 'say "hi"'],
  ['"back\\\\slash"', 'back\\slash'], ['"Zoë 山田 🎉"', 'Zoë 山田 🎉'], ['"{\\"json\\": {}}"', '{"json": {}}'], ['"<b>&amp;"', '<b>&amp;'], ['"%41%20"', '%41%20'],
];
test('display names arrive as they were meant', async (t) => {
  const { sw, watch } = await setup(t);
  for (const [display, name] of NAMES) {
    const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '486', display }, s.invite(), s.trying(), s.refused(486)), remote: sw.sip });
    await sipp.finished();
    assert.equal((await watch.call((await sipp.at('start')).callId, 'busy')).caller_name, name, display);
  }
});

test('user parts arrive unescaped', async (t) => {
  const { sw, watch } = await setup(t, [route('.', 'reject', { status: 486 })]);
  for (const [sent, meant] of [['%2B15083728299', '+15083728299'], ['+15083728299', '+15083728299'], ['al%69ce', 'alice'], ['a.b-c_d', 'a.b-c_d'], ['%C3%A9t%C3%A9', 'été'], ['100;phone-context=x', '100;phone-context=x']]) {
    const callId = await busyCall(t, sw, { from: sent, to: sent });
    const call = await watch.call(callId, 'busy');
    assert.deepEqual([call.from, call.to], [meant, meant]);
  }
});

test('a name of 60,000 bytes over TCP is cut to max-field-bytes', async (t) => {
  const { sw, watch } = await setup(t, [BUSY], { 'max-field-bytes': 100 });
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '486', display: `"${'é'.repeat(15000)}"` }, s.invite(), s.trying(), s.refused(486)), remote: sw.sip, transport: 'tcp', args: ['-buff_size', '200000'] });
  await sipp.finished();
  const call = await watch.call((await sipp.at('start')).callId, 'busy');
  assert.equal(call.caller_name, 'é'.repeat(50), 'cut between characters');
});

test('a bridge to where nobody listens fails, and says so to both', async (t) => {
  const port = await freePort();
  const { sw, watch } = await setup(t, [route('^2$', 'bridge', { target: `sip:9@127.0.0.1:${port};transport=tcp`, timeout: '5' })]);
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '2' }, s.invite(), s.trying(), s.refusedByAny(408, 480, 500, 502, 503), s.report('failed')), remote: sw.sip });
  await sipp.finished();
  const status = Number(/^SIP\/2\.0 (\d{3})/.exec((await sipp.at('failed')).message)[1]);
  const { callId } = await sipp.at('start');
  const parent = await watch.call(callId, ['failed', 'no-answer']);
  assert.equal(parent.sip_status, status);
  await watch.until((calls) => calls.length === 2 && calls.every((c) => 'duration' in c));
});

test('a retransmitted INVITE is one call', async (t) => {
  const { sw, watch } = await setup(t);
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  const { port } = socket.address();
  const text = INVITE({ callId: 'twice' }).replace('127.0.0.1:9;branch', `127.0.0.1:${port};branch`);
  const answered = deadline(new Promise((resolve) => socket.on('message', (m) => { if (/^SIP\/2\.0 486/.test(m)) resolve(); })), 'an answer');
  for (let i = 0; i < 3; i++) socket.send(text, sw.sipPort, '127.0.0.1');
  await answered;
  await watch.call('twice', 'busy');
  assert.equal(watch.calls.length, 1);
});
