// Calls that the API makes and controls in FreeSWITCH, with SIPp as the far ends.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { account, element } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { body, header, Sipp } from '../e2e/lib/sipp.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { callee, call, joined } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';
import { silence } from './lib/sound.mjs';

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

// How many channels FreeSWITCH has; `show channels` tells it late.
const channels = async (fs) => Number(/(\d+) session\(s\) - peak/.exec(await fs.api('status'))[1]);
const exists = async (fs, sid) => /true/.test(await fs.api(`uuid_exists ${sid}`));
const none = (fs) => fs.until(async () => await channels(fs) === 0, 'all channels to be gone');

const variables = (names) => names.map((name) => ['log', `NOTICE seen ${name}=\${${name}};`]);
const SEEN = ['voxeme_call_hook', 'voxeme_call_hook_method', 'voxeme_tag', 'voxeme_account_sid', 'voxeme_speech_synthesis_vendor',
  'voxeme_speech_recognizer_language', 'voxeme_answer_on_bridge'];

// Takes that long to route a call whose tag has the word.
const routedIn = (ms, word) => element('extension', { name: word }, [
  element('condition', { field: 'destination_number', expression: '^voxeme$' }),
  element('condition', { field: '${voxeme_tag}', expression: word }),
  element('condition', { field: `\${msleep(${ms})}`, expression: '^never$' }),
]);

const dialplan = [
  routedIn(300, 'slow'),
  routedIn(4000, 'stuck'),
  extension('voxeme', ...variables(SEEN), 'answer', 'park'),
  extension('x(\\d{5})', ['set', 'park_after_bridge=true'], ['bridge', 'sofia/internal/777@127.0.0.1:$1']),
  extension('x9(\\d{5})', ['set', 'bypass_media=true'], ['bridge', 'sofia/internal/777@127.0.0.1:$1']),
];

