// What may be done to a call when (lib/control_table.mjs): every verb, in every state of a call of either
// direction, with its answer and what SIPp then sees at the far end.

import assert from 'node:assert/strict';
import test from 'node:test';
import { demo, route } from './lib/config.mjs';
import { DIRECTIONS, expected, STATES, table } from './lib/control_table.mjs';
import { freePort } from './lib/ports.mjs';
import * as s from './lib/scenario.mjs';
import { body, header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const UNANSWERED = ['trying', 'ringing', 'early-media'];
// What the API calls those that it has no word of its own for.
const STATUS = { held: 'in-progress', bridged: 'in-progress', ended: 'busy' };
const isUp = (state) => !UNANSWERED.includes(state) && state !== 'ended';

// What the far end of a leg does when it sees this, and whether the call is over then.
const asked = (method, line) => [s.recv(method), s.report('asked'), s.reply(line)];
const TAILS = {
  BYE: { steps: () => [s.hungUp()], ends: true },
  CANCEL: { steps: () => [s.cancelled()], ends: true },
  603: { steps: () => [s.refused(603)], ends: true },
  480: { steps: () => [s.refused(480)], ends: true },
  'INVITE sendonly': { steps: () => [s.reinvited()] },
  'INVITE sendrecv': { steps: () => [s.reinvited(s.sdp(9))] },
  INFO: { steps: () => [asked('INFO', '200 OK')] },
  MESSAGE: { steps: () => [asked('MESSAGE', '200 OK')] },
  NOTIFY: { steps: () => [asked('NOTIFY', '200 OK')] },
  REFER: { steps: () => [asked('REFER', '202 Accepted')] },
  200: { steps: () => [s.answered(), s.report('another way')], up: true },
};

// How the far end of the leg comes into the state, as caller and as callee.
const CALLEE = {
  trying: [s.provisional('100 Trying')],
  ringing: [s.provisional('180 Ringing')],
  'early-media': [s.provisional('183 Session Progress', s.sdp(7))],
  'in-progress': [s.accept()],
  held: [s.accept(), s.reinvited()],
  bridged: [s.accept()],
  ended: [s.decline('486 Busy Here')],
};
const CALLER = {
  trying: { to: '2000', steps: [s.trying()] },
  ringing: { to: '180', steps: [s.trying(), s.recv(180)] },
  'early-media': { to: '183', steps: [s.trying(), s.recv(183)] },
  'in-progress': { to: '1000', steps: [s.trying(), s.answered()] },
  held: { to: '1000', steps: [s.trying(), s.answered(), s.reinvited()] },
  bridged: { to: '2000', steps: [s.trying(), s.answered()] },
  ended: { to: '486', steps: [s.trying(), s.refused(486)] },
};

class Stage {
  static async set(t) {
    const stage = new Stage();
    stage.t = t;
    stage.calleePort = await freePort();
    stage.owner = demo();
    stage.sw = await Switch.start(t, {
      accounts: [stage.owner], sip: { 'redirect-to': '1000' }, settings: { 'rate-limit-per-minute': 1000000 },
      routes: [route('^1000$', 'answer'), route('^180$', 'ring'), route('^183$', 'answer', { 'early-media': 'true', ring: 60 }),
        route('^486$', 'reject', { status: 486 }), route('^2000$', 'bridge', { target: `sip:bob@127.0.0.1:${stage.calleePort}` })],
    });
    stage.client = stage.sw.client(stage.owner.token);
    stage.watch = new Watch(stage.client, callsOf(stage.owner));
    return stage;
  }

  send(method, path, content) {
    return this.client.request(method, callsOf(this.owner) + path,
      { headers: { 'Content-Type': 'application/json' }, body: content ? JSON.stringify(content) : undefined });
  }

  change(sid, content) { return content ? this.send('PUT', `/${sid}`, content) : this.send('DELETE', `/${sid}`); }

  caller({ to, steps }, tail) {
    return Sipp.start(this.t, { scenario: s.caller({ from: '15083728299', to }, s.invite(), ...steps, ...tail), remote: this.sw.sip });
  }

  callee(steps, tail, port) { return Sipp.start(this.t, { scenario: s.callee(...steps, ...tail), port }); }

  // One that the API makes: {sid, far}.
  async made(state, tail) {
    const far = await this.callee(CALLEE[state], tail);
    const answer = await this.send('POST', '', {
      from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${far.address}` }, call_hook: 'https://example.com/', ...speech,
    });
    assert.equal(answer.status, 201, answer.text);
    return { sid: answer.json.sid, far, others: [] };
  }

  // One that comes in, or the leg that it has dialled: whoever is not the far end hangs up when that does.
  async dialled(direction, state, tail) {
    const inbound = direction === 'inbound', others = [];
    if (state === 'trying') others.push(await this.callee(CALLEE.trying, [s.cancelled()], this.calleePort));
    if (state === 'bridged') others.push(await this.callee(CALLEE.bridged, inbound ? [s.hungUp()] : tail, this.calleePort));
    const caller = await this.caller(CALLER[state], inbound ? tail : [s.hungUp()]);
    const far = inbound ? caller : others.splice(0, 1, caller)[0];
    const { callId } = await far.at(inbound ? 'start' : 'invite');
    const call = await this.watch.call(callId, STATUS[state] ?? state);
    if (state === 'trying') await others[0].at('invite');
    return { sid: call.call_sid, far, others };
  }

  // A call in this state, whose far end then does `tail`; `others` are the ends of other legs.
  async call(direction, state, tail) {
    const made = direction === 'outbound' && state !== 'bridged';
    const call = made ? await this.made(state, tail) : await this.dialled(direction, state, tail);
    const status = STATUS[state] ?? state;
    await this.watch.until((calls) => calls.find((c) => c.call_sid === call.sid && c.call_status === status), `${direction} to be ${status}`);
    if (state === 'held') {
      const held = await this.change(call.sid, { conf_hold_status: 'hold' });
      assert.equal(held.status, 204, held.text);
      await call.far.at('reinvite');
    }
    return call;
  }

  async over({ sid, far, others }) {
    await far.finished();
    for (const other of others) await other.finished();
    await this.watch.until((calls) => calls.every((c) => c.call_sid !== sid || !['trying', 'ringing', 'early-media', 'in-progress'].includes(c.call_status)), 'the end');
  }
}

const endOf = (direction, state) => (isUp(state) ? [s.hungUp()] : direction === 'outbound' ? [s.cancelled()] : [s.refused(603)]);

// Ends a call that a verb has left as it is.
async function leave(stage, call, state) {
  if (state !== 'ended') assert.equal((await stage.change(call.sid, null)).status, 204);
  await stage.over(call);
}

function check(line, answer, { status }) {
  assert.equal(answer.status, status, `${line.what}: ${answer.status} ${answer.text}`);
  if (status >= 400) assert.ok(answer.json.msg.length > 0, `${line.what} says why`);
  if (status === 200) assert.deepEqual(answer.json, { status: 200, reason: 'OK' });
}

// What the message at the far end looks like, beyond its method.
async function look(far, wire, sw) {
  if (wire.startsWith('INVITE ')) assert.match(body((await far.at('reinvite')).message), new RegExp(`^a=${wire.slice(7)}\\r?$`, 'm'));
  if (wire === 'REFER') {
    assert.equal(header((await far.at('asked')).message, 'Refer-To'), `<sip:1000@${sw.sip}?X-Voxeme-Hook=https%3A%2F%2Fexample.com%2Fnext>`);
  }
  if (wire === '200') await far.at('another way');
}

for (const direction of DIRECTIONS) {
  for (const state of STATES) {
    const lines = table.map((line) => [line, expected(line, direction, state, 'switch')]).filter(([, cell]) => cell);
    const still = lines.filter(([line, cell]) => !cell.wire && (line.change || state !== 'ended'));
    const moving = lines.filter(([, cell]) => cell.wire);

    test(`${direction}, ${state}: what sends nothing`, async (t) => {
      const stage = await Stage.set(t);
      const call = await stage.call(direction, state, state === 'ended' ? [] : endOf(direction, state));
      for (const [line, cell] of still) check(line, await stage.change(call.sid, line.change), cell);
      if (state === 'ended') {
        assert.equal((await stage.change(call.sid, null)).status, 204);
        assert.equal((await stage.send('GET', `/${call.sid}`)).status, 404);
        assert.equal((await stage.change(call.sid, { tag: {} })).status, 404);
      }
      await leave(stage, call, state);
    });

    if (moving.length === 0) continue;
    test(`${direction}, ${state}: what the far end sees`, async (t) => {
      const stage = await Stage.set(t);
      for (const [line, cell] of moving) {
        const tail = TAILS[cell.wire];
        const up = tail.up || isUp(state);
        const call = await stage.call(direction, state, [...tail.steps(), ...(tail.ends ? [] : endOf(direction, up ? 'in-progress' : state))]);
        check(line, await stage.change(call.sid, line.change), cell);
        await look(call.far, cell.wire, stage.sw);
        if (tail.ends) await stage.over(call);
        else await leave(stage, call, up ? 'in-progress' : state);
      }
    });
  }
}
