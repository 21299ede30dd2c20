// How numbers and times are written.

const two = (n) => String(n).padStart(2, '0');
const numbers = new Intl.NumberFormat('en');

export const number = (n) => numbers.format(n);

// 0:07, 12:45, 1:02:03
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

// 19:00:04, in the reader's time zone
export function clockTime(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

// 2026-11-23 19:00:04.266, in the reader's time zone
export function dateTime(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clockTime(ms)}.${String(d.getMilliseconds()).padStart(3, '0')}`;
}

// +0.8 s, +12.4 s, +3:20
export const offset = (ms) => (ms < 60_000 ? `+${(Math.max(0, ms) / 1000).toFixed(1)} s` : `+${span(ms)}`);

export const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)}\u2009%` : '–');

// The next of 1, 2, 5, 10, 20, 50, ... that is not below n; 5 at least.
export function roundUp(n) {
  for (let unit = 1; ; unit *= 10) for (const step of [1, 2, 5]) if (step * unit >= Math.max(5, n)) return step * unit;
}

export const shortSid = (sid) => sid.slice(0, 8);

const SIP_REASONS = {
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 408: 'Request Timeout', 410: 'Gone',
  480: 'Temporarily Unavailable', 484: 'Address Incomplete', 486: 'Busy Here', 487: 'Request Terminated',
  488: 'Not Acceptable Here', 500: 'Server Internal Error', 502: 'Bad Gateway', 503: 'Service Unavailable',
  504: 'Server Time-out', 600: 'Busy Everywhere', 603: 'Decline', 604: 'Does Not Exist Anywhere',
};

export const sipReason = (status) => SIP_REASONS[status] ?? '';