describe('calls made and controlled by the API', { concurrency: 4 }, () => {
  let fs;
  before(async () => {
    fs = await FreeSwitch.start({
      spec: { settings: { 'freeswitch-profile': 'internal' }, accounts: [owner, other] }, dialplan, // SIPp sends no media: FreeSWITCH is not to wait for it.
      profile: { 'dtmf-type': 'info', 'rtp-timer-name': 'soft' },
    });
  });
  after(() => fs?.stop());

  it('a call is made: it is there before it rings, goes to the dialplan when it is answered, and is hung up', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.gate('trying'), s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()) });
    const sid = await create(b, {
      headers: { 'X-Custom': 'Hello, World; a=b' }, fromHost: 'blf.example.com', callerName: 'Zoë', tag: { accountCode: '288' }, timeout: 30, answerOnBridge: true,
      amd: { actionHook: '/amd', timers: { noSpeechTimeoutMs: 5000 } }, sipRequestWithinDialogHook: '/customHook',
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
    for (const [name, value] of [['voxeme_amd', '{"actionHook":"/amd","timers":{"noSpeechTimeoutMs":5000}}'], ['voxeme_sip_request_hook', '/customHook'],
      ['voxeme_call_hook', HOOK], ['voxeme_call_hook_method', 'POST'], ['voxeme_tag', '{"accountCode":"288"}'],
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

  it('a call shows whom it is for as one that comes in does: not escaped', async (t) => {
    const { create, becomes } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.decline('486 Busy Here')) });
    const sid = await create(b, { to: { type: 'sip', sipUri: `sip:%2B1508%20x@127.0.0.1:${b.port}` } });
    assert.match((await b.at('invite')).message, /^INVITE sip:(\+|%2B)1508%20x@/);
    await b.finished();
    assert.equal((await becomes(sid, 'busy')).to, '+1508 x');
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
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.gate('up'), s.reinvited(), s.gate('held'), dtmf('1'), dtmf('#'), dtmf('info'),
      [s.recv('MESSAGE'), s.report('message'), s.okay()], s.reinvited(s.sdp(9)), s.report('unheld'), s.hungUp()) });
    const sid = await create(b);
    const { call_id: callId } = await becomes(sid, 'in-progress');
    await b.at('up');
    b.go(callId);
    await update(sid, { conf_hold_status: 'hold', wait_hook: '/wait' });
    assert.match(body((await b.at('reinvite')).message), /^a=sendonly\r?$/m);
    assert.equal(await variable(sid, 'voxeme_wait_hook'), '/wait');
    await update(sid, { conf_hold_status: 'hold' });
    await b.at('held');
    b.go(callId);
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
    assert.doesNotMatch(body((await b.at('reinvite')).message), /^a=(sendonly|inactive)/m);
    await update(sid, { conf_hold_status: 'unhold' });
    await b.at('unheld'); // BYE might overtake the ACK
    await update(sid, { mute_status: 'mute' });
    assert.match(await fs.api(`uuid_buglist ${sid}`), /<function>audio/);
    await update(sid, { mute_status: 'unmute' });
    await update(sid, { conf_mute_status: 'mute' }, 422);
    await update(sid, { listen_status: 'pause' }, 501);
    await update(sid, { child_call_hook: '/c' }, 422);
    await update(sid, { call_status: 'completed' });
    await b.finished();
  });

  it('a call is held while FreeSWITCH routes it', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    const held = [s.accept(), s.reinvited(), s.report('held'), s.hungUp()];
    const b = await Sipp.start(t, { scenario: s.callee(...held) });
    const sid = await create(b, { tag: { way: 'slow' } });
    await becomes(sid, 'in-progress');
    await update(sid, { conf_hold_status: 'hold' });
    assert.match(body((await b.at('reinvite')).message), /^a=sendonly\r?$/m);
    await b.at('held');
    await fs.until(async () => await variable(sid, 'current_application') === 'park', 'its extension to be executed');
    assert.match(await fs.api(`uuid_dump ${sid}`), /^Channel-Call-State: HELD$/m);
    await update(sid, { call_status: 'completed' });
    await b.finished();

    const stuck = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const other = await create(stuck, { tag: { way: 'stuck' } });
    await becomes(other, 'in-progress');
    const { json } = await update(other, { conf_hold_status: 'hold' }, 422);
    assert.match(json.msg, /on its way/);
    await update(other, { call_status: 'completed' });
    await stuck.finished();
  });

  it('recordings and whispers', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    await writeFile(join(fs.dir, 'sounds', 'beep-1.wav'), silence());
    await writeFile(join(fs.dir, 'secret.wav'), silence());
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const sid = await create(b);
    await becomes(sid, 'in-progress');
    const record = (action, status, fields = {}) => update(sid, { record: { action: `${action}CallRecording`, ...fields } }, status);
    await record('stop', 422);
    // SIPp sends no media: what is recorded is what is whispered.
    const whispered = async () => {
      await fs.api(`uuid_setvar ${sid} playback_ms`);
      await update(sid, { whisper: { verb: 'play', url: 'beep-1.wav' } });
      await fs.until(async () => await variable(sid, 'playback_ms') !== '_undef_', 'the file to be played');
    };
    await record('start', 204, { recordingID: 'first_1' });
    await whispered();
    await record('start', 422);
    await record('pause', 204);
    await record('resume', 204);
    await record('stop', 204);
    await record('start', 204);
    await whispered();
    await record('stop', 204);
    await record('start', 501, { siprecServerURL: 'sip:rec@127.0.0.1' });
    for (const recordingID of ['../x', 'a/b', 'a.b', "a'b", '${x}']) await record('start', 400, { recordingID });
    for (const name of [`${sid}-first_1.wav`, `${sid}.wav`]) {
      await fs.until(async () => (await stat(join(fs.dir, 'recordings', name)).catch(() => ({ size: 0 }))).size > 4000, `${name} to be written`);
    }
    assert.equal((await readdir(join(fs.dir, 'recordings'))).filter((name) => name.startsWith(sid)).length, 2);
    await update(sid, { mute_status: 'mute', whisper: [{ verb: 'play', url: ['beep-1.wav', 'beep-1.wav'] }] });
    for (const url of ['../secret.wav', join(fs.dir, 'secret.wav'), 'no-such.wav', 'x/../../secret.wav', 'tone_stream://%(200,0,640)', 'say:hello', '${hostname}.wav',
      '{a=b}beep-1.wav', 'system::touch /tmp/x', 'file://etc/passwd', '.']) await update(sid, { whisper: { verb: 'play', url } }, 422);
    await update(sid, { whisper: { verb: 'play', url: 'http://127.0.0.1/a.wav' } }, 501);
    await update(sid, { whisper: { verb: 'say', text: 'hello' } }, 501);
    await update(sid, { whisper: { verb: 'listen' } }, 400);
    await update(sid, { call_status: 'completed' });
    await b.finished();
  });

  it('what clients write changes nothing but what it is meant for', async (t) => {
    const { create, update, becomes, variable } = control(fs);
    const evil = '"\\${hostname}<sip:evil@evil.example>;x=y,[a=b]{c=d}|^\'$$%22%0d%0aX-Evil: 1';
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const fields = { from: evil, callerName: evil, tag: { note: evil, '${hostname}': 1 }, call_hook: 'https://example.com/${hostname}?a=$1,b|[c]\'"' };
    const sid = await create(b, { ...fields, headers: { 'X-One': '"a,b|c" <x>;[d]{e}^$f\\\'%0d%0a', 'X-Two': '$' } });
    const invite = (await b.at('invite')).message;
    assert.equal(invite.match(/^X-Evil/mi), null);
    const from = header(invite, 'From');
    assert.match(from, /^"[^"]*" <sip:[^<>@" ]*@127\.0\.0\.1>;tag=[^;]+$/);
    assert.match(header(invite, 'Remote-Party-ID'), /^"[^"]*" <sip:[^<>@" ]*@127\.0\.0\.1>;party=calling/);
    assert.ok(!from.includes('${') && !from.includes('evil>'), from);
    assert.equal(header(invite, 'X-One'), '"a,b|c" <x>;[d]{e}^$f\\\'%0d%0a');
    assert.equal(header(invite, 'X-Two'), '$');
    assert.match(invite, /^INVITE sip:bob@127\.0\.0\.1:\d+ SIP/);
    const up = await becomes(sid, 'in-progress');
    assert.deepEqual([up.from, up.caller_name, up.tag, up.account_sid], [evil, evil, fields.tag, owner.sid]);
    const seen = (name) => fs.esl.logged(new RegExp(`seen ${name}=([^\n]*);`), before);
    const before = 0;
    assert.deepEqual(JSON.parse(await variable(sid, 'voxeme_tag')), fields.tag);
    assert.equal(await variable(sid, 'voxeme_call_hook'), 'https://example.com/$%7Bhostname%7D?a=$1,b%7C[c]%27%22');
    await seen('voxeme_tag');
    await update(sid, { call_status: 'completed' });
    await b.finished();
    for (const bad of [{ headers: { 'X-A': 'a ${hostname}' } }, { headers: { 'User-Agent': 'x' } }, { speech_synthesis_voice: '${hostname}' }]) await create(b, { ...bad }, 422);
    for (const uri of ['sip:a,b@127.0.0.1', 'sip:a@127.0.0.1|sip:b@127.0.0.1', 'sip:[x=y]a@127.0.0.1', "sip:'a@127.0.0.1", 'sip:a^b@127.0.0.1', 'sip:${hostname}@127.0.0.1']) {
      await create(b, { to: { type: 'sip', sipUri: uri } }, 400);
    }
    for (const uri of ['sip:fs_path=x@127.0.0.1', 'sip:a@127.0.0.1;xfs_path=b', 'sip:a@127.0.0.1;x-port=ws', 'sip:a@127.0.0.1;transport=udp;xtransport=ws']) {
      await create(b, { to: { type: 'sip', sipUri: uri } }, 422);
    }
    for (const parameters of [';fs_path=sip%3Ab', ';user=phone;FS_nat', ';maddr=127.0.0.2', ';received', ';user=a,b', ';user=[a]', ';user=phone|x', ';user=phone^^x']) {
      await create(b, { to: { type: 'sip', sipUri: `sip:a@127.0.0.1${parameters}` } }, 400);
    }
  });

  it('parameters of a target go with the request', async (t) => {
    const { create, update, becomes } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const sid = await create(b, { to: { type: 'sip', sipUri: `sip:+15551234@${b.address};user=phone;transport=udp;x-a.b=c%20d:e` } });
    const { message } = await b.at('invite');
    assert.ok(message.startsWith(`INVITE sip:+15551234@${b.address};transport=udp;user=phone;x-a.b=c%20d:e SIP/2.0`), message);
    assert.equal((await becomes(sid, 'in-progress')).to, '+15551234');
    await update(sid, { call_status: 'completed' });
    await b.finished();
  });

  const place = async (sid) => /^Caller-Destination-Number: (.*)$/m.exec(await fs.api(`uuid_dump ${sid}`))?.[1];

  it('a call is moved to another application', async (t) => {
    const { update, watch, variable, becomes } = control(fs);
    const a = await call(t, fs, owner, '10', [s.invite(), s.trying(), s.answered(), s.hungUp()]);
    const { call_sid: sid } = await watch.call(a.callId, 'in-progress');
    await update(sid, { call_hook: { url: '/next${hostname}', method: 'GET' } });
    await fs.until(async () => await place(sid) === 'voxeme', 'the call to be moved');
    assert.deepEqual([await variable(sid, 'voxeme_call_hook'), await variable(sid, 'voxeme_call_hook_method')], ['/next$%7Bhostname%7D', 'GET']);
    await update(sid, { child_call_hook: '/child' }, 422);
    await update(sid, { call_status: 'completed' });
    await a.sipp.finished();
    await becomes(sid, 'completed');
  });

  for (const [what, change, hooks] of [
    ['the other one', { child_call_hook: '/child' }, [undefined, '/child']],
    ['both', { call_hook: '/own', child_call_hook: '/child' }, ['/own', '/child']],
    ['the one itself', { call_hook: '/own' }, ['/own', undefined]],
  ]) {
    it(`of two that are joined: ${what} moved`, async (t) => {
      const { update, watch, variable } = control(fs);
      const b = await callee(t, fs, owner, [s.accept(), s.hungUp()]);
      const a = await call(t, fs, owner, `x${b.port}`, [s.invite(), s.trying(), s.answered(), s.hungUp()]);
      const own = await watch.call(a.callId, 'in-progress'), child = await watch.call((await b.invite()).callId, 'in-progress');
      await joined(fs, own, child);
      await update(own.call_sid, change);
      for (const [i, sid] of [own.call_sid, child.call_sid].entries()) {
        if (!hooks[i]) continue;
        await fs.until(async () => await place(sid) === 'voxeme', `leg ${i} to be moved`);
        assert.equal(await variable(sid, 'voxeme_call_hook'), hooks[i]);
      }
      for (const sid of [own.call_sid, child.call_sid]) {
        const answer = await control(fs).send('DELETE', `/${sid}`);
        assert.ok([204, 404, 422].includes(answer.status), answer.text);
      }
      await Promise.all([a.sipp.finished(), b.sipp.finished()]);
    });
  }

  it('a call whose media bypasses FreeSWITCH', async (t) => {
    const { update, watch, variable } = control(fs);
    await writeFile(join(fs.dir, 'sounds', 'bypassed.wav'), silence());
    const b = await callee(t, fs, owner, [s.accept(), s.hungUp()]);
    const a = await call(t, fs, owner, `x9${b.port}`, [s.invite(), s.trying(), s.answered(), s.hungUp()]);
    const own = await watch.call(a.callId, 'in-progress'), child = await watch.call((await b.invite()).callId, 'in-progress');
    await fs.until(async () => await variable(child.call_sid, 'signal_bridge_to') === own.call_sid, 'the legs to be joined');
    const whisper = { whisper: { verb: 'play', url: 'bypassed.wav' } };
    for (const { call_sid: sid } of [own, child]) {
      for (const change of [whisper, { mute_status: 'mute', ...whisper }, { conf_hold_status: 'hold' }, { call_hook: '/own', child_call_hook: '/child' }]) {
        assert.match((await update(sid, change, 422)).json.msg, /bypasses/);
      }
      assert.ok(await exists(fs, sid));
    }
    await update(own.call_sid, { call_status: 'completed' });
    await Promise.all([a.sipp.finished(), b.sipp.finished()]);
  });

  it('members of a conference', async (t) => {
    const { update, watch } = control(fs);
    const legs = [];
    for (let i = 0; i < 2; i++) {
      const a = await call(t, fs, owner, 'c77', [s.invite(), s.trying(), s.answered(), s.hungUp()]);
      legs.push({ sipp: a.sipp, sid: (await watch.call(a.callId, 'in-progress')).call_sid });
    }
    const [one, two] = legs;
    const flags = async (sid) => (await fs.api('conference 77 list')).split('\n').find((line) => line.includes(sid))?.split(';')[5] ?? '';
    await fs.until(async () => (await flags(one.sid)) && (await flags(two.sid)), 'both to be in the conference');
    await update(one.sid, { conf_hold_status: 'hold' });
    assert.match(await flags(one.sid), /hold/);
    assert.doesNotMatch(await flags(two.sid), /hold/);
    await update(one.sid, { conf_hold_status: 'unhold' });
    assert.doesNotMatch(await flags(one.sid), /hold/);
    await update(one.sid, { mute_status: 'mute' });
    assert.doesNotMatch(await flags(one.sid), /speak/);
    assert.match(await flags(two.sid), /speak/);
    await update(two.sid, { conf_mute_status: 'mute' });
    assert.doesNotMatch(await flags(two.sid), /speak/);
    await update(two.sid, { conf_mute_status: 'unmute' });
    assert.match(await flags(one.sid), /speak/);
    await writeFile(join(fs.dir, 'sounds', 'ding.wav'), silence());
    await update(one.sid, { whisper: { verb: 'play', url: 'ding.wav' } });
    await update(one.sid, { whisper: { verb: 'play', url: 'http://127.0.0.1/ding.wav' } }, 501);
    for (const { sid, sipp } of legs) {
      await update(sid, { call_status: 'completed' });
      await sipp.finished();
    }
  });

  // [body, outbound and ringing, inbound and ringing, ended]; as in the README. What ends the call comes last.
  const request = (method) => ({ sip_request: { method, content_type: 'text/plain', content: 'x' } });
  const WHEN = [
    [{ call_status: 'completed' }, 422, 422, 422], [{ conf_hold_status: 'hold' }, 422, 422, 422], [{ conf_hold_status: 'unhold' }, 422, 422, 422],
    [{ mute_status: 'mute' }, 422, 422, 422], [{ mute_status: 'unmute' }, 422, 422, 422], [{ conf_mute_status: 'mute' }, 422, 422, 422],
    [{ dtmf: { digit: '1' } }, 422, 422, 422], [request('INFO'), 422, 422, 422], [request('MESSAGE'), 422, 422, 422],
    [{ listen_status: 'pause' }, 501, 501, 422], [{ record: { action: 'startCallRecording' } }, 422, 422, 422],
    [{ whisper: { verb: 'play', url: 'a.wav' } }, 422, 422, 422], [{ child_call_hook: '/c' }, 422, 422, 422], [{ call_hook: '/a', child_call_hook: '/c' }, 422, 422, 422],
    [{ tag: { a: 1 } }, 204, 204, 204], [{ call_hook: '/a' }, 422, null, 422], [{ call_status: 'no-answer' }, 204, 204, 422],
  ];

  it('what may be done when', async (t) => {
    const { create, update, becomes, watch } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()) });
    const a = await call(t, fs, owner, 'r80', [s.invite(), s.trying(), s.recv(180), s.report('rings'), s.refused(480)]);
    const sids = [await create(b), (await watch.call(a.callId, 'ringing')).call_sid];
    await becomes(sids[0], 'ringing');
    for (const [change, ...statuses] of WHEN) {
      for (const [i, sid] of sids.entries()) if (statuses[i]) await update(sid, change, statuses[i]);
    }
    await Promise.all([a.sipp.finished(), b.finished()]);
    for (const sid of sids) await becomes(sid, 'no-answer');
    for (const [change, , , status] of WHEN) for (const sid of sids) await update(sid, change, status);
  });

  it('calls that end while they are controlled', async (t) => {
    const { create, send, becomes } = control(fs);
    await writeFile(join(fs.dir, 'sounds', 'end.wav'), silence());
    const calls = 12;
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.gate('up'), s.calleeBye()), calls, rate: 100, limit: calls, args: ['-aa', '-default_behaviors', 'all,-abortunexp'] });
    const sids = await Promise.all(Array.from({ length: calls }, () => create(b)));
    const up = await Promise.all(sids.map((sid) => becomes(sid, 'in-progress')));
    const changes = [{ mute_status: 'mute' }, { record: { action: 'startCallRecording' } }, { whisper: { verb: 'play', url: 'end.wav' } }, { call_hook: '/a' },
      { record: { action: 'stopCallRecording' } }, { mute_status: 'unmute' }, { child_call_hook: '/b' }, { call_status: 'completed' }];
    const asked = sids.flatMap((sid, i) => changes.map(async (change, j) => {
      if (j === 1 + i % 6) b.go(up[i].call_id);
      return (await send('PUT', `/${sid}`, change)).status;
    }));
    for (const status of await Promise.all(asked)) assert.ok([204, 404, 422].includes(status), `${status}`);
    for (const sid of sids) await becomes(sid, 'completed');
    await b.stop();
  });

  it('other accounts and unknown calls', async (t) => {
    const { create, update, becomes } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    const sid = await create(b);
    await becomes(sid, 'in-progress');
    await control(fs, other).update(sid, { call_status: 'completed' }, 404);
    await update(randomUUID(), { call_status: 'completed' }, 404);
    await update(sid, { call_status: 'completed' });
    await b.finished();
  });

  it('a client of the family, unchanged: creates, retrieves, lists, updates, deletes', async (t) => {
    const mine = control(fs, other);
    const { calls } = jambonz(other.sid, other.token, { baseUrl: fs.url });
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.accept(), s.hungUp()) });
    const sid = await calls.create({ from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${b.address}` }, call_hook: HOOK,
      call_status_hook: 'https://example.com/status', ...SPEECH });
    await mine.becomes(sid, 'in-progress');
    assert.equal((await calls.retrieve(sid)).call_sid, sid);
    assert.deepEqual((await calls.list()).map((c) => c.call_sid), [sid]);
    await calls.update(sid, { call_status: 'completed' });
    await mine.becomes(sid, 'completed');
    await assert.rejects(calls.update(sid, { call_status: 'completed' }), { statusCode: 422 });
    await calls.delete(sid);
    assert.deepEqual(await calls.list(), []);
  });
});

describe('limits of making calls, and unloading while there are some', () => {
  let fs;
  const spec = (settings) => ({ settings: { 'freeswitch-profile': 'internal', ...settings }, accounts: [owner] });
  const reload = async (settings) => {
    await fs.configure(spec(settings));
    assert.match(await fs.api('reloadxml'), /\+OK/);
    assert.match(await fs.api('voxeme reload'), /\+OK/);
  };
  before(async () => { fs = await FreeSwitch.start({ spec: spec({}), dialplan }); });
  after(() => fs?.stop());

  it('no profile, no gateway, no room: no ghost', async (t) => {
    const { create, client } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
    await reload({ 'freeswitch-profile': 'nosuch' });
    assert.match(await create(b, {}, 503), /freeswitch-profile/);
    await reload({ 'freeswitch-gateway': 'nosuch' });
    assert.match(await create(b, {}, 503), /freeswitch-gateway/);
    await fs.api('fsctl pause');
    await reload({});
    await create(b, {}, 503);
    await fs.api('fsctl resume');
    assert.deepEqual((await client.get(callsOf(owner))).json, []);
    assert.equal(await channels(fs), 0);
    assert.equal(b.reports('invite').length, 0);
  });

  it('the registry is full: no call is made that nobody could end', async (t) => {
    const { create } = control(fs);
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()) });
    await reload({ 'max-calls': 1 });
    const sid = await create(b);
    await b.at('invite');
    assert.match(await create(b, {}, 503), /registry is full/);
    assert.ok(await exists(fs, sid));
    assert.equal(await channels(fs), 1);
    await reload({ 'retention-seconds': 1 });
    await control(fs).update(sid, { call_status: 'no-answer' });
    await b.finished();
    await none(fs);
    await reload({});
  });

  it('two hundred calls, answered at once: each goes its way and ends in its time', async (t) => {
    const calls = 200;
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()), calls, limit: calls });
    const { create, becomes } = control(fs);
    const sids = await Promise.all(Array.from({ length: calls }, () => create(b, { timeout: 20, timeLimit: 2 })));
    for (const sid of sids) assert.equal((await becomes(sid, 'completed')).termination_reason, 'ALLOTTED_TIMEOUT');
    await b.finished();
    await none(fs);
  });

  it('unloaded with calls that ring and commands that wait; calls end in their time', async (t) => {
    const calls = 20, more = 60;
    const b = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()), calls: calls + more, rate: 100, limit: 200 });
    const { create, send } = control(fs);
    const made = await Promise.all(Array.from({ length: calls }, () => create(b, { timeout: 4 })));
    const asked = Array.from({ length: more }, () => send('POST', '', { from: '1', to: { type: 'sip', sipUri: `sip:bob@127.0.0.1:${b.port}` }, call_hook: HOOK, ...SPEECH, timeout: 4 })
      .then((answer) => answer.status, () => 0));
    await fs.unload();
    const statuses = await Promise.all(asked);
    for (const status of statuses) assert.ok([201, 503, 0].includes(status), `${status}`);
    for (const sid of made) assert.ok(await exists(fs, sid), `${sid} is gone with the module`);
    await fs.load();
    await none(fs);
    await control(fs).watch.until((all) => all.length >= calls && all.every((each) => each.call_status === 'no-answer'), 'all of them to have ended so');
    assert.match(await fs.api('voxeme audit'), /0 channels, 0 taken in, 0 lost/);
    await b.stop();
  });

  it('unloaded with calls that are answered before and after: each ends at its limit, and no other call with them', async (t) => {
    const { create, becomes } = control(fs);
    const talk = () => Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()) });
    const [early, late, other] = [await talk(), await talk(), await talk()];
    const sids = [await create(early, { timeLimit: 3 }), await create(late, { timeout: 3, timeLimit: 3 }), await create(other)];
    const letOn = await Promise.all([early, late, other].map(async (b) => {
      const { callId } = await b.at('ringing');
      return () => b.go(callId);
    }));
    letOn[0]();
    letOn[2]();
    await becomes(sids[0], 'in-progress');
    await becomes(sids[2], 'in-progress');
    const before = fs.esl.log.length;
    await fs.unload();
    letOn[1]();
    const answered = Date.now();
    for (const b of [early, late]) await b.finished();
    assert.ok(Date.now() - answered > 2900, 'one answered after the unload has its limit, not what was left of its timeout');
    await fs.esl.logged(/(Hangup sofia.*\[ALLOTTED_TIMEOUT\][^]*){2}/, before);
    assert.equal(fs.esl.log.slice(before).match(/Hangup sofia/g).length, 2);
    assert.ok(await exists(fs, sids[2]));
    await fs.load();
    await control(fs).client.request('DELETE', `${callsOf(owner)}/${sids[2]}`);
    await other.finished();
    await none(fs);
  });

  it('loaded and unloaded again and again while calls are made', async (t) => {
    const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()), calls: 400, rate: 100, limit: 400 });
    for (let i = 0; i < 8; i++) {
      const { send } = control(fs);
      const asked = Array.from({ length: 12 }, () => send('POST', '', { from: '1', to: { type: 'sip', sipUri: `sip:bob@127.0.0.1:${b.port}` }, call_hook: HOOK, ...SPEECH, timeLimit: 1 })
        .then((answer) => answer.status, () => 0));
      if (i % 2) await Promise.race(asked);
      await fs.unload();
      for (const status of await Promise.all(asked)) assert.ok([201, 503, 0].includes(status), `${status}`);
      await fs.load();
    }
    await none(fs);
    await b.stop();
  });
});
