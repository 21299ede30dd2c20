// The body that asks for a new call, made of what stands in the form and checked as the server checks it.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const CONTROL = /[\u0000-\u001f\u007f]/;
const HOST = '(?:\\[[0-9a-f:.]+\\]|(?:[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?)(?:\\.[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?)*)';
const SIP_URI = new RegExp(`^sips?:(?:(?:[0-9a-z_.!~*+=$#&-]|%[0-9a-f]{2}){1,256}@)?${HOST}(?::(\\d{1,5}))?((?:;[0-9a-z_.-]+(?:=(?:[0-9a-z_.!~*+:-]|%[0-9a-f]{2})+)?)*)$`, 'i');
const USER = new RegExp(`^[0-9a-z_.!*+#-]{1,256}@${HOST}$`, 'i');
const REFUSED = /^(?:maddr|ttl|method|received|rport|fs_.*)$/;
const HOOK = /^(?:https?|wss?):\/\/[^\u0000-\u0020\u007f]+$/i;

export const SPEECH = [
  'speech_synthesis_vendor', 'speech_synthesis_language', 'speech_synthesis_voice', 'speech_recognizer_vendor', 'speech_recognizer_language',
];

const bytes = (text) => new TextEncoder().encode(text).length;

const areParameters = (text) => {
  const given = text.toLowerCase().split(';').slice(1).map((parameter) => parameter.split('='));
  return new Set(given.map(([name]) => name)).size === given.length
    && given.every(([name, value]) => !REFUSED.test(name) && (name !== 'transport' || ['udp', 'tcp', 'tls'].includes(value)));
};

const isSipUri = (text) => {
  const found = bytes(text) <= 512 && SIP_URI.exec(text);
  return Boolean(found) && (found[1] === undefined || (Number(found[1]) > 0 && Number(found[1]) < 65536)) && areParameters(found[2]);
};

function text(name, value, most) {
  if (!value) return `${name} is missing.`;
  if (bytes(value) > most) return `${name} is longer than ${most} bytes.`;
  return CONTROL.test(value) ? `${name} has a control character.` : '';
}

// {to} or {why}: a SIP URI, a user (name@domain), or a number with whatever people write between its digits.
function target(value) {
  if (/^sips?:/i.test(value)) return isSipUri(value) ? { to: { type: 'sip', sipUri: value } } : { why: 'This is not a SIP URI that can be called, such as sip:1000@192.0.2.1.' };
  if (value.includes('@')) return USER.test(value) && bytes(value) <= 320 ? { to: { type: 'user', name: value } } : { why: 'This is not a user that can be called, such as joe@demo.example.' };
  const number = value.replace(/[\s().-]/g, '');
  if (!number) return { why: 'To is missing: a SIP URI, a user or a phone number.' };
  return /^\+?\d{1,31}$/.test(number) ? { to: { type: 'phone', number } } : { why: 'To must be a SIP URI (sip:…), a user (name@domain) or a phone number.' };
}

// fields: the texts of the form, by the names of the API, and `control`: "application" or "hook". {body}, or {field, why}:
// the first that is not good.
export function creation(fields) {
  const given = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]));
  const { to, why } = target(given.to);
  const seconds = Number(given.timeout || NaN);
  const complaints = [
    ['from', text('From', given.from, 256)],
    ['to', why],
    ['callerName', given.callerName && text('Caller name', given.callerName, 256)],
    ...(given.control === 'application'
      ? [['application_sid', UUID.test(given.application_sid) ? '' : 'An application SID is a UUID, such as 9984fdc5-89ec-4ffe-9cee-880255a46253.']]
      : [
        ['call_hook', HOOK.test(given.call_hook) && bytes(given.call_hook) <= 2048 ? '' : 'The call hook must be an absolute URL.'],
        ...SPEECH.map((name) => [name, text('Without an application this', given[name], 128)]),
      ]),
    ['timeout', Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600 ? '' : 'The time to ring must be 1 to 3600 whole seconds.'],
  ];
  const bad = complaints.find(([, complaint]) => complaint);
  if (bad) return { field: bad[0], why: bad[1] };
  return {
    body: {
      from: given.from, to, ...(given.callerName ? { callerName: given.callerName } : {}),
      ...(given.control === 'application' ? { application_sid: given.application_sid.toLowerCase() }
        : { call_hook: given.call_hook, ...Object.fromEntries(SPEECH.map((name) => [name, given[name]])) }),
      timeout: seconds,
    },
  };
}
