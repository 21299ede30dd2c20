// The limits of SIP: each with a small value, what a peer over it meets, and its counter.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readdir } from 'node:fs/promises';
import test from 'node:test';
import { abidingCall, ANSWER, BUSY, busyCall, liveCall, RING } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import * as s from './lib/scenario.mjs';
import { header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function setup(t, sip, routes = [BUSY, RING, ANSWER]) {
  const owner = demo(), adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], sip, routes });
  const admin = sw.client(adminToken);
  const tcp = async () => {
    const connection = await Raw.open(sw.sipPort);
    t.after(() => connection.destroy());
    return connection;
  };
  const counted = (name, labels) => read(admin, `voxeme_sip_${name}`, labels);
  // Waits until a counter or gauge has a value: what is counted may be so a moment after a peer sees it.
  const reaches = (value, name, labels) =>
    deadline((async () => { while (await counted(name, labels) !== value); })(), `voxeme_sip_${name} to be ${value}`);
  return { sw, owner, watch: new Watch(sw.client(owner.token), callsOf(owner)), tcp, counted, reaches };
}

const options = (via = 'TCP', extra = '') =>
  `OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/${via} 127.0.0.1:9;rport;branch=z9hG4bK${Math.random()}\r\nFrom: <sip:1@127.0.0.1>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\n` +
  `Call-ID: l-${Math.random()}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n${extra}Content-Length: 0\r\n\r\n`;

const answered = async (connection) => {
  const from = connection.text.length;
  connection.write(options());
  return /^SIP\/2\.0 200 /.test((await connection.until((text) => text.indexOf('\r\n\r\n', from) > 0, 'an answer to OPTIONS')).slice(from));
};

test('sip-max-calls: one too many gets 503 with Retry-After, and is counted', async (t) => {
  const { sw, watch, counted, reaches } = await setup(t, { 'sip-max-calls': 1 });
  assert.equal(await counted('calls'), 0);
  const one = await liveCall(t, sw);
  assert.equal(await counted('calls'), 1);
  const extra = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '1000' }, s.invite(), s.trying(), s.refused(503), s.report('refused')), remote: sw.sip });
  await extra.finished();
  assert.match(header((await extra.at('refused')).message, 'Retry-After'), /^\d+/);
  assert.equal(await counted('invites_refused_total', 'reason="sip-max-calls"'), 1);
  await one.hangUp();
  await reaches(0, 'calls');
  await watch.call(await busyCall(t, sw), 'busy');
  assert.equal(watch.calls.length, 2, 'the one too many has left no call');
});

