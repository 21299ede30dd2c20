// What a call says of itself.

export const LIVE_STATUSES = ['queued', 'trying', 'ringing', 'early-media', 'in-progress'];
export const ENDED_STATUSES = ['completed', 'busy', 'no-answer', 'failed'];
export const STATUSES = [...LIVE_STATUSES, ...ENDED_STATUSES];
export const UNASSIGNED = 'unassigned';

const ended = new Set(ENDED_STATUSES);
const NO_ACCOUNT = '00000000-0000-0000-0000-000000000000';

export const isLive = (call) => !ended.has(call.call_status);

// The class of a status in the style sheet: of one that it does not know, none.
export const statusClass = (status) => (STATUSES.includes(status) ? status : '');

export const accountOf = (call) =>
  (call.account_sid && call.account_sid !== NO_ACCOUNT ? call.account_sid : UNASSIGNED);

export const trunkOf = (call) => call.originating_sip_trunk_name || call.originating_sip_ip || '';

// Milliseconds since 1970 of one of the call's times; NaN when it has none.
export const timeOf = (call, key) => Date.parse(call[key] ?? '');

export function startedAt(call, otherwise) {
  for (const key of ['attempted_at', 'answered_at', 'terminated_at']) {
    const at = timeOf(call, key);
    if (!Number.isNaN(at)) return at;
  }
  return otherwise;
}

// Milliseconds from answer to end, or to now; undefined for a call that was never answered.
export function talkTime(call, now) {
  const answered = timeOf(call, 'answered_at');
  if (Number.isNaN(answered)) return undefined;
  const end = isLive(call) ? now : timeOf(call, 'terminated_at');
  return Math.max(0, end - answered);
}
