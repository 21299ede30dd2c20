// What may be done to a call when: the one table that tests/e2e/managing.test.mjs holds voxeme-switch to and
// that script/update-readme prints into docs/managing-calls.md.
//
// A cell is "STATUS" or "STATUS WIRE": the answer of the API, and what the far end then sees. Where the hosts
// differ it is { switch: "...", freeswitch: "..." }; a host that is not named there is not held to it.

export const STATES = ['trying', 'ringing', 'early-media', 'in-progress', 'held', 'bridged', 'ended'];
export const DIRECTIONS = ['outbound', 'inbound'];

// Unanswered, answered, ended.
const cells = (unanswered, answered, ended) => [...[unanswered].flat(), ...[answered].flat(), ended];
const three = (cell) => [cell, cell, cell];
const NOT_NOW = three('422');

const row = (what, change, outbound, inbound = outbound) => ({ what, change, outbound, inbound });
const answeredOnly = (what, change, answered) => row(what, change, cells(NOT_NOW, answered, '422'));
const unable = (key, value) => row(key, { [key]: value }, cells(three('501'), three('501'), '422'));

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
  answeredOnly('mute', { mute_status: 'mute' }, three({ switch: '501' })),
  answeredOnly('unmute', { mute_status: 'unmute' }, three({ switch: '501' })),
  answeredOnly('DTMF', { dtmf: { digit: '5' } }, three('204 INFO')),
  answeredOnly('SIP request: MESSAGE', { sip_request: { method: 'MESSAGE', content_type: 'text/plain', content: 'hello' } },
    three('200 MESSAGE')),
  answeredOnly('SIP request: NOTIFY',
    { sip_request: { method: 'NOTIFY', content_type: 'text/plain', content: 'hello', headers: { Event: 'talk' } } },
    three('200 NOTIFY')),
  answeredOnly('SIP request: NOTIFY without Event', { sip_request: { method: 'NOTIFY', content_type: 'text/plain', content: 'hello' } },
    three({ switch: '422' })),
  row('redirect', { call_hook: 'https://example.com/next' },
    cells(NOT_NOW, three({ switch: '204 REFER' }), '422'),
    cells([{ switch: '204 200' }, { switch: '204 200' }, { switch: '422' }], three({ switch: '204 REFER' }), '422')),
  row('tag', { tag: { order: 7 } }, cells(three('204'), three('204'), '204')),
  unable('child_call_hook', 'https://example.com/next'),
  unable('listen_status', 'pause'),
  unable('conf_mute_status', 'mute'),
  unable('record', { action: 'startCallRecording' }),
  unable('transcribe_status', 'pause'),
  unable('whisper', { verb: 'say', text: 'hello' }),
];

// {status, wire} of a cell on a host; undefined: that host is not held to it.
export function expected(line, direction, state, host) {
  const cell = line[direction][STATES.indexOf(state)];
  const text = typeof cell === 'string' ? cell : cell[host];
  if (text === undefined) return undefined;
  const [, status, wire] = /^(\d+) ?(.*)$/.exec(text);
  return { status: Number(status), wire };
}

const shown = (cell) => {
  const text = typeof cell === 'string' ? cell : Object.values(cell).length > 1 ? Object.entries(cell).map(([h, t]) => `${h}: ${t}`).join('; ') : Object.values(cell)[0];
  return text.replace(/^(\d+) (.*)$/, '$1: $2');
};

const request = ({ change }) => (change ? `\`${JSON.stringify(change)}\`` : '`DELETE`');

export function markdown() {
  const lines = [];
  for (const direction of DIRECTIONS) {
    lines.push(`| ${direction} | ${STATES.join(' | ')} |`, `|---${'|---'.repeat(STATES.length)}|`);
    for (const line of table) lines.push(`| ${line.what} | ${line[direction].map(shown).join(' | ')} |`);
    lines.push('');
  }
  lines.push('| | request |', '|---|---|', ...table.map((line) => `| ${line.what} | ${request(line)} |`));
  return lines.join('\n');
}
