// Calls that the API makes, handed to the route of redirect-to once they are answered; SIPp plays both far ends.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { account, route } from './lib/config.mjs';
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
async function setup(t, { action = 'bridge', attributes = {}, redirect = true } = {}) {
  const applicationSid = randomUUID(), port = await freePort();
  const owner = account('demo', { sources: ['127.0.0.0/8'], applications: [applicationSid] });
  const target = action === 'bridge' ? { target: `sip:app@127.0.0.1:${port}` } : {};
  const sw = await Switch.start(t, { accounts: [owner], sip: redirect ? { 'redirect-to': 'apps' } : {}, routes: [route('^apps$', action, { ...target, ...attributes })] });
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
  return { sw, watch, applicationSid, post, create, update, becomes, child, phone, application };
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

test('with an application_sid it is that which the application is told of', async (t) => {
  const { create, update, child, phone, application, applicationSid } = await setup(t);
  const app = await application(s.accept({ body: s.sdp(5) }), s.hungUp());
  const far = await phone(s.accept(), s.reinvited(s.sdp(8)), s.report('joined'), s.hungUp());
  const sid = await create(far, { application_sid: applicationSid, call_hook: undefined, ...Object.fromEntries(Object.keys(speech).map((key) => [key, undefined])) });
  assert.deepEqual((await app.at('invite')).message.match(/^X-.*?(?=\r?$)/gm), [`X-Voxeme-Application-Sid: ${applicationSid}`]);
  assert.equal((await child(sid, 'in-progress')).application_sid, applicationSid);
  await far.at('joined');
  await update(sid, { call_status: 'completed' });
  await Promise.all([far.finished(), app.finished()]);
});

// What becomes of the two: the far end's leg and the application's.
const CLEARED = ['completed', 200, 'NORMAL_CLEARING'];
const joining = () => [s.accept(), s.recv('INVITE'), s.reply('100 Trying'), s.report('offered')];
// A BYE, and a CANCEL of the INVITE that waits.
const endedMeanwhile = () => [s.recv('CANCEL', { optional: true }), s.recv('BYE'), s.okay()];

test('an application that is busy: the far end is hung up', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t);
  const [app, far] = [await application(s.decline('486 Busy Here')), await phone(s.accept(), s.hungUp())];
  const sid = await create(far);
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), ['completed', 200, 'USER_BUSY']);
  assert.deepEqual(ends(await child(sid, 'busy')), ['busy', 486, 'USER_BUSY']);
});

test('an application that does not answer in the time of its route', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t, { attributes: { timeout: 1 } });
  const [app, far] = [await application(s.provisional('180 Ringing'), s.cancelled()), await phone(s.accept(), s.hungUp())];
  const sid = await create(far);
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), ['completed', 200, 'NO_ANSWER']);
  assert.deepEqual(ends(await child(sid, 'no-answer')), ['no-answer', 487, 'NO_ANSWER']);
});

test('a far end that hangs up while the application rings: that is cancelled', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t);
  const app = await application(s.provisional('180 Ringing'), s.cancelled());
  const far = await phone(s.accept(), s.gate('up'), s.calleeBye());
  const sid = await create(far);
  await child(sid, 'ringing');
  far.go((await far.at('up')).callId);
  await app.at('cancel');
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), CLEARED);
  assert.deepEqual(ends(await child(sid, 'no-answer')), ['no-answer', 487, 'NORMAL_CLEARING']);
});

test('an application that hangs up during the re-INVITE', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t);
  const app = await application(s.accept(), s.gate('up'), s.calleeBye());
  const far = await phone(...joining(), ...endedMeanwhile());
  const sid = await create(far);
  await far.at('offered');
  app.go((await app.at('up')).callId);
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), CLEARED);
  assert.deepEqual(ends(await child(sid, 'completed')), CLEARED);
});

test('a far end that refuses the re-INVITE: both are hung up', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t);
  const app = await application(s.accept(), s.hungUp());
  const far = await phone(s.accept(), s.recv('INVITE'), s.reply('488 Not Acceptable Here'), s.recv('ACK'), s.hungUp());
  const sid = await create(far);
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), ['completed', 200, 'INCOMPATIBLE_DESTINATION']);
  assert.deepEqual(ends(await child(sid, 'completed')), ['completed', 200, 'INCOMPATIBLE_DESTINATION']);
});

test('a re-INVITE at a bad moment (491) comes again', async (t) => {
  const { create, update, child, phone, application } = await setup(t);
  const app = await application(s.accept({ body: s.sdp(5) }), s.hungUp());
  const far = await phone(s.accept(), s.recv('INVITE'), s.reply('491 Request Pending'), s.recv('ACK'), s.reinvited(s.sdp(8)), s.report('joined'), s.hungUp());
  const sid = await create(far);
  await far.at('joined');
  assert.equal((await child(sid, 'in-progress')).sip_status, 200);
  await update(sid, { call_status: 'completed' });
  await Promise.all([app.finished(), far.finished()]);
});

