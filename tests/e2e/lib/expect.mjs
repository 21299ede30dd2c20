// What the API must say of a call, held against what SIPp sent and saw.

import assert from 'node:assert/strict';
import { header } from './sipp.mjs';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ENDED = ['completed', 'busy', 'no-answer', 'failed'];

// "SIP/2.0 486 Busy Here" -> [486, "Busy Here"]
export function statusLine(message) {
  const [, status, reason] = /^SIP\/2\.0 (\d{3}) (.*?)\r?\n/.exec(message);
  return [Number(status), reason];
}

// The user part of the address in a From or To header.
export const user = (value) => /<sips?:([^@>]*)@/.exec(value)?.[1];

export const callIdOf = (message) => header(message, 'Call-ID');

// `wanted` names every key but the sid and the times; `times` are which of them are there, in the
// order in which they lie. Every key of the call is looked at; none may be there that is not
// expected.
export function expectCall(call, wanted, { times, after, before = Date.now() }) {
  const { call_sid: sid, attempted_at, answered_at, terminated_at, duration, ...rest } = call;
  assert.match(sid, UUID);
  assert.deepEqual(rest, wanted);
  assert.deepEqual(Object.keys(call), Object.keys(call).slice().sort(), 'keys are in alphabetical order');

  const given = { attempted_at, answered_at, terminated_at };
  assert.deepEqual(Object.keys(given).filter((k) => given[k] !== undefined), times, 'times that are there');
  let last = after - 1;
  for (const key of times) {
    assert.match(given[key], TIME);
    const at = Date.parse(given[key]);
    assert.ok(at >= last, `${key} ${given[key]} is not before ${new Date(last).toISOString()}`);
    last = at;
  }
  assert.ok(last <= before + 1, `${times.at(-1)} is not in the future`);

  if (!ENDED.includes(call.call_status)) {
    assert.equal(duration, undefined, 'no duration before the end');
  } else if (answered_at === undefined) {
    assert.equal(duration, 0);
  } else {
    // Times are cut to milliseconds, the duration is not: it may lie a millisecond to either side.
    const ms = Date.parse(terminated_at) - Date.parse(answered_at);
    const possible = new Set([ms - 1, ms, ms + 1].map((n) => Math.max(0, Math.floor(n / 1000))));
    assert.ok(possible.has(duration), `duration ${duration} for ${ms} ms`);
  }
}

// An inbound leg as its caller knows it. `start` is the caller's first report.
export const inbound = (sw, account, start, sipp, party, rest) => ({
  account_sid: account.sid, call_id: start.callId, caller_name: party.name ?? '', direction: 'inbound',
  from: party.from, to: party.to, originating_sip_ip: sipp.address, service_url: sw.url, ...rest,
});

// An outbound leg as its callee knows it. `invite` is the INVITE the callee received.
export const outbound = (sw, account, invite, parent, party, rest) => ({
  account_sid: account.sid, call_id: callIdOf(invite.message), caller_name: party.name ?? '', direction: 'outbound',
  from: user(header(invite.message, 'From')), to: user(header(invite.message, 'To')),
  parent_call_sid: parent.call_sid, service_url: sw.url, ...rest,
});

// No reason phrase: that of a leg's own responses, of which there has been none yet.
export const trying = { call_status: 'trying', sip_status: 100 };
export const ringing = (reason = 'Ringing') => ({ call_status: 'ringing', sip_status: 180, sip_reason: reason });
export const earlyMedia = (reason = 'Session Progress') => ({ call_status: 'early-media', sip_status: 183, sip_reason: reason });
export const inProgress = (reason = 'OK') => ({ call_status: 'in-progress', sip_status: 200, sip_reason: reason });
export const completed = (reason = 'OK') =>
  ({ call_status: 'completed', sip_status: 200, sip_reason: reason, termination_reason: 'NORMAL_CLEARING' });
