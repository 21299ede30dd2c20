// What may be done to a call when: the one table that tests/e2e/managing.test.mjs holds voxeme-switch to, that
// tests/freeswitch/managing.test.mjs holds FreeSWITCH to, and that script/update-readme prints into
// docs/managing-calls.md.
//
// A cell is "STATUS" or "STATUS WIRE": the answer of the API, and what the far end then sees ("moved": nothing,
// but FreeSWITCH goes on with the leg at another place of the dialplan). Where the hosts differ it is
// { switch: "...", freeswitch: "..." }; a host that is not named there is not held to it.

export const STATES = ['trying', 'ringing', 'early-media', 'in-progress', 'held', 'bridged', 'ended'];
export const DIRECTIONS = ['outbound', 'inbound'];

// Unanswered, answered, ended.
const cells = (unanswered, answered, ended) => [...[unanswered].flat(), ...[answered].flat(), ended];
const three = (cell) => [cell, cell, cell];
const differ = (onSwitch, inFreeSwitch) => ({ switch: onSwitch, freeswitch: inFreeSwitch });
const NOT_NOW = three('422');

const row = (what, change, outbound, inbound = outbound) => ({ what, change, outbound, inbound });
const answeredOnly = (what, change, answered) => row(what, change, cells(NOT_NOW, answered, '422'));
const unable = (what, change) => row(what, change, cells(three('501'), three('501'), '422'));
// Of an answered call, and only in FreeSWITCH.
const freeSwitchOnly = (what, change, answered) =>
  row(what, change, cells(three(differ('501', '422')), answered.map((cell) => differ('501', cell)), '422'));

const REDIRECTED = ['204 moved', '204 INVITE sendrecv', '204 moved'].map((cell) => differ('204 REFER', cell));

// `change` is the body of a PUT; null is a DELETE.
export const table = [
  row('hang up', null,
    cells(three('204 CANCEL'), three('204 BYE'), '204'),
    cells(three('204 603'), three('204 BYE'), '204')),
  answeredOnly('hang up the answered', { call_status: 'completed' }, three('204 BYE')),
  row('hang up the ringing', { call_status: 'no-answer' },
    cells(three('204 CANCEL'), NOT_NOW, '422'),
    cells(three('204 480'), NOT_NOW, '422')),
  answeredOnly('hold', { conf_hold_status: 'hold' }, ['204 INVITE sendonly', '204', '204 INVITE sendonly']),
  answeredOnly('unhold', { conf_hold_status: 'unhold' }, ['204', '204 INVITE sendrecv', '204']),
  answeredOnly('mute', { mute_status: 'mute' }, three(differ('501', '204'))),
  answeredOnly('unmute', { mute_status: 'unmute' }, three(differ('501', '204'))),
  answeredOnly('DTMF', { dtmf: { digit: '5' } }, three('204 INFO')),
  answeredOnly('SIP request: MESSAGE', { sip_request: { method: 'MESSAGE', content_type: 'text/plain', content: 'hello' } },
    three(differ('200 MESSAGE', '202 MESSAGE'))),
  answeredOnly('SIP request: NOTIFY',
    { sip_request: { method: 'NOTIFY', content_type: 'text/plain', content: 'hello', headers: { Event: 'talk' } } },
    three(differ('200 NOTIFY', '501'))),
  answeredOnly('SIP request: NOTIFY without Event', { sip_request: { method: 'NOTIFY', content_type: 'text/plain', content: 'hello' } },
    three(differ('422', '501'))),
  row('redirect', { call_hook: 'https://example.com/next' },
    cells(NOT_NOW, REDIRECTED, '422'),
    cells(['204 200', '204 200', differ('422', '204 200')], REDIRECTED, '422')),
  row('tag', { tag: { order: 7 } }, cells(three('204'), three('204'), '204')),
  freeSwitchOnly('child_call_hook', { child_call_hook: 'https://example.com/next' }, ['422', '422', '204 BYE']),
  unable('listen_status', { listen_status: 'pause' }),
  freeSwitchOnly('conf_mute_status', { conf_mute_status: 'mute' }, NOT_NOW),
  freeSwitchOnly('record', { record: { action: 'startCallRecording' } }, three('204')),
  unable('transcribe_status', { transcribe_status: 'pause' }),
  freeSwitchOnly('whisper: say', { whisper: { verb: 'say', text: 'hello' } }, ['501', '422', '501']),
  freeSwitchOnly('whisper: play', { whisper: { verb: 'play', url: 'beep.wav' } }, ['204', '422', '204']),
];

// {status, wire} of a cell on a host; undefined: that host is not held to it.
export function expected(line, direction, state, host) {
  const cell = line[direction][STATES.indexOf(state)];
  const text = typeof cell === 'string' ? cell : cell[host];
  if (text === undefined) return undefined;
  const [, status, wire] = /^(\d+) ?(.*)$/.exec(text);
  return { status: Number(status), wire };
}

const shown = (cell, host) => (typeof cell === 'string' ? cell : cell[host] ?? '').replace(/^(\d+) (.*)$/, '$1: $2');

// The tables of a host.
export function markdown(host) {
  const lines = [];
  for (const direction of DIRECTIONS) {
    if (lines.length) lines.push('');
    lines.push(`| ${direction} | ${STATES.join(' | ')} |`, `|---${'|---'.repeat(STATES.length)}|`);
    for (const line of table) lines.push(`| ${line.what} | ${line[direction].map((cell) => shown(cell, host)).join(' | ')} |`);
  }
  return lines.join('\n');
}

// What stands for which request.
export function requests() {
  const request = ({ change }) => (change ? `\`${JSON.stringify(change)}\`` : '`DELETE`');
  return ['| | request |', '|---|---|', ...table.map((line) => `| ${line.what} | ${request(line)} |`)].join('\n');
}