test('sip-max-redirects: one too many gets 503, and is counted; its far end is asked nothing', async (t) => {
  const { sw, owner, watch, counted } = await setup(t, { 'redirect-to': '1000', 'sip-max-redirects': 1 });
  const client = sw.client(owner.token);
  const change = (sid, body) => client.request('PUT', `${callsOf(owner)}/${sid}`,
    { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const call = async (...steps) => {
    const sipp = await Sipp.start(t, {
      scenario: s.caller({ from: '1', to: '1000' }, s.invite(), s.trying(), s.answered(), s.report('up'), ...steps, s.hungUp()), remote: sw.sip,
    });
    const { callId } = await sipp.at('up');
    return { sipp, sid: (await watch.call(callId, 'in-progress')).call_sid };
  };
  const one = await call(s.recv('REFER'), s.reply('202 Accepted')), two = await call();
  assert.equal((await change(one.sid, { call_hook: 'https://example.com/1' })).status, 204);
  const refused = await change(two.sid, { call_hook: 'https://example.com/2' });
  assert.equal(refused.status, 503, refused.text);
  assert.match(refused.json.msg, /too many/);
  assert.equal(await counted('commands_refused_total', 'reason="sip-max-redirects"'), 1);
  for (const { sipp, sid } of [one, two]) {
    assert.equal((await change(sid, { call_status: 'completed' })).status, 204);
    await sipp.finished();
  }
});

test('sip-max-message-bytes: larger ones are counted, over UDP and TCP', async (t) => {
  const { sw, watch, tcp, counted, reaches } = await setup(t, { 'sip-max-message-bytes': 4096 });
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const pad = `X-Pad: ${'x'.repeat(6000)}\r\n`;
  await new Promise((resolve, reject) => socket.send(options('UDP', pad), sw.sipPort, '127.0.0.1', (e) => (e ? reject(e) : resolve())));
  await reaches(1, 'too_large_total');
  const headers = await tcp();
  headers.write(options('TCP', pad));
  await reaches(2, 'too_large_total');
  const body = await tcp();
  body.write(options().replace('Content-Length: 0', 'Content-Length: 999999') + 'x'.repeat(4000));
  await reaches(3, 'too_large_total');
  await headers.end();
  await body.end();
  assert.ok(await answered(await tcp()), 'one that fits');
  assert.equal(await counted('too_large_total'), 3);
  await watch.call(await busyCall(t, sw), 'busy');
});

test('sip-max-message-bytes: what a connection brings at once may be more, in many messages', async (t) => {
  const { sw, tcp, counted } = await setup(t, { 'sip-max-message-bytes': 4096 });
  const sizes = Array.from({ length: 60 }, (_, i) => (i * 617) % 3500);
  const body = (bytes) => options().replace('Content-Length: 0\r\n\r\n', `Content-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n${'b'.repeat(bytes)}`);
  const all = sizes.map((bytes, i) => (i % 2 ? options('TCP', `X-Pad: ${'x'.repeat(bytes)}\r\n`) : body(bytes))).join('');
  const answers = (text) => text.match(/^SIP\/2\.0 200 /gm)?.length ?? 0;
  // Read while the switch stands still, all of it waits; cut at odd places, some of it does.
  const whole = await tcp(), pieces = await tcp();
  process.kill(sw.pid, 'SIGSTOP');
  whole.write(all);
  process.kill(sw.pid, 'SIGCONT');
  for (let at = 0; at < all.length; at += 5003) pieces.write(all.slice(at, at + 5003));
  for (const connection of [whole, pieces]) {
    await connection.until((text) => answers(text) === sizes.length && text.endsWith('\r\n\r\n'), 'every one to be answered');
    assert.ok(await answered(connection), 'the connection stands');
  }
  assert.equal(await counted('too_large_total'), 0);
});

test('sip-max-connections: one too many is closed, and counted', async (t) => {
  const { sw, watch, tcp, counted, reaches } = await setup(t, { 'sip-max-connections': 3 });
  const three = [await tcp(), await tcp(), await tcp()];
  await reaches(3, 'connections');
  assert.equal(await (await tcp()).end(), '');
  assert.equal(await counted('connections_refused_total'), 1);
  for (const connection of three) assert.ok(await answered(connection), 'those before it go on');
  await watch.call(await busyCall(t, sw), 'busy');
  // A burst of them costs nothing that stays.
  const files = async () => (await readdir(`/proc/${sw.pid}/fd`)).length;
  const before = await files();
  for (let i = 0; i < 50; i++) await (await tcp()).end();
  assert.equal(await counted('connections_refused_total'), 51);
  await reaches(3, 'connections');
  assert.ok(await files() <= before + 1, 'no file is left open');
  three[0].destroy();
  await reaches(2, 'connections');
  assert.ok(await answered(await tcp()), 'its place is free again');
});

test('sip-tcp-idle-seconds: a connection that says nothing, or nothing more, is closed, and counted', async (t) => {
  const { tcp, counted, reaches } = await setup(t, { 'sip-tcp-idle-seconds': 1 });
  const began = Date.now();
  const silent = await tcp(), done = await tcp();
  assert.ok(await answered(done));
  await Promise.all([silent.end(), done.end()]);
  const ms = Date.now() - began;
  assert.ok(ms >= 900 && ms < 5000 * SLOW, `closed after ${ms} ms`);
  await reaches(2, 'connections_idle_total');
  await reaches(0, 'connections');
  assert.equal(await counted('connections_refused_total'), 0);
});

test('ring-timeout-seconds: 480, and counted', async (t) => {
  const { sw, watch, reaches } = await setup(t, { 'ring-timeout-seconds': 1 });
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.refused(480)), remote: sw.sip });
  await sipp.finished();
  await watch.call((await sipp.at('start')).callId, 'no-answer');
  await reaches(1, 'timeouts_total', 'kind="ring"');
});

test('answer-time-limit-seconds: BYE, and counted', async (t) => {
  const { sw, watch, reaches } = await setup(t, { 'answer-time-limit-seconds': 1 });
  const call = await abidingCall(t, sw);
  await call.ended();
  assert.equal((await watch.call(call.callId, 'completed')).termination_reason, 'ALLOTTED_TIMEOUT');
  await reaches(1, 'timeouts_total', 'kind="answer"');
});
