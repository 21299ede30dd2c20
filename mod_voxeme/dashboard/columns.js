// The columns of the table: a class for the style sheet, a heading, and what stands in a cell.

import { talkTime, trunkOf } from './calls.js';
import { clockTime, span } from './format.js';

const DIRECTIONS = { inbound: '↘ in', outbound: '↗ out' };

export const COLUMNS = [
  { name: 'direction', heading: 'Dir', text: ({ call }) => DIRECTIONS[call.direction] ?? '?' },
  { name: 'from', heading: 'From', text: ({ call }) => call.from ?? '' },
  { name: 'to', heading: 'To', text: ({ call }) => call.to ?? '' },
  { name: 'caller-name', heading: 'Caller name', text: ({ call }) => call.caller_name ?? '' },
  { name: 'call-status', heading: 'Status', text: ({ call }) => call.call_status ?? '' },
  { name: 'sip-status', heading: 'SIP', text: ({ call }) => String(call.sip_status ?? '') },
  { name: 'in-state', heading: 'In state', text: ({ since }, now) => span(now - since) },
  { name: 'talk', heading: 'Talk', text: ({ call }, now) => { const ms = talkTime(call, now); return ms === undefined ? '' : span(ms); } },
  { name: 'started', heading: 'Started', text: ({ started }) => clockTime(started) },
  { name: 'trunk', heading: 'Trunk', text: ({ call }) => trunkOf(call) },
];
