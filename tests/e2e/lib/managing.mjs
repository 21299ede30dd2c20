// Goes through the table of control_table.mjs against a host: every verb, in every state of a call of either
// direction, with its answer and what SIPp then sees at the far end.

import assert from 'node:assert/strict';
import { DIRECTIONS, expected, STATES, table } from './control_table.mjs';
import * as s from './scenario.mjs';
import { body, Sipp } from './sipp.mjs';
import { callsOf, Watch } from './watch.mjs';

const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const LIVE = ['trying', 'ringing', 'early-media', 'in-progress'];
const UNANSWERED = LIVE.slice(0, 3);
// What the API calls those that it has no word of its own for.
const STATUS = { held: 'in-progress', bridged: 'in-progress', ended: 'busy' };
const isUp = (state) => !UNANSWERED.includes(state) && state !== 'ended';

// What the far end of a leg does when it sees this, and whether the call is over then. "settled": nothing of
// it is under way any more, at either end.
const asked = (method, line) => [s.recv(method), s.reply(line), s.report('asked')];
const reinvited = (body) => [s.reinvited(body), s.report('settled')];
const TAILS = {
  BYE: { steps: () => [s.hungUp()], ends: true },
  CANCEL: { steps: () => [s.cancelled()], ends: true },
  603: { steps: () => [s.refused(603)], ends: true },
  480: { steps: () => [s.refused(480)], ends: true },
  'INVITE sendonly': { steps: () => reinvited() },
  'INVITE sendrecv': { steps: () => reinvited(s.sdp(9)) },
  INFO: { steps: () => [asked('INFO', '200 OK')] },
  MESSAGE: { steps: () => [asked('MESSAGE', '200 OK')] },
  NOTIFY: { steps: () => [asked('NOTIFY', '200 OK')] },
  REFER: { steps: () => [asked('REFER', '202 Accepted')] },
  200: { steps: () => [s.answered(), s.report('another way')], up: true },
  moved: { steps: () => [] },
};

// How the far end of the leg comes into the state, as callee and as caller.
const CALLEE = {
  trying: [s.provisional('100 Trying')],
  ringing: [s.provisional('180 Ringing')],
  'early-media': [s.provisional('183 Session Progress', s.sdp(7))],
  'in-progress': [s.accept(), s.report('up')],
  held: [s.accept(), s.report('up'), reinvited()],
  bridged: [s.accept(), s.report('up')],
  ended: [s.decline('486 Busy Here')],
};
const CALLER = {
  trying: [s.trying()],
  ringing: [s.trying(), s.recv(180)],
  'early-media': [s.trying(), s.recv(183)],
  'in-progress': [s.trying(), s.answered(), s.report('up')],
  held: [s.trying(), s.answered(), s.report('up'), reinvited()],
  bridged: [s.trying(), s.answered(), s.report('up')],
  ended: [s.trying(), s.refused(486)],
};

// The calls of one test. A host's own stage says what to dial to come into a state, and waits for what the
// API does not tell.
export class Stage {
  // remote: where the host takes calls; dialled: state -> the number to dial, of which trying and bridged
  // are put through to `calleePort`.
  constructor(t, { owner, client, remote, calleePort, dialled }) {
    Object.assign(this, { t, owner, client, remote, calleePort, dialled, watch: new Watch(client, callsOf(owner)) });
  }

  // Resolves once the caller's leg is joined with the one it has dialled.
  async joined() {}

  // What can be seen of a verb beyond the request at the far end.
  async look() {}

  send(method, path, content) {
    return this.client.request(method, callsOf(this.owner) + path,
      { headers: { 'Content-Type': 'application/json' }, body: content ? JSON.stringify(content) : undefined });
  }

  change(sid, content) { return content ? this.send('PUT', `/${sid}`, content) : this.send('DELETE', `/${sid}`); }

