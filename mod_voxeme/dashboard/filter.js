// Which calls are shown: an account, a direction, some statuses, and the words of the search, every one of which must
// be found. A word like from:1508 looks into one field only.

import { accountOf, trunkOf } from './calls.js';

const FIELDS = {
  from: (call) => call.from,
  to: (call) => call.to,
  name: (call) => call.caller_name,
  sip: (call) => String(call.sip_status ?? ''),
  status: (call) => call.call_status,
  trunk: trunkOf,
  ip: (call) => call.originating_sip_ip,
  reason: (call) => `${call.sip_reason ?? ''} ${call.termination_reason ?? ''}`,
  id: (call) => `${call.call_sid} ${call.call_id ?? ''} ${call.parent_call_sid ?? ''}`,
};
const SEARCHED = Object.values(FIELDS);

const lower = (text) => String(text ?? '').toLowerCase();

export function words(query) {
  return lower(query).split(/\s+/).filter(Boolean).map((word) => {
    const [, field, text] = /^([a-z]+):(.+)$/.exec(word) ?? [];
    return field && Object.hasOwn(FIELDS, field) ? { field: FIELDS[field], text } : { text: word };
  });
}

const textOf = (entry) => (entry.text ??= SEARCHED.map((field) => lower(field(entry.call))).join('\n'));

const holds = (entry, { field, text }) => (field ? lower(field(entry.call)) : textOf(entry)).includes(text);

// {account, direction, statuses: Set, query}, each of which may be empty -> a test of an entry.
export function filter({ account = '', direction = '', statuses = new Set(), query = '' }) {
  const wanted = words(query);
  return (entry) => {
    const { call } = entry;
    return (!account || accountOf(call) === account) && (!direction || call.direction === direction) &&
      (statuses.size === 0 || statuses.has(call.call_status)) && wanted.every((word) => holds(entry, word));
  };
}
