// Real SIP calls, from the side of the list: each state while it lasts, and every field at the end.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { account, demo, route } from './lib/config.mjs';
import * as expect from './lib/expect.mjs';
import * as s from './lib/scenario.mjs';
import { body, header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const PARTY = { from: '15083728299', to: '1000', display: '"Zoë \\"Z\\" O\'Neil"', name: 'Zoë "Z" O\'Neil' };

// A switch, the demo account and something to follow its calls with.
async function setup(t, routes, extra = {}) {
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes, ...extra });
  const client = sw.client(owner.token);
  return { sw, owner, client, watch: new Watch(client, callsOf(owner)) };
}

// Starts a caller against the switch; resolves with it and its first report.
async function call(t, sw, transport, party, ...steps) {
  const after = Date.now();
  const sipp = await Sipp.start(t, { scenario: s.caller(party, ...steps), remote: sw.sip, transport });
  return { sipp, after, start: await sipp.at('start') };
}

const uri = (callee, transport) => `sip:$1@${callee.address}${transport === 'tcp' ? ';transport=tcp' : ''}`;

for (const transport of ['udp', 'tcp']) {
  const over = (name, body) => test(`${transport}: ${name}`, body);

  over('answered, the caller hangs up', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^1\\d+$', 'answer')]);
    const { sipp, after, start } = await call(t, sw, transport, PARTY, s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye());
    const up = await sipp.at('up');
    const wanted = (rest) => expect.inbound(sw, owner, start, sipp, PARTY, rest);
    const live = await watch.call(start.callId, 'in-progress');
    expect.expectCall(live, wanted(expect.inProgress()), { times: ['attempted_at', 'answered_at'], after, before: Date.now() });
    assert.ok(Date.parse(live.answered_at) <= up.time, 'answered before SIPp had the 200');
    sipp.go(start.callId);
    await sipp.finished();
    const ended = await watch.call(start.callId, 'completed');
    expect.expectCall(ended, wanted(expect.completed()), { times: ['attempted_at', 'answered_at', 'terminated_at'], after });
    assert.equal(ended.call_sid, live.call_sid);
    assert.equal(watch.calls.length, 1);
  });

  over('a call of more than a second has a duration', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^1\\d+$', 'answer')]);
    const { sipp, after, start } = await call(t, sw, transport, PARTY, s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye());
    const up = await sipp.at('up');
    // Time itself is what this call is about.
    await new Promise((resolve) => setTimeout(resolve, up.time + 1100 - Date.now()));
    sipp.go(start.callId);
    await sipp.finished();
    const ended = await watch.call(start.callId, 'completed');
    expect.expectCall(ended, expect.inbound(sw, owner, start, sipp, PARTY, expect.completed()),
      { times: ['attempted_at', 'answered_at', 'terminated_at'], after });
    assert.ok(ended.duration >= 1, `duration ${ended.duration}`);
  });

  over('the switch hangs up at the time limit', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^1\\d+$', 'answer', { 'time-limit': '0.2' })]);
    const { sipp, after, start } = await call(t, sw, transport, PARTY, s.invite(), s.trying(), s.answered(), s.hungUp());
    await sipp.finished();
    const ended = await watch.call(start.callId, 'completed');
    expect.expectCall(ended, expect.inbound(sw, owner, start, sipp, PARTY, { ...expect.completed(), termination_reason: 'ALLOTTED_TIMEOUT' }),
      { times: ['attempted_at', 'answered_at', 'terminated_at'], after });
  });

  over('busy', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^486$', 'reject', { status: 486 })]);
    const party = { ...PARTY, to: '486', display: '', name: '' };
    const { sipp, after, start } = await call(t, sw, transport, party, s.invite(), s.trying(), s.refused(486), s.report('refused'));
    await sipp.finished();
    const [status, reason] = expect.statusLine((await sipp.at('refused')).message);
    expect.expectCall(await watch.call(start.callId, 'busy'),
      expect.inbound(sw, owner, start, sipp, party, { call_status: 'busy', sip_status: status, sip_reason: reason, termination_reason: 'USER_BUSY' }),
      { times: ['attempted_at', 'terminated_at'], after });
    assert.equal(watch.calls.length, 1);
  });

  over('rejected with a status and reason of the route', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^603$', 'reject', { status: 603, reason: 'Not today' })]);
    const party = { ...PARTY, to: '603', display: 'Alice', name: 'Alice' };
    const { sipp, after, start } = await call(t, sw, transport, party, s.invite(), s.trying(), s.refused(603), s.report('refused'));
    await sipp.finished();
    assert.deepEqual(expect.statusLine((await sipp.at('refused')).message), [603, 'Not today']);
    expect.expectCall(await watch.call(start.callId, 'busy'),
      expect.inbound(sw, owner, start, sipp, party, { call_status: 'busy', sip_status: 603, sip_reason: 'Not today', termination_reason: 'CALL_REJECTED' }),
      { times: ['attempted_at', 'terminated_at'], after });
  });

  over('no route', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^1\\d+$', 'answer')]);
    const party = { ...PARTY, to: 'nobody' };
    const { sipp, after, start } = await call(t, sw, transport, party, s.invite(), s.trying(), s.refused(404), s.report('refused'));
    await sipp.finished();
    const [status, reason] = expect.statusLine((await sipp.at('refused')).message);
    expect.expectCall(await watch.call(start.callId, 'failed'),
      expect.inbound(sw, owner, start, sipp, party, { call_status: 'failed', sip_status: status, sip_reason: reason, termination_reason: 'NO_ROUTE_DESTINATION' }),
      { times: ['attempted_at', 'terminated_at'], after });
  });

  over('cancelled while ringing', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^180$', 'ring')]);
    const party = { ...PARTY, to: '180' };
    const { sipp, after, start } = await call(t, sw, transport, party, s.invite(), s.trying(), s.recv(180), s.gate('ringing'), s.cancel(), s.refused(487), s.report('refused'));
    await sipp.at('ringing');
    const wanted = (rest) => expect.inbound(sw, owner, start, sipp, party, rest);
    expect.expectCall(await watch.call(start.callId, 'ringing'), wanted(expect.ringing()), { times: ['attempted_at'], after });
    sipp.go(start.callId);
    await sipp.finished();
    const [status, reason] = expect.statusLine((await sipp.at('refused')).message);
    expect.expectCall(await watch.call(start.callId, 'no-answer'),
      wanted({ call_status: 'no-answer', sip_status: status, sip_reason: reason, termination_reason: 'ORIGINATOR_CANCEL' }),
      { times: ['attempted_at', 'terminated_at'], after });
  });

  over('early media, then answered', async (t) => {
    const { sw, owner, watch } = await setup(t, [route('^183$', 'answer', { 'early-media': 'true', ring: '0.5' })]);
    const party = { ...PARTY, to: '183' };
    const { sipp, after, start } = await call(t, sw, transport, party, s.invite(), s.trying(), s.recv(180, { optional: true }), s.recv(183), s.report('early'), s.answered(), s.gate('up'), s.bye());
    const early = await sipp.at('early');
    assert.match(body(early.message), /^m=audio /m, 'the 183 has SDP');
    const wanted = (rest) => expect.inbound(sw, owner, start, sipp, party, rest);
    expect.expectCall(await watch.call(start.callId, 'early-media'), wanted(expect.earlyMedia()), { times: ['attempted_at'], after });
    await sipp.at('up');
    sipp.go(start.callId);
    await sipp.finished();
    expect.expectCall(await watch.call(start.callId, 'completed'), wanted(expect.completed()),
      { times: ['attempted_at', 'answered_at', 'terminated_at'], after });
  });

  // --- bridged: a callee behind the switch ------------------------------------------------------

  async function bridged(t, calleeSteps, callerSteps, { party = { ...PARTY, to: '2777' }, attributes = {} } = {}) {
    const callee = await Sipp.start(t, { scenario: s.callee(...calleeSteps), transport });
    const ctx = await setup(t, [route('^2(\\d+)$', 'bridge', { target: uri(callee, transport), ...attributes })]);
    const { sipp: caller, after, start } = await call(t, ctx.sw, transport, party, s.invite(), s.trying(), ...callerSteps);
    const invite = await callee.at('invite');
    const parentCall = (status) => ctx.watch.call(start.callId, status);
    const childCall = (status) => ctx.watch.call(invite.callId, status);
    const wantParent = (rest) => expect.inbound(ctx.sw, ctx.owner, start, caller, party, rest);
    const wantChild = async (rest) => expect.outbound(ctx.sw, ctx.owner, invite, await parentCall(), party, rest);
    // Both legs in one state, all fields.
    const both = async (parentState, childState, times) => {
      expect.expectCall(await parentCall(parentState.call_status), wantParent(parentState), { times, after });
      expect.expectCall(await childCall(childState.call_status), await wantChild(childState), { times, after });
    };
    return { ...ctx, callee, caller, after, start, invite, parentCall, childCall, wantParent, wantChild, both };
  }

  const FIRST = ['attempted_at'], UP = ['attempted_at', 'answered_at'];
  const UNANSWERED = ['attempted_at', 'terminated_at'], ALL = ['attempted_at', 'answered_at', 'terminated_at'];

  over('bridged: trying, ringing, early media, in progress, the caller hangs up', async (t) => {
    const b = await bridged(t,
      [s.gate('hold'), s.provisional('180 Ringing'), s.gate('rang'), s.provisional('183 Session Progress', s.sdp(5)), s.gate('media'),
        s.accept({ body: s.sdp(6) }), s.report('up'), s.hungUp()],
      [s.recv(180), s.report('ringing'), s.recv(183), s.report('early'), s.recv(200, { rrs: true }), s.report('ok'), s.acknowledge(), s.gate('up'), s.bye()]);
    const callee = b.invite;
    assert.equal(header(callee.message, 'From').startsWith('"Zoë \\"Z\\" O\'Neil"'), true, 'the display name is carried over as it came');
    assert.match(body(callee.message), /^o=sipp 53655765 1 /m, 'the offer is carried over unchanged');
    const inviteUri = callee.message.split('\r\n')[0];
    assert.match(inviteUri, /^INVITE sip:777@/);

    await b.callee.at('hold');
    await b.both(expect.trying, expect.trying, FIRST);
    b.callee.go(callee.callId);
    await b.caller.at('ringing');
    await b.both(expect.ringing(), expect.ringing(), FIRST);
    b.callee.go(callee.callId);
    assert.match(body((await b.caller.at('early')).message), /^o=sipp 53655765 5 /m, 'early SDP unchanged');
    await b.both(expect.earlyMedia(), expect.earlyMedia(), FIRST);
    b.callee.go(callee.callId);
    assert.match(body((await b.caller.at('ok')).message), /^o=sipp 53655765 6 /m, 'answer unchanged');
    await b.caller.at('up');
    await b.callee.at('up');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.caller.go(b.start.callId);
    await b.caller.finished();
    await b.callee.finished();
    await b.both(expect.completed(), expect.completed(), ALL);
    assert.equal(b.watch.calls.length, 2);
    assert.deepEqual(b.watch.calls.map((c) => c.direction), ['outbound', 'inbound'], 'newest first');
  });

  over('bridged: a 183 without SDP is ringing', async (t) => {
    const b = await bridged(t, [s.provisional('183 Session Progress'), s.gate('told'), s.accept(), s.report('up'), s.hungUp()],
      [s.recv(183), s.report('early'), s.answered(), s.gate('up'), s.bye()]);
    const told = { call_status: 'ringing', sip_status: 183, sip_reason: 'Session Progress' };
    await b.callee.at('told');
    await b.caller.at('early');
    await b.both(told, told, FIRST);
    b.callee.go(b.invite.callId);
    await b.caller.at('up');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.caller.go(b.start.callId);
    await b.caller.finished();
    await b.callee.finished();
    await b.both(expect.completed(), expect.completed(), ALL);
  });

  over('bridged: the callee hangs up', async (t) => {
    const b = await bridged(t, [s.provisional('180 Ringing'), s.accept(), s.gate('up'), s.calleeBye()],
      [s.recv(180), s.answered(), s.report('up'), s.hungUp()]);
    await b.caller.at('up');
    await b.callee.at('up');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.callee.go(b.invite.callId);
    await b.callee.finished();
    await b.caller.finished();
    await b.both(expect.completed(), expect.completed(), ALL);
  });

  over('bridged: the callee is busy, in words of its own', async (t) => {
    const b = await bridged(t, [s.provisional('180 Ringing'), s.decline('486 Busy Right Now')], [s.recv(180, { optional: true }), s.refused(486), s.report('refused')]);
    await b.caller.finished();
    await b.callee.finished();
    const [status, reason] = expect.statusLine((await b.caller.at('refused')).message);
    await b.both({ call_status: 'busy', sip_status: status, sip_reason: reason, termination_reason: 'USER_BUSY' },
      { call_status: 'busy', sip_status: 486, sip_reason: 'Busy Right Now', termination_reason: 'USER_BUSY' }, UNANSWERED);
  });

  over('bridged: the callee fails', async (t) => {
    const b = await bridged(t, [s.decline('503 Service Unavailable')], [s.refused(503), s.report('refused')]);
    await b.caller.finished();
    await b.callee.finished();
    const [status, reason] = expect.statusLine((await b.caller.at('refused')).message);
    const parent = await b.parentCall('failed');
    const child = await b.childCall('failed');
    expect.expectCall(parent, b.wantParent({ call_status: 'failed', sip_status: status, sip_reason: reason, termination_reason: 'NORMAL_TEMPORARY_FAILURE' }), { times: UNANSWERED, after: b.after });
    expect.expectCall(child, await b.wantChild({ call_status: 'failed', sip_status: 503, sip_reason: 'Service Unavailable', termination_reason: 'NORMAL_TEMPORARY_FAILURE' }), { times: UNANSWERED, after: b.after });
  });

  over('bridged: cancelled while ringing', async (t) => {
    const b = await bridged(t, [s.provisional('180 Ringing'), s.cancelled()],
      [s.recv(180), s.gate('ringing'), s.cancel(), s.refused(487), s.report('refused')]);
    await b.caller.at('ringing');
    await b.both(expect.ringing(), expect.ringing(), FIRST);
    b.caller.go(b.start.callId);
    await b.caller.finished();
    await b.callee.at('cancel');
    await b.callee.finished();
    const [status, reason] = expect.statusLine((await b.caller.at('refused')).message);
    const ended = (sip_reason) => ({ call_status: 'no-answer', sip_status: status, sip_reason, termination_reason: 'ORIGINATOR_CANCEL' });
    await b.both(ended(reason), ended('Request Terminated'), UNANSWERED);
  });

  over('bridged: no answer', async (t) => {
    const b = await bridged(t, [s.provisional('180 Ringing'), s.cancelled()], [s.recv(180), s.refused(480), s.report('refused')],
      { attributes: { timeout: '0.3' } });
    await b.callee.at('cancel');
    await b.caller.finished();
    await b.callee.finished();
    const [status, reason] = expect.statusLine((await b.caller.at('refused')).message);
    const parent = await b.parentCall('no-answer');
    const child = await b.childCall('no-answer');
    expect.expectCall(parent, b.wantParent({ call_status: 'no-answer', sip_status: status, sip_reason: reason, termination_reason: 'NO_ANSWER' }), { times: UNANSWERED, after: b.after });
    // The callee's own answer to the CANCEL is 487; that it was for want of an answer, the cause says.
    expect.expectCall(child, await b.wantChild({ call_status: 'no-answer', sip_status: 487, sip_reason: 'Request Terminated', termination_reason: 'NO_ANSWER' }), { times: UNANSWERED, after: b.after });
  });

  over('bridged: re-INVITE passes through both ways of it', async (t) => {
    const b = await bridged(t, [s.accept(), s.reinvited(s.sdp(8, 'recvonly')), s.hungUp()],
      [s.answered(), s.gate('up'), s.reinvite({ cseq: 2, body: s.sdp(2, 'sendonly') }), s.gate('held'), s.bye({ cseq: 3 })]);
    await b.caller.at('up');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.caller.go(b.start.callId);
    const offer = body((await b.callee.at('reinvite')).message);
    assert.match(offer, /^o=sipp 53655765 2 /m);
    assert.match(offer, /^a=sendonly/m);
    const answer = body((await b.caller.at('reinvited')).message);
    assert.match(answer, /^o=sipp 53655765 8 /m);
    assert.match(answer, /^a=recvonly/m);
    await b.caller.at('held');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.caller.go(b.start.callId);
    await b.caller.finished();
    await b.callee.finished();
    await b.both(expect.completed(), expect.completed(), ALL);
  });

  over('bridged: UPDATE passes through', async (t) => {
    const b = await bridged(t, [s.accept(), s.updated(s.sdp(9, 'recvonly')), s.hungUp()],
      [s.answered(), s.update({ cseq: 2, body: s.sdp(3, 'sendonly') }), s.gate('held'), s.bye({ cseq: 3 })]);
    const offer = body((await b.callee.at('update')).message);
    assert.match(offer, /^o=sipp 53655765 3 /m);
    assert.match(offer, /^a=sendonly/m);
    const answer = body((await b.caller.at('updated')).message);
    assert.match(answer, /^o=sipp 53655765 9 /m);
    assert.match(answer, /^a=recvonly/m);
    await b.caller.at('held');
    await b.both(expect.inProgress(), expect.inProgress(), UP);
    b.caller.go(b.start.callId);
    await b.caller.finished();
    await b.callee.finished();
    await b.both(expect.completed(), expect.completed(), ALL);
  });

  over('200 calls at 50 a second, bridged', async (t) => {
    const N = 200;
    const callee = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.accept(), s.hungUp()), transport, calls: N });
    const { sw, owner, watch } = await setup(t, [route('^2(\\d+)$', 'bridge', { target: uri(callee, transport) })]);
    const after = Date.now();
    const party = { ...PARTY, from: '1508[call_number]', to: '2[call_number]' };
    const caller = await Sipp.start(t, {
      scenario: s.caller(party, s.invite(), s.trying(), s.recv(180), s.answered(), s.bye()), remote: sw.sip, transport, calls: N, rate: 50, limit: N,
    });
    await caller.finished();
    await callee.finished();
    await watch.until((calls) => calls.length === 2 * N && calls.every((c) => c.call_status === 'completed'), `${2 * N} completed calls`);
    const byId = new Map(watch.calls.map((c) => [c.call_id, c]));
    assert.equal(byId.size, 2 * N);
    const parents = new Map();
    caller.reports('start').forEach((start) => {
      const number = /^(\d+)-/.exec(start.callId)[1];
      const call = byId.get(start.callId);
      const mine = { ...PARTY, from: `1508${number}`, to: `2${number}` };
      expect.expectCall(call, expect.inbound(sw, owner, start, caller, mine, expect.completed()), { times: ALL, after });
      parents.set(mine.from, call);
    });
    assert.equal(parents.size, N);
    for (const invite of callee.reports('invite')) {
      const parent = parents.get(expect.user(header(invite.message, 'From')));
      expect.expectCall(byId.get(invite.callId), expect.outbound(sw, owner, invite, parent, PARTY, expect.completed()), { times: ALL, after });
    }
  });
}