  #caller(state, tail) {
    return Sipp.start(this.t, { scenario: s.caller({ from: '15083728299', to: this.dialled[state] }, s.invite(), ...CALLER[state], ...tail), remote: this.remote });
  }

  #callee(state, tail, port) { return Sipp.start(this.t, { scenario: s.callee(...CALLEE[state], ...tail), port }); }

  // One that the API makes: {sid, far, others}.
  async #made(state, tail) {
    const far = await this.#callee(state, tail);
    const answer = await this.send('POST', '', {
      from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${far.address}` }, call_hook: 'https://example.com/', ...speech,
    });
    assert.equal(answer.status, 201, answer.text);
    return { sid: answer.json.sid, far, others: [] };
  }

  // One that comes in, or the leg that it has dialled: whoever is not the far end hangs up when that does.
  async #dialled(direction, state, tail) {
    const inbound = direction === 'inbound', ends = [];
    const callee = ['trying', 'bridged'].includes(state) &&
      await this.#callee(state, !inbound ? tail : state === 'trying' ? [s.cancelled()] : [s.hungUp()], this.calleePort);
    ends.push({ sipp: await this.#caller(state, inbound ? tail : [s.hungUp()]), first: 'start' });
    if (callee) ends.push({ sipp: callee, first: 'invite' });
    for (const end of ends) end.callId = (await end.sipp.at(end.first)).callId;
    const calls = [];
    // The Call-ID of a leg that has got no answer is not known in FreeSWITCH.
    for (const { callId } of state === 'trying' ? ends.slice(0, 1) : ends) calls.push(await this.watch.call(callId, STATUS[state] ?? state));
    if (state === 'bridged') await this.joined(...calls);
    const own = inbound ? 0 : 1;
    return { sid: calls[own].call_sid, far: ends[own].sipp, others: ends.filter((e, i) => i !== own).map((e) => e.sipp), partner: calls[1 - own]?.call_sid };
  }

  // A call in this state, whose far end then does `tail`; `others` are the ends of other legs.
  async call(direction, state, tail) {
    const made = direction === 'outbound' && state !== 'bridged';
    const call = made ? await this.#made(state, tail) : await this.#dialled(direction, state, tail);
    const status = STATUS[state] ?? state;
    await this.watch.until((calls) => calls.find((c) => c.call_sid === call.sid && c.call_status === status), `${direction} to be ${status}`);
    if (isUp(state)) for (const end of [call.far, ...call.others]) await end.at('up');
    if (state === 'held') {
      const held = await this.change(call.sid, { conf_hold_status: 'hold' });
      assert.equal(held.status, 204, held.text);
      await call.far.at('reinvite');
      await call.far.at('settled');
    }
    return call;
  }

  async over({ sid, far, others }) {
    await far.finished();
    for (const other of others) await other.finished();
    await this.watch.until((calls) => calls.every((c) => c.call_sid !== sid || !LIVE.includes(c.call_status)), 'the end');
  }

  // Ends a call that a verb has left as it is.
  async leave(call, state) {
    if (state !== 'ended') assert.equal((await this.change(call.sid, null)).status, 204);
    await this.over(call);
  }
}

const endOf = (direction, state) => (isUp(state) ? [s.hungUp()] : direction === 'outbound' ? [s.cancelled()] : [s.refused(603)]);

function check(line, answer, { status }) {
  assert.equal(answer.status, status, `${line.what}: ${answer.status} ${answer.text}`);
  if (status >= 400) assert.ok(answer.json.msg.length > 0, `${line.what} says why`);
  if (status === 200) assert.deepEqual(answer.json, { status: 200, reason: 'OK' });
}

const DIRECTION = /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m;

// What the message at the far end looks like, beyond its method. An offer without a direction is sendrecv
// (RFC 4566, section 6).
async function seen(far, wire) {
  if (wire.startsWith('INVITE ')) {
    const offer = body((await far.at('reinvite')).message);
    assert.match(offer, /^m=audio /m);
    assert.equal(DIRECTION.exec(offer)?.[1] ?? 'sendrecv', wire.slice(7));
    await far.at('settled');
  } else if (wire === '200') {
    await far.at('another way');
  } else if (['INFO', 'MESSAGE', 'NOTIFY', 'REFER'].includes(wire)) {
    return (await far.at('asked')).message;
  }
  return undefined;
}

async function nothingSent(stage, direction, state, lines) {
  const call = await stage.call(direction, state, state === 'ended' ? [] : endOf(direction, state));
  for (const [line, cell] of lines) {
    check(line, await stage.change(call.sid, line.change), cell);
    await stage.look(line, cell, call);
  }
  if (state === 'ended') {
    assert.equal((await stage.change(call.sid, null)).status, 204);
    assert.equal((await stage.send('GET', `/${call.sid}`)).status, 404);
    assert.equal((await stage.change(call.sid, { tag: {} })).status, 404);
  }
  await stage.leave(call, state);
}

async function oneSent(stage, direction, state, [line, cell]) {
  const tail = TAILS[cell.wire];
  const now = tail.up || isUp(state) ? 'in-progress' : state;
  const call = await stage.call(direction, state, [...tail.steps(), ...(tail.ends ? [] : endOf(direction, now))]);
  check(line, await stage.change(call.sid, line.change), cell);
  await stage.look(line, cell, call, await seen(call.far, cell.wire));
  if (tail.ends) await stage.over(call);
  else await stage.leave(call, now);
}

// The tests of a host, as [name, function]; set(t) resolves with a Stage.
export function tests(host, set) {
  const all = [];
  for (const direction of DIRECTIONS) {
    for (const state of STATES) {
      const lines = table.map((line) => [line, expected(line, direction, state, host)]).filter(([, cell]) => cell);
      const still = lines.filter(([line, cell]) => !cell.wire && (line.change || state !== 'ended'));
      const moving = lines.filter(([, cell]) => cell.wire);
      all.push([`${direction}, ${state}: what sends nothing`, async (t) => nothingSent(await set(t), direction, state, still)]);
      if (moving.length === 0) continue;
      all.push([`${direction}, ${state}: what the far end sees`, async (t) => {
        const stage = await set(t);
        for (const line of moving) await oneSent(stage, direction, state, line);
      }]);
    }
  }
  return all;
}
