// Calls that the API makes and controls in FreeSWITCH, with SIPp as the far ends.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { body, header, Sipp } from '../e2e/lib/sipp.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { callee, call, joined } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const jambonz = createRequire(import.meta.url)('@jambonz/node-client');
const owner = account('owner', { sources: ['127.0.0.1/32'] });
const other = account('other');

const SPEECH = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'aws', speech_recognizer_language: 'de-DE',
};
const HOOK = 'https://example.com/hook';

function control(fs, who = owner) {
  const client = fs.client(who.token);
  const watch = new Watch(client, callsOf(who));
  const send = (method, path, content) => client.request(method, callsOf(who) + path,
    { headers: { 'Content-Type': 'application/json' }, body: content && JSON.stringify(content) });
  const create = async (to, fields = {}, status = 201) => {
    const answer = await send('POST', '', { from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@127.0.0.1:${to.port ?? to}` }, call_hook: HOOK, ...SPEECH, ...fields });
    assert.equal(answer.status, status, answer.text);
    return status === 201 ? answer.json.sid : answer.json.msg;
  };
  const update = async (sid, change, status = 204) => {
    const answer = await send('PUT', `/${sid}`, change);
    assert.equal(answer.status, status, `${JSON.stringify(change)}: ${answer.text}`);
    return answer;
  };
  const becomes = (sid, status) => watch.until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === status), `${sid} to be ${status}`);
  const variable = (sid, name) => fs.api(`uuid_getvar ${sid} ${name}`);
  return { client, watch, send, create, update, becomes, variable };
}

const variables = (names) => names.map((name) => ['log', `NOTICE seen ${name}=\${${name}};`]);
const SEEN = ['voxeme_call_hook', 'voxeme_call_hook_method', 'voxeme_tag', 'voxeme_account_sid', 'voxeme_speech_synthesis_vendor',
  'voxeme_speech_recognizer_language', 'voxeme_answer_on_bridge'];
const dialplan = [
  extension('voxeme', ...variables(SEEN), 'answer', 'park'),
  extension('w(\\d{5})', ['set', 'park_after_bridge=true'], ['bridge', 'sofia/internal/777@127.0.0.1:$1']),
];

describe('calls made and controlled by the API', { concurrency: 4 }, () => {
  let fs;
  before(async () => {
    fs = await FreeSwitch.start({
      spec: { settings: { 'freeswitch-profile': 'internal' }, accounts: [owner, other] }, dialplan, profile: { 'dtmf-type': 'info' },
    });
  });
  after(() => fs?.stop());

  it('a call is made: it is there before it rings, goes to the dialplan when it is answered, and is hung up', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.gate('trying'), s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()) });
    const sid = await create(b, {
      headers: { 'X-Custom': 'Hello, World; a=b' }, fromHost: 'blf.example.com', callerName: 'Zoë', tag: { accountCode: '288' }, timeout: 30, answerOnBridge: true,
    });
    const made = await becomes(sid, 'trying');
    assert.deepEqual([made.direction, made.from, made.to, made.sip_status, made.caller_name], ['outbound', '15083728299', 'bob', 100, 'Zoë']);
    assert.deepEqual(made.tag, { accountCode: '288' });
    const invite = await b.at('invite');
    assert.equal(header(invite.message, 'X-Custom'), 'Hello, World; a=b');
    assert.match(header(invite.message, 'From'), /^"Zoë" <sip:15083728299@blf\.example\.com>/);
    await update(sid, { call_status: 'completed' }, 422);
    await update(sid, { dtmf: { digit: '1' } }, 422);
    b.go(invite.callId);
    assert.equal((await becomes(sid, 'ringing')).call_id, invite.callId);
    b.go(invite.callId);
    const up = await becomes(sid, 'in-progress');
    assert.deepEqual([up.from, up.to, up.caller_name], ['15083728299', 'bob', 'Zoë']);
    await fs.esl.logged(new RegExp(`seen voxeme_answer_on_bridge=true;`));
    for (const [name, value] of [['voxeme_call_hook', HOOK], ['voxeme_call_hook_method', 'POST'], ['voxeme_tag', '{"accountCode":"288"}'],
      ['voxeme_account_sid', owner.sid], ['voxeme_speech_synthesis_vendor', 'google'], ['voxeme_speech_recognizer_language', 'de-DE']]) {
      assert.equal(await variable(sid, name), value, name);
    }
    await update(sid, { call_status: 'no-answer' }, 422);
    await update(sid, { call_status: 'completed' });
    await b.finished();
    const over = await becomes(sid, 'completed');
    assert.deepEqual([over.sip_status, over.termination_reason], [200, 'NORMAL_CLEARING']);
    await update(sid, { call_status: 'completed' }, 422);
  });

  it('calls that fail end as their far ends say', async (t) => {
    const { create, becomes } = control(fs);
    for (const [line, status] of [['486 Busy Here', 'busy'], ['404 Not Found', 'failed'], ['480 Temporarily Unavailable', 'no-answer']]) {
      const b = await Sipp.start(t, { scenario: s.callee(s.decline(line)) });
      const sid = await create(b);
      await b.finished();
      assert.equal((await becomes(sid, status)).sip_status, Number(line.slice(0, 3)));
    }
  });

  it('a ringing call is given up', async (t) => {
    const { create, update, becomes } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()) });
    const sid = await create(b);
    await becomes(sid, 'ringing');
    await update(sid, { call_status: 'no-answer' });
    await b.finished();
    assert.equal((await becomes(sid, 'no-answer')).sip_status, 487);
  });

  it('timeout and timeLimit', async (t) => {
    const { create, becomes } = control(fs);
    const silent = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()) });
    const sid = await create(silent, { timeout: 1 });
    await silent.finished();
    await becomes(sid, 'no-answer');
    const long = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const limited = await create(long, { timeout: 1, timeLimit: 3 });
    await long.finished();
    const over = await becomes(limited, 'completed');
    assert.equal(over.termination_reason, 'ALLOTTED_TIMEOUT');
    assert.ok(over.duration >= 2, `${over.duration} s: its timeout did not end it`);
  });

  it('inbound calls that ring are refused, those that are up hung up', async (t) => {
    const { send, update, becomes, watch } = control(fs);
    for (const [way, status, ends] of [[(sid) => send('DELETE', `/${sid}`), 603, 'busy'], [(sid) => update(sid, { call_status: 'no-answer' }), 480, 'no-answer']]) {
      const a = await call(t, fs, owner, 'r80', [s.invite(), s.trying(), s.recv(180), s.report('rings'), s.refused(status)]);
      const { call_sid: sid } = await watch.call(a.callId, 'ringing');
      assert.equal((await way(sid)).status, 204);
      await a.sipp.finished();
      assert.equal((await becomes(sid, ends)).sip_status, status);
    }
    const a = await call(t, fs, owner, '10', [s.invite(), s.trying(), s.answered(), s.hungUp()]);
    const { call_sid: sid } = await watch.call(a.callId, 'in-progress');
    assert.equal((await send('DELETE', `/${sid}`)).status, 204);
    await a.sipp.finished();
    await becomes(sid, 'completed');
    assert.equal((await send('DELETE', `/${sid}`)).status, 204);
    assert.equal((await send('GET', `/${sid}`)).status, 404);
  });

  const dtmf = (label) => [s.recv('INFO'), s.report(label), s.okay()];

  it('a call is held, sent digits, spoken to, muted, recorded, whispered to', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.gate('up'), s.reinvited(), dtmf('1'), dtmf('#'), dtmf('info'),
      [s.recv('MESSAGE'), s.report('message'), s.okay()], s.reinvited(s.sdp(9)), s.hungUp()) });
    const sid = await create(b);
    const { call_id: callId } = await becomes(sid, 'in-progress');
    await b.at('up');
    b.go(callId);
    await update(sid, { conf_hold_status: 'hold', wait_hook: '/wait' });
    assert.match(body((await b.at('reinvite')).message), /^a=sendonly\r?$/m);
    assert.equal(await variable(sid, 'voxeme_wait_hook'), '/wait');
    await update(sid, { conf_hold_status: 'hold' });
    await update(sid, { dtmf: { digit: '1#', duration: 120 } });
    assert.match((await b.at('1')).message, /Signal=1\r?\nDuration=120/);
    assert.match((await b.at('#')).message, /Signal=#/);
    const request = { method: 'INFO', content_type: 'text/plain', content: 'hello\r\nyou', headers: { 'X-Note': 'a "b"; c' } };
    assert.match((await update(sid, { sip_request: request }, 202)).json.msg, /not told/);
    const info = (await b.at('info')).message;
    assert.deepEqual([header(info, 'Content-Type'), header(info, 'X-Note'), body(info)], ['text/plain', 'a "b"; c', 'hello\r\nyou']);
    await update(sid, { sip_request: { ...request, method: 'NOTIFY' } }, 501);
    await update(sid, { sip_request: { ...request, method: 'MESSAGE' } }, 501);
    await update(sid, { sip_request: { method: 'MESSAGE', content_type: 'application/x-y', content: 'm' } }, 202);
    assert.equal(header((await b.at('message')).message, 'Content-Type'), 'application/x-y');
    assert.equal(await variable(sid, 'sip_info_h_X-Note'), '_undef_');
    await update(sid, { conf_hold_status: 'unhold' });
    assert.match(body((await b.at('reinvite')).message), /^a=sendrecv\r?$/m);
    await update(sid, { conf_hold_status: 'unhold' });
    await update(sid, { mute_status: 'mute' });
    assert.match(await fs.api(`uuid_buglist ${sid}`), /<function>audio/);
    await update(sid, { mute_status: 'unmute' });
    await update(sid, { conf_mute_status: 'mute' }, 422);
    await update(sid, { listen_status: 'pause' }, 501);
    await update(sid, { child_call_hook: '/c' }, 422);
    await update(sid, { call_status: 'completed' });
    await b.finished();
  });
});
