// Real calls through a real FreeSWITCH: the API beside what SIPp sent and saw, every field.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import { statusLine } from '../e2e/lib/expect.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { freePort } from '../e2e/lib/ports.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { ANSWERED, ATTEMPTED, call, callee, completed, ended, FAILED, header, joined, NOTIFIED, notified, OVER, PARTY, PLAIN, refer, refuseReinvite, state, UP, UPRIGHT } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const owner = account('owner', { sources: ['127.0.0.1/32'] });
const named = account('named');
// As in conf/, whose example of a dialplan is part of this one.
const demo = account('demo', { sid: '5f8e8f60-4771-44cb-92a6-94ea66df0450' });
const example = readFileSync(new URL('../../conf/dialplan-voxeme.xml', import.meta.url), 'utf8').replace(/<!--.*?-->|<\/?include>/gs, '');
const coded = account('coded');
const realm = account('realm', { realms: ['tenant.example'] });
const sourced = account('sourced', { sources: ['127.0.0.3/32'] });
const admin = randomUUID();
const APPLICATION = '9984fdc5-89ec-4ffe-9cee-880255a46253';

const set = (name, value) => ['set', `${name}=${value}`];
const dialplan = [
  extension('v1', set('voxeme_account_sid', named.sid), set('voxeme_application_sid', APPLICATION), 'answer', 'park'),
  extension('a1', set('accountcode', 'coded'), 'ring_ready', 'park'),
  extension('x(\\d{5})', ['export', `voxeme_account_sid=${named.sid}`], ['export', `voxeme_application_sid=${APPLICATION}`],
    ['bridge', 'sofia/internal/777@127.0.0.1:$1']),
  example.replace('sofia/gateway/carrier/$1', 'sofia/internal/$1@127.0.0.1:$1'),
];

