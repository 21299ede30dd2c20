// Calls that the API makes, handed to the route of redirect-to once they are answered; SIPp plays both far ends.

import assert from 'node:assert/strict';
import test from 'node:test';
import { demo, route } from './lib/config.mjs';
import { freePort } from './lib/ports.mjs';
import * as s from './lib/scenario.mjs';
import { body, header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const HOOK = 'https://example.com/next?a=1&b=2';
const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'microsoft', speech_recognizer_language: 'de-DE',
};
const lines = (message) => body(message).trim().split(/\r?\n/);
const origin = (message) => /^o=(\S+ \S+) (\d+) /m.exec(body(message)).slice(1);

// A switch whose redirect-to is bridged to an application at `port`.
async function setup(t, { action = 'bridge', attributes = {}, sip = {}, to = 'apps' } = {}) {
  const owner = demo(), port = await freePort();
  const target = action === 'bridge' ? { target: `sip:app@127.0.0.1:${port}` } : {};
  const sw = await Switch.start(t, { accounts: [owner], sip: { 'redirect-to': to, ...sip }, routes: [route('^apps$', action, { ...target, ...attributes })] });
  const client = sw.client(owner.token), watch = new Watch(client, callsOf(owner));
  const send = (method, path, content) =>
    client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json' }, body: content && JSON.stringify(content) });
  const post = (phone, fields) => send('POST', '', { from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${phone.address}` }, call_hook: HOOK, ...speech, ...fields });
  const create = async (phone, fields) => {
    const answer = await post(phone, fields);
    assert.equal(answer.status, 201, answer.text);
    return answer.json.sid;
  };
  const update = async (sid, change) => {
    const answer = await send('PUT', `/${sid}`, change);
    assert.equal(answer.status, 204, answer.text);
  };
  const becomes = (sid, status) => watch.until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === status), `${sid} to be ${status}`);
  const child = (sid, status) => watch.until((calls) => calls.find((c) => c.parent_call_sid === sid && c.call_status === status), `the child of ${sid} to be ${status}`);
  const phone = (...steps) => Sipp.start(t, { scenario: s.callee(...steps) });
  const application = (...steps) => Sipp.start(t, { scenario: s.callee(...steps), port });
  return { sw, watch, send, post, create, update, becomes, child, phone, application };
}

const ends = (call) => [call.call_status, call.sip_status, call.termination_reason];

test('an answered call goes to the application: what its creator gave, and what its far end answered; then the two are a bridge', async (t) => {
  const { create, becomes, child, phone, application, watch } = await setup(t);
  const app = await application(s.provisional('180 Ringing'), s.gate('ringing'), s.accept({ body: s.sdp(5) }), s.gate('up'), s.calleeBye());
  const far = await phone(s.accept({ body: s.sdp(7) }), s.reinvited(s.sdp(8)), s.report('joined'), s.hungUp());
  const tag = { order: 7, name: 'Zo\u00eb \u{1f600}\r\nX-Evil: 1' };
  const sid = await create(far, { tag, answerOnBridge: true, callerName: 'Alice' });
  const { message, callId } = await app.at('invite');
  assert.match(message, /^INVITE sip:app@/);
  assert.deepEqual(Object.fromEntries([...message.matchAll(/^(X-[^:]*): (.*?)\r?$/gm)].map(([, name, value]) => [name, value])), {
    'X-Voxeme-Hook': HOOK, 'X-Voxeme-Hook-Method': 'POST',
    'X-Voxeme-Speech-Synthesis-Vendor': 'google', 'X-Voxeme-Speech-Synthesis-Language': 'en-US', 'X-Voxeme-Speech-Synthesis-Voice': 'en-US-Standard-C',
    'X-Voxeme-Speech-Recognizer-Vendor': 'microsoft', 'X-Voxeme-Speech-Recognizer-Language': 'de-DE',
    'X-Voxeme-Answer-On-Bridge': 'true', 'X-Voxeme-Tag': '{"order":7,"name":"Zo\\u00eb \\ud83d\\ude00\\r\\nX-Evil: 1"}',
  });
  assert.deepEqual(JSON.parse(header(message, 'X-Voxeme-Tag')), tag);
  assert.match(header(message, 'From'), /^"Alice" <sip:15083728299@127\.0\.0\.1:\d+>/);
  assert.deepEqual(lines(message).slice(2), s.sdp(7).slice(2).map((line) => line.replace('[local_ip]', '127.0.0.1')));
  assert.deepEqual(origin(message), ['sipp 53655765', '7']);
  const [parent, second] = [await becomes(sid, 'in-progress'), await child(sid, 'ringing')];
  assert.deepEqual([second.call_id, second.direction, second.from, second.to, second.caller_name, second.account_sid],
    [callId, 'outbound', '15083728299', 'app', 'Alice', parent.account_sid]);
  app.go(callId);
  const offer = (await far.at('reinvite')).message, first = (await far.at('invite')).message;
  assert.deepEqual(lines(offer).slice(2), s.sdp(5).slice(2).map((line) => line.replace('[local_ip]', '127.0.0.1')));
  assert.equal(origin(offer)[0], origin(first)[0], 'the session is the one that it was called with');
  assert.ok(Number(origin(offer)[1]) > Number(origin(first)[1]), 'in a newer version');
  await far.at('joined');
  await child(sid, 'in-progress');
  app.go(callId);
  await Promise.all([far.finished(), app.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), ['completed', 200, 'NORMAL_CLEARING']);
  assert.deepEqual(ends(await child(sid, 'completed')), ['completed', 200, 'NORMAL_CLEARING']);
  assert.equal(watch.calls.length, 2);
});