test('it is hung up by the API in each phase, by either sid', async (t) => {
  const ringing = { app: [s.provisional('180 Ringing'), s.cancelled()], far: [s.accept(), s.hungUp()], status: 'ringing' };
  const joined = { app: [s.accept({ body: s.sdp(5) }), s.hungUp()], far: [s.accept(), s.reinvited(s.sdp(8)), s.report('there'), s.hungUp()], status: 'in-progress' };
  const offered = { app: [s.accept(), s.hungUp()], far: [...joining(), s.report('there'), ...endedMeanwhile()], status: 'in-progress' };
  for (const [of, phase, change, parent, second] of [
    ['parent', ringing, 'completed', CLEARED, ['no-answer', 487, 'NORMAL_CLEARING']],
    ['child', ringing, 'no-answer', ['completed', 200, 'NO_ANSWER'], ['no-answer', 487, 'ORIGINATOR_CANCEL']],
    ['parent', offered, 'completed', CLEARED, CLEARED],
    ['child', offered, 'completed', CLEARED, CLEARED],
    ['parent', joined, 'completed', CLEARED, CLEARED],
    ['child', joined, 'completed', CLEARED, CLEARED],
  ]) {
    const { create, update, watch, becomes, child, phone, application } = await setup(t);
    const [app, far] = [await application(...phase.app), await phone(...phase.far)];
    const sid = await create(far);
    const { call_sid: other } = await child(sid, phase.status);
    if (phase !== ringing) await far.at('there');
    await update(of === 'child' ? other : sid, { call_status: change });
    await Promise.all([app.finished(), far.finished()]);
    assert.deepEqual(ends(await becomes(sid, 'completed')), parent);
    assert.deepEqual(ends(await child(sid, second[0])), second);
    assert.equal(watch.calls.length, 2);
  }
});

test('the time limit of the call ends both legs', async (t) => {
  const { create, becomes, child, phone, application } = await setup(t);
  const app = await application(s.accept({ body: s.sdp(5) }), s.hungUp());
  const far = await phone(s.accept(), s.reinvited(s.sdp(8)), s.hungUp());
  const sid = await create(far, { timeLimit: 3 });
  await Promise.all([app.finished(), far.finished()]);
  assert.deepEqual(ends(await becomes(sid, 'completed')), ['completed', 200, 'ALLOTTED_TIMEOUT']);
  assert.deepEqual(ends(await child(sid, 'completed')), ['completed', 200, 'ALLOTTED_TIMEOUT']);
});

test('routes that are no bridge: answer and ring leave the call up, reject hangs it up', async (t) => {
  for (const [action, attributes, timeLimit, end] of [
    ['reject', { status: 603 }, undefined, 'CALL_REJECTED'],
    ['answer', { 'time-limit': 1 }, undefined, 'ALLOTTED_TIMEOUT'],
    ['answer', { 'time-limit': 1 }, 600, 'ALLOTTED_TIMEOUT'],
    ['answer', { 'time-limit': 600 }, 1, 'ALLOTTED_TIMEOUT'],
    ['answer', {}, undefined, 'NORMAL_CLEARING'],
    ['ring', { 'time-limit': 1 }, undefined, 'NORMAL_CLEARING'],
  ]) {
    const { create, update, becomes, phone, watch } = await setup(t, { action, attributes });
    const far = await phone(s.accept(), s.recv('INFO'), s.okay(), s.hungUp());
    const ended = await phone(s.accept(), s.hungUp());
    const stays = end === 'NORMAL_CLEARING', sid = await create(stays ? far : ended, { timeLimit });
    if (stays) {
      await becomes(sid, 'in-progress');
      await update(sid, { dtmf: { digit: '1' } });
      await update(sid, { call_status: 'completed' });
    }
    await (stays ? far : ended).finished();
    assert.equal((await becomes(sid, 'completed')).termination_reason, end, action);
    assert.equal(watch.calls.length, 1);
  }
});

test('what cannot be in a header is refused before the call is made, and only where it would be handed on', async (t) => {
  const { post, phone, sw, watch } = await setup(t);
  const far = await phone(s.accept());
  for (const [field, value, status, msg] of [
    ['speech_synthesis_vendor', 'a\r\nX-Evil: 1', 400, 'speech_synthesis_vendor has a control character'],
    ['speech_synthesis_language', '\u{1f600}', 422, 'speech_synthesis_language cannot be in a header'],
    ['speech_synthesis_voice', 'Zo\u00eb', 422, 'speech_synthesis_voice cannot be in a header'],
    ['speech_recognizer_vendor', ' a', 422, 'speech_recognizer_vendor cannot be in a header'],
    ['speech_recognizer_language', 'a ', 422, 'speech_recognizer_language cannot be in a header'],
    ['call_hook', 'https://example.com/\u00eb', 422, 'call_hook: its URL cannot be in a header'],
  ]) {
    const answer = await post(far, { [field]: value });
    assert.deepEqual([answer.status, answer.json.msg], [status, msg]);
  }
  assert.deepEqual((await sw.client(sw.spec.accounts[0].token).get(callsOf(sw.spec.accounts[0]))).json, []);
  const without = await setup(t, { redirect: false });
  const stays = await without.phone(s.accept(), s.hungUp());
  const sid = await without.create(stays, { speech_synthesis_voice: 'Zo\u00eb' });
  await without.becomes(sid, 'in-progress');
  await without.update(sid, { call_status: 'completed' });
  await stays.finished();
  assert.equal(without.watch.calls.length, 1);
});

test('redirect-to is asked when the call is answered', async (t) => {
  const { sw, create, update, child, phone, application } = await setup(t, { redirect: false });
  const app = await application(s.accept({ body: s.sdp(5) }), s.hungUp());
  const far = await phone(s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.reinvited(s.sdp(8)), s.report('joined'), s.hungUp());
  const sid = await create(far);
  const { callId } = await far.at('ringing');
  await sw.reload({ ...sw.spec, sip: { ...sw.spec.sip, 'redirect-to': 'apps' } });
  far.go(callId);
  await far.at('joined');
  await child(sid, 'in-progress');
  await update(sid, { call_status: 'completed' });
  await Promise.all([app.finished(), far.finished()]);
});
