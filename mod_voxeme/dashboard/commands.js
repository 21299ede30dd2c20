// What a call can be told: the question before it, when, which commands of the server it takes, and the body of the request.

import { accountOf, isLive, UNASSIGNED } from './calls.js';

const isAnswered = (call) => call.call_status === 'in-progress';

export const COMMANDS = [
  {
    name: 'hangup', label: 'Hang up', question: 'Hang up this call?', needs: 'hangup', when: isLive,
    change: (call) => ({ call_status: isAnswered(call) ? 'completed' : 'no-answer' }),
  },
  { name: 'hold', label: 'Hold', question: 'Hold this call?', needs: 'hold', when: isAnswered, change: () => ({ conf_hold_status: 'hold' }) },
  { name: 'unhold', label: 'Unhold', question: 'Take this call off hold?', needs: 'unhold', when: isAnswered, change: () => ({ conf_hold_status: 'unhold' }) },
  { name: 'mute', label: 'Mute', question: 'Mute this call?', needs: 'mute', when: isAnswered, change: () => ({ mute_status: 'mute' }) },
  { name: 'unmute', label: 'Unmute', question: 'Unmute this call?', needs: 'unmute', when: isAnswered, change: () => ({ mute_status: 'unmute' }) },
  { name: 'dtmf', label: 'Keypad', question: 'Send digits to this call?', agree: 'Open keypad', needs: 'dtmf', when: isAnswered, change: (call, digits) => ({ dtmf: { digit: digits } }) },
];

export const KEYS = [...'123456789*0#'];
export const isDigit = (key) => /^[0-9A-D*#]$/i.test(key);
export const MOST_DIGITS = 32; // in one request

// The commands that the server of `abilities` (a Set, or undefined when it did not say) does to a call as it is. A call of
// no account cannot be told anything: its address would have to name one.
export const commandsFor = (call, abilities) =>
  (accountOf(call) === UNASSIGNED ? [] : COMMANDS.filter(({ needs, when }) => when(call) && (!abilities || abilities.has(needs))));