describe('calls through FreeSWITCH', { concurrency: 5 }, () => {
  let fs;

  before(async () => {
    fs = await FreeSwitch.start({
      spec: { settings: { 'trusted-sources': '127.0.0.1/32' }, accounts: [owner, demo, named, coded, realm, sourced], adminTokens: [admin] }, dialplan,
    });
  });
  after(() => fs?.stop());

  // Each test follows with a connection of its own.
  const watch = (who = owner) => (who === 'all' ? new Watch(fs.client(admin), '/v1/Calls') : new Watch(fs.client(who.token), callsOf(who)));

  it('answered, the caller hangs up', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', UPRIGHT);
    const up = await a.sipp.at('up');
    const live = await calls.call(a.callId, 'in-progress');
    a.check(live, UP, ANSWERED);
    assert.ok(Date.parse(live.answered_at) <= up.time, 'answered before SIPp had the 200');
    assert.match(await fs.api(`uuid_exists ${live.call_sid}`), /true/, 'the call_sid is the uuid of the channel');
    await a.over();
    const end = await calls.call(a.callId, 'completed');
    a.check(end, completed(), OVER);
    assert.equal(end.call_sid, live.call_sid);
    assert.equal(end.answered_at, live.answered_at);
  });

  it('answered, FreeSWITCH hangs up', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', [s.invite(), s.trying(), s.answered(), s.report('up'), s.hungUp()]);
    await a.sipp.at('up');
    await fs.api(`uuid_kill ${(await calls.call(a.callId, 'in-progress')).call_sid} MANAGER_REQUEST`);
    await a.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed('MANAGER_REQUEST'), OVER);
  });

  it('cancelled while it rings', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, 'r80', [s.invite(), s.trying(), s.recv(180), s.gate('ringing'), s.cancel(), s.refused(487), s.report('refused')]);
    await a.sipp.at('ringing');
    a.check(await calls.call(a.callId, 'ringing'), state('ringing', 180), ATTEMPTED);
    await a.over();
    assert.equal(statusLine((await a.sipp.at('refused')).message)[0], 487);
    a.check(await calls.call(a.callId, 'no-answer'), ended('no-answer', 487, 'ORIGINATOR_CANCEL'), FAILED);
  });

  it('cancelled in early media', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, 'e83', [s.invite(), s.trying(), s.recv(183), s.gate('early'), s.cancel(), s.refused(487)]);
    await a.sipp.at('early');
    a.check(await calls.call(a.callId, 'early-media'), state('early-media', 183), ATTEMPTED);
    await a.over();
    a.check(await calls.call(a.callId, 'no-answer'), ended('no-answer', 487, 'ORIGINATOR_CANCEL'), FAILED);
  });

  it('early media, then answered', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, 'e83', [s.invite(), s.trying(), s.recv(183), s.report('early'), s.answered(), s.gate('up'), s.bye()]);
    await a.sipp.at('early');
    const { call_sid: sid } = await calls.call(a.callId, 'early-media');
    await fs.api(`uuid_answer ${sid}`);
    await a.sipp.at('up');
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    await a.over();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
  });

  for (const [name, to, sip, status, cause] of [
    ['no route', '404', 404, 'failed', 'NO_ROUTE_DESTINATION'],
    ['rejected with 486', '486', 486, 'busy', 'USER_BUSY'],
    ['rejected as busy by its cause', '487', 486, 'busy', 'USER_BUSY'],
    ['rejected by its cause', '603', 603, 'busy', 'CALL_REJECTED'],
    ['out of order', '502', 502, 'failed', 'DESTINATION_OUT_OF_ORDER'],
  ]) {
    it(name, async (t) => {
      const calls = watch();
      const a = await call(t, fs, owner, to, [s.invite(), s.trying(), s.refused(sip), s.report('refused')]);
      await a.sipp.finished();
      const [seen] = statusLine((await a.sipp.at('refused')).message);
      a.check(await calls.call(a.callId, status), ended(status, seen, cause), FAILED);
    });
  }

  it('bridged', async (t) => {
    const calls = watch();
    const b = await callee(t, fs, owner, [s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()]);
    const a = await call(t, fs, owner, `b${b.port}`, [s.invite(), s.trying(), s.recv(180, { optional: true }), s.answered(), s.gate('up'), s.bye()]);
    const invite = await b.invite();
    await b.sipp.at('ringing');
    const parent = await calls.call(a.callId);
    b.check(await calls.call(invite.callId, 'ringing'), invite, parent, state('ringing', 180), ATTEMPTED);
    b.sipp.go(invite.callId);
    await a.sipp.at('up');
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    b.check(await calls.call(invite.callId, 'in-progress'), invite, parent, UP, ANSWERED);
    await joined(fs, parent);
    await a.over();
    await b.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, parent, completed(), OVER);
  });

  it('bridged, early media from the callee, the callee hangs up', async (t) => {
    const calls = watch();
    const b = await callee(t, fs, owner, [s.provisional('183 Session Progress', s.sdp()), s.gate('early'), s.accept(), s.gate('up'), s.calleeBye()]);
    const a = await call(t, fs, owner, `b${b.port}`, [s.invite(), s.trying(), s.recv(183), s.answered(), s.hungUp()]);
    const invite = await b.invite();
    await b.sipp.at('early');
    const parent = await calls.call(a.callId, 'early-media');
    a.check(parent, state('early-media', 183), ATTEMPTED);
    b.check(await calls.call(invite.callId, 'early-media'), invite, parent, state('early-media', 183), ATTEMPTED);
    b.sipp.go(invite.callId);
    await b.sipp.at('up');
    await calls.call(a.callId, 'in-progress');
    await joined(fs, parent);
    b.sipp.go(invite.callId);
    await Promise.all([a.sipp.finished(), b.sipp.finished()]);
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, parent, completed(), OVER);
  });

  it('the callee is busy', async (t) => {
    const calls = watch();
    const b = await callee(t, fs, owner, [s.decline('486 Busy Here')]);
    const a = await call(t, fs, owner, `b${b.port}`, [s.invite(), s.trying(), s.refused(486)]);
    const invite = await b.invite();
    await a.sipp.finished();
    const parent = await calls.call(a.callId, 'busy');
    a.check(parent, ended('busy', 486, 'USER_BUSY'), FAILED);
    const leg = await calls.call(invite.callId, 'busy');
    b.check(leg, invite, parent, { ...ended('busy', 486, 'USER_BUSY'), ...(leg.sip_reason ? { sip_reason: 'Busy Here' } : {}) }, FAILED);
  });

  it('the callee does not answer', async (t) => {
    const calls = watch();
    const b = await callee(t, fs, owner, [s.provisional('180 Ringing'), s.cancelled()]);
    const a = await call(t, fs, owner, `t${b.port}`, [s.invite(), s.trying(), s.recv(180, { optional: true }), s.refused(480)]);
    const invite = await b.invite();
    await Promise.all([a.sipp.finished(), b.sipp.finished()]);
    const parent = await calls.call(a.callId, 'no-answer');
    a.check(parent, ended('no-answer', 480, parent.termination_reason), FAILED);
    assert.ok(['NORMAL_CLEARING', 'NO_ANSWER'].includes(parent.termination_reason), parent.termination_reason);
    // Its HANGUP tells only the cause; that CANCEL was answered with 487 comes with HANGUP_COMPLETE.
    const leg = await calls.until((all) => all.find((c) => c.call_id === invite.callId && c.sip_status === 487), 'the end of the leg');
    b.check(leg, invite, parent, ended('no-answer', 487, 'NO_ANSWER'), FAILED);
  });

  it('forked: one is quicker', async (t) => {
    const calls = watch();
    const quick = await callee(t, fs, owner, [s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()]);
    const slow = await callee(t, fs, owner, [s.provisional('180 Ringing'), s.report('ringing'), s.cancelled()]);
    const a = await call(t, fs, owner, `f${slow.port}${quick.port}`,
      [s.invite(), s.trying(), s.recv(180, { optional: true }), s.answered(), s.gate('up'), s.bye()]);
    const [first, second] = await Promise.all([quick.invite(), slow.invite()]);
    await Promise.all([quick.sipp.at('ringing'), slow.sipp.at('ringing')]);
    quick.sipp.go(first.callId);
    await a.sipp.at('up');
    await joined(fs, await calls.call(a.callId));
    await a.over();
    await Promise.all([quick.sipp.finished(), slow.sipp.finished()]);
    const parent = await calls.call(a.callId, 'completed');
    a.check(parent, completed(), OVER);
    quick.check(await calls.call(first.callId, 'completed'), first, parent, completed(), OVER);
    slow.check(await calls.call(second.callId, 'no-answer'), second, parent, ended('no-answer', 487, 'LOSE_RACE'), FAILED);
  });

  it('held and taken back', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', [s.invite(), s.trying(), s.answered(),
      s.reinvite({ cseq: 2, body: s.sdp(2, 'sendonly') }), s.gate('held'), s.reinvite({ cseq: 3, body: s.sdp(3, 'sendrecv') }), s.gate('up'), s.bye({ cseq: 4 })]);
    await a.sipp.at('held');
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    a.sipp.go(a.callId);
    await a.sipp.at('up');
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    await a.over();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
  });

  it('held by FreeSWITCH, the re-INVITE refused', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', [s.invite(), s.trying(), s.answered(), s.report('up'), refuseReinvite('503 Service Unavailable'), s.hungUp()]);
    await a.sipp.at('up');
    const { call_sid: sid } = await calls.call(a.callId, 'in-progress');
    await fs.api(`uuid_hold ${sid}`);
    await a.sipp.at('reinvite');
    await a.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed('NORMAL_TEMPORARY_FAILURE'), OVER);
  });

  // FreeSWITCH calls; the leg has no parent.
  async function originate(t, variables, steps, application = '&park') {
    const b = await callee(t, fs, named, steps);
    const answer = fs.api(`originate {${variables}}sofia/internal/777@127.0.0.1:${b.port} ${application}`);
    return { b, answer, invite: await b.invite() };
  }
  const alone = (b, call, invite, rest, times, party) => b.check({ ...call, parent_call_sid: 'none' }, invite, { call_sid: 'none' }, rest, times, party);
  const FROM = { from: '15083084809', name: '' };
  const VARIABLES = `origination_caller_id_number=${FROM.from},origination_caller_id_name='',voxeme_account_sid=${named.sid}`;
  const sorted = (call) => Object.fromEntries(Object.entries({ ...call, parent_call_sid: 'none' }).sort(([a], [b]) => (a < b ? -1 : 1)));

  it('outbound, answered, with a uuid of the caller\'s choice', async (t) => {
    const calls = watch(named), uuid = randomUUID();
    const { b, answer, invite } = await originate(t, `${VARIABLES},origination_uuid=${uuid}`, [s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.hungUp()]);
    await b.sipp.at('ringing');
    const ringing = await calls.call(invite.callId, 'ringing');
    alone(b, sorted(ringing), invite, state('ringing', 180), ATTEMPTED, { name: ringing.caller_name });
    b.sipp.go(invite.callId);
    assert.match(await answer, /\+OK/);
    const live = await calls.call(invite.callId, 'in-progress');
    assert.equal(live.call_sid, uuid);
    alone(b, sorted(live), invite, UP, ANSWERED, { name: ringing.caller_name });
    await fs.api(`uuid_kill ${uuid} MANAGER_REQUEST`);
    await b.sipp.finished();
    const end = await calls.call(invite.callId, 'completed');
    alone(b, sorted(end), invite, completed('MANAGER_REQUEST'), OVER, { name: ringing.caller_name });
    assert.equal(end.from, FROM.from);
    assert.equal(calls.calls.filter((c) => c.call_id === invite.callId).length, 1);
  });

  it('outbound, transferred: still the same call', async (t) => {
    const calls = watch(named);
    const { b, answer, invite } = await originate(t, VARIABLES, [s.accept(), s.gate('up'), s.calleeBye()]);
    assert.match(await answer, /\+OK/);
    await b.sipp.at('up');
    const live = await calls.call(invite.callId, 'in-progress');
    await fs.api(`uuid_transfer ${live.call_sid} 1001`);
    await fs.until(async () => /park/.test(await fs.api(`uuid_getvar ${live.call_sid} current_application`)), 'the transfer');
    b.sipp.go(invite.callId);
    await b.sipp.finished();
    const end = await calls.call(invite.callId, 'completed');
    alone(b, sorted(end), invite, completed(), OVER, { name: live.caller_name });
  });

  it('outbound, unreachable', async () => {
    const calls = watch(named), uuid = randomUUID(), port = await freePort();
    assert.match(await fs.api(`originate {${VARIABLES},origination_uuid=${uuid},originate_timeout=2}sofia/internal/777@127.0.0.1:${port} &park`), /-ERR/);
    const end = await calls.until((all) => all.find((c) => c.call_sid === uuid && c.terminated_at), 'the end');
    assert.equal(end.direction, 'outbound');
    assert.deepEqual([end.from, end.to], [FROM.from, '777']);
    assert.ok(['failed', 'no-answer'].includes(end.call_status), JSON.stringify(end));
    assert.ok(end.sip_status >= 400 && end.duration === 0 && !end.answered_at, JSON.stringify(end));
  });

  it('outbound, refused: the reason phrase is the callee\'s', async (t) => {
    const calls = watch(named);
    const { b, answer, invite } = await originate(t, VARIABLES, [s.decline('503 Gone Fishing')]);
    assert.match(await answer, /-ERR/);
    await b.sipp.finished();
    const end = await calls.call(invite.callId, 'failed');
    alone(b, sorted(end), invite, { ...ended('failed', 503, 'NORMAL_TEMPORARY_FAILURE'), sip_reason: 'Gone Fishing' }, FAILED, { name: end.caller_name });
  });

  it('blind transfer by the callee (REFER)', async (t) => {
    const calls = watch();
    const c = await callee(t, fs, owner, [s.accept(), s.hungUp()]);
    const b = await callee(t, fs, owner, [s.accept(), s.gate('up'), refer(`sip:b${c.port}@${fs.sip}`), notified()], NOTIFIED);
    const a = await call(t, fs, owner, `b${b.port}`, [s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye()]);
    const toB = await b.invite();
    await a.sipp.at('up');
    await b.sipp.at('up');
    await joined(fs, await calls.call(a.callId));
    b.sipp.go(toB.callId);
    const toC = await c.invite();
    await b.sipp.finished();
    const parent = await calls.call(a.callId, 'in-progress');
    a.check(parent, UP, ANSWERED);
    const left = await calls.call(toB.callId, 'completed');
    b.check(left, toB, parent, completed(left.termination_reason), OVER);
    assert.match(left.termination_reason, /^(BLIND_TRANSFER|NORMAL_CLEARING)$/);
    const third = await calls.call(toC.callId, 'in-progress');
    c.check(third, toC, parent, UP, ANSWERED);
    await joined(fs, third);
    await a.over();
    await c.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    c.check(await calls.call(toC.callId, 'completed'), toC, parent, completed(), OVER);
  });

  it('attended transfer (REFER with Replaces)', async (t) => {
    const calls = watch();
    const c = await callee(t, fs, owner, [s.accept(), s.hungUp()]);
    // B's own call to C, which it will hand over to A.
    const own = await call(t, fs, owner, `b${c.port}`, UPRIGHT, { party: { from: '222', name: '222' } });
    const { message } = await own.sipp.at('up');
    const toC = await c.invite();
    await joined(fs, await calls.call(own.callId));
    const tag = (name) => /;tag=([^;>\s]+)/.exec(header(message, name))[1];
    const replaces = encodeURIComponent(`${own.callId};to-tag=${tag('To')};from-tag=${tag('From')}`);
    const b = await callee(t, fs, owner, [s.accept(), s.gate('up'), refer(`sip:b${c.port}@${fs.sip}?Replaces=${replaces}`), notified()], NOTIFIED);
    const a = await call(t, fs, owner, `b${b.port}`, UPRIGHT);
    const toB = await b.invite();
    await a.sipp.at('up');
    await b.sipp.at('up');
    await joined(fs, await calls.call(a.callId));
    b.sipp.go(toB.callId);
    await b.sipp.finished();
    own.check(await calls.call(own.callId, 'in-progress'), UP, ANSWERED);
    await own.over();
    const first = await calls.call(a.callId, 'in-progress');
    a.check(first, UP, ANSWERED);
    const ownCall = await calls.call(own.callId, 'completed');
    own.check(ownCall, completed(ownCall.termination_reason), OVER);
    const legB = await calls.call(toB.callId, 'completed');
    b.check(legB, toB, first, completed(legB.termination_reason), OVER);
    const legC = await calls.call(toC.callId, 'in-progress');
    c.check(legC, toC, ownCall, UP, ANSWERED, { name: '222' });
    await joined(fs, first, legC);
    await a.over();
    await c.sipp.finished();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    c.check(await calls.call(toC.callId, 'completed'), toC, ownCall, completed(), OVER, { name: '222' });
  });

  // --- whose call it is ---------------------------------------------------------------------------

  const busy = [s.invite(), s.trying(), s.refused(486)];
  const busyEnd = ended('busy', 486, 'USER_BUSY');

  it('X-Account-Sid from a trusted source', async (t) => {
    const calls = watch(named);
    const a = await call(t, fs, named, '486', busy, { party: { ...PARTY, headers: [`X-Account-Sid: ${named.sid}`, `X-Application-Sid: ${APPLICATION}`] } });
    await a.sipp.finished();
    a.check(await calls.call(a.callId, 'busy'), { ...busyEnd, application_sid: APPLICATION }, FAILED);
    assert.ok(!(await fs.client(owner.token).get(callsOf(owner))).json.some((c) => c.call_id === a.callId));
  });

  it('X-Account-Sid from a stranger is nothing', async (t) => {
    const calls = watch('all');
    const party = { ...PARTY, headers: [`X-Account-Sid: ${named.sid}`, `X-Application-Sid: ${APPLICATION}`] };
    const a = await call(t, fs, named, '486', busy, { party, host: '127.0.0.2' });
    await a.sipp.finished();
    const seen = await calls.call(a.callId, 'busy');
    assert.equal(seen.account_sid ?? '', '', 'nobody\'s');
    assert.equal(seen.application_sid, undefined);
    assert.ok(!(await fs.client(named.token).get(callsOf(named))).json.some((c) => c.call_id === a.callId));
  });

  it('by source', async (t) => {
    const calls = watch(sourced);
    const a = await call(t, fs, sourced, '486', busy, { host: '127.0.0.3' });
    await a.sipp.finished();
    a.check(await calls.call(a.callId, 'busy'), busyEnd, FAILED);
  });

  it('by realm', async (t) => {
    const calls = watch(realm);
    const a = await call(t, fs, realm, '486', busy, { party: { ...PARTY, toHost: 'tenant.example' } });
    await a.sipp.finished();
    a.check(await calls.call(a.callId, 'busy'), busyEnd, FAILED);
  });

  it('by accountcode set in the dialplan', async (t) => {
    const calls = watch(coded);
    const a = await call(t, fs, coded, 'a1', [s.invite(), s.trying(), s.recv(180), s.gate('ringing'), s.cancel(), s.refused(487)]);
    await a.sipp.at('ringing');
    a.check(await calls.call(a.callId, 'ringing'), state('ringing', 180), ATTEMPTED);
    await a.over();
    a.check(await calls.call(a.callId, 'no-answer'), ended('no-answer', 487, 'ORIGINATOR_CANCEL'), FAILED);
  });

  it('by voxeme_account_sid set in the dialplan: the old account loses the call', async (t) => {
    const calls = watch(named);
    const a = await call(t, fs, named, 'v1', UPRIGHT);
    await a.sipp.at('up');
    a.check(await calls.call(a.callId, 'in-progress'), { ...UP, application_sid: APPLICATION }, ANSWERED);
    assert.ok(!(await fs.client(owner.token).get(callsOf(owner))).json.some((c) => c.call_id === a.callId));
    await a.over();
    a.check(await calls.call(a.callId, 'completed'), { ...completed(), application_sid: APPLICATION }, OVER);
  });

  it('voxeme_account_sid exported to the dialled leg', async (t) => {
    const calls = watch(named);
    const b = await callee(t, fs, named, [s.accept(), s.hungUp()]);
    const a = await call(t, fs, named, `x${b.port}`, UPRIGHT);
    const invite = await b.invite();
    await a.sipp.at('up');
    await joined(fs, await calls.call(a.callId));
    await a.over();
    await b.sipp.finished();
    const parent = await calls.call(a.callId, 'completed');
    const application = { application_sid: APPLICATION };
    a.check(parent, { ...completed(), ...application }, OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, parent, { ...completed(), ...application }, OVER);
  });

  it('the example of a dialplan does what it says', async (t) => {
    const calls = watch(demo), application = { application_sid: APPLICATION };
    const set = await call(t, fs, demo, '7001', UPRIGHT), code = await call(t, fs, demo, '8001', UPRIGHT);
    await Promise.all([set.sipp.at('up'), code.sipp.at('up')]);
    set.check(await calls.call(set.callId, 'in-progress'), { ...UP, ...application }, ANSWERED);
    await Promise.all([set.over(), code.over()]);
    set.check(await calls.call(set.callId, 'completed'), { ...completed(), ...application }, OVER);
    code.check(await calls.call(code.callId, 'completed'), completed(), OVER);
    const b = await callee(t, fs, demo, [s.accept(), s.hungUp()]);
    const a = await call(t, fs, demo, `9${b.port}`, UPRIGHT, { party: PLAIN });
    const invite = await b.invite();
    await a.sipp.at('up');
    await joined(fs, await calls.call(a.callId));
    await a.over();
    await b.sipp.finished();
    const parent = await calls.call(a.callId, 'completed');
    a.check(parent, { ...completed(), ...application }, OVER);
    b.check(await calls.call(invite.callId, 'completed'), invite, parent, { ...completed(), ...application }, OVER);
  });

  it('a channel whose uuid is no UUID', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, '1000', UPRIGHT, { remote: `127.0.0.1:${fs.callidPort}` });
    await a.sipp.at('up');
    assert.match(await fs.api(`uuid_exists ${a.callId}`), /true/, 'FreeSWITCH calls the channel by its Call-ID');
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    await fs.api('voxeme audit');
    await a.over();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    assert.equal(calls.calls.filter((c) => c.call_id === a.callId).length, 1);
  });
});