test('packets are lost on both sides: every call goes its way all the same', async (t) => {
  const N = 40, lossy = ['-lost', '5'];
  const callee = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()), calls: N, args: lossy });
  const { sw, watch } = await setup(t, [route('^2(\\d+)$', 'bridge', { target: uri(callee, 'udp') })]);
  const caller = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '2[call_number]' }, s.talk(1)), remote: sw.sip, calls: N, rate: 40, args: lossy,
  });
  await caller.finished();
  await watch.until((calls) => calls.length === 2 * N && calls.every((c) => c.call_status === 'completed'), `${2 * N} completed calls`);
});

const v6 = (await readFile('/proc/net/if_inet6', 'utf8').catch(() => '')).includes('00000000000000000000000000000001 ');
for (const transport of ['udp', 'tcp']) {
  test(`${transport} over IPv6`, { skip: v6 ? false : 'no ::1 here' }, async (t) => {
    const owner = account('six', { sources: ['::1/128'] });
    const sdp = s.sdp().map((line) => line.replace(/IN IP4 .*/, 'IN IP6 ::1'));
    const callee = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.accept({ body: sdp }), s.hungUp()), transport, host: '::1' });
    const sw = await Switch.start(t, { accounts: [owner], settings: { listen: '[::1]:0' }, sip: { 'sip-listen': '[::1]:0' },
      routes: [route('^1\\d+$', 'answer'), route('^2(\\d+)$', 'bridge', { target: uri(callee, transport) })] });
    assert.match(sw.sip, /^\[::1\]:\d+$/);
    const watch = new Watch(sw.client(owner.token), callsOf(owner));
    const call6 = async (to) => {
      const after = Date.now(), party = { ...PARTY, to };
      const sipp = await Sipp.start(t, { scenario: s.caller(party, s.invite({ body: sdp }), s.trying(), s.recv(180, { optional: true }), s.recv(200, { rrs: true }), s.report('ok'), s.acknowledge(), s.bye()),
        remote: sw.sip, transport, host: '::1' });
      await sipp.finished();
      const start = await sipp.at('start');
      const call = await watch.call(start.callId, 'completed');
      expect.expectCall(call, expect.inbound(sw, owner, start, sipp, party, expect.completed()), { times: ['attempted_at', 'answered_at', 'terminated_at'], after });
      return body((await sipp.at('ok')).message);
    };
    assert.match(await call6('1000'), /^c=IN IP6 ::1\r?$/m, 'our own answer speaks of IPv6');
    await call6('2777');
    await callee.finished();
    await watch.until((calls) => calls.length === 3 && calls.every((c) => c.call_status === 'completed'));
  });
}

test('sources on loopback belong to the demo account, and to no other', async (t) => {
  const owner = demo(), other = account('other');
  const sw = await Switch.start(t, { accounts: [owner, other], routes: [route('^486$', 'reject', { status: 486 })] });
  const caller = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '486' }, s.invite(), s.trying(), s.refused(486)), remote: sw.sip });
  await caller.finished();
  const start = await caller.at('start');
  await new Watch(sw.client(owner.token), callsOf(owner)).call(start.callId, 'busy');
  assert.deepEqual((await sw.client(other.token).get(callsOf(other))).json, []);
});
