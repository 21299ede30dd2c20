// SIPp scenarios, put together from steps.
//
// Every scenario talks to its test over SIPp's "twin" socket (-3pcc): report('x') tells the test
// that the call has come this far, with the message SIPp received last; gate('x') does the same and
// then waits until the test says go. So no scenario sleeps, and a test decides how long a call
// stays in a state.

const xml = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

const send = (lines, { retrans = true } = {}) =>
  `<send${retrans ? ' retrans="500"' : ''}><![CDATA[\n\n${lines.join('\n')}\n\n]]></send>`;

const say = (label, waits) =>
  `<sendCmd><![CDATA[\nCall-ID: [call_id]\nAt: ${label}\nWaits: ${waits}\n\n[last_message]\n]]></sendCmd>`;

export const report = (label) => say(label, 'no');

// The first message of a scenario has no last message to show.
const announce = (label) => `<sendCmd><![CDATA[\nCall-ID: [call_id]\nAt: ${label}\n\n]]></sendCmd>`;

export const gate = (label) => `${say(label, 'yes')}\n<recvCmd/>`;

// As gate(), and what the test gives to go() is in variable `name` from then on: [$name].
export const gateFor = (label, name) =>
  `${say(label, 'yes')}\n<recvCmd><action><ereg regexp=".*" search_in="hdr" header="Go:" assign_to="${name}"/></action></recvCmd>`;

export const sdp = (version = 1, attribute = 'sendrecv') => [
  'v=0',
  `o=sipp 53655765 ${version} IN IP4 [local_ip]`,
  's=-',
  'c=IN IP4 [local_ip]',
  't=0 0',
  'm=audio 40000 RTP/AVP 8',
  'a=rtpmap:8 PCMA/8000',
  `a=${attribute}`,
];

const withBody = (headers, body) =>
  body ? [...headers, 'Content-Type: application/sdp', 'Content-Length: [len]', '', ...body]
       : [...headers, 'Content-Length: 0'];

export function recv(what, { optional = false, rrs = false, actions = '', timeout } = {}) {
  const attribute = typeof what === 'number' ? `response="${what}"` : `request="${what}"`;
  const extra = `${optional ? ' optional="true"' : ''}${rrs ? ' rrs="true"' : ''}` +
    `${timeout ? ` timeout="${timeout}"` : ''}`;
  return actions
    ? `<recv ${attribute}${extra}><action>${actions}</action></recv>`
    : `<recv ${attribute}${extra}/>`;
}

const ereg = (header, variable) =>
  `<ereg regexp=".*" search_in="hdr" header="${header}:" check_it="true" assign_to="${variable}"/>`;

// --- the calling side ---------------------------------------------------------------------------

// party: {from, to, display, host, toHost, headers: [...]}; display is put as it is in front of
// the address, so it must come quoted when it needs quotes.
export function caller(party, ...steps) {
  const { from, to, display = '', host = '[local_ip]:[local_port]', toHost = '[remote_ip]:[remote_port]' } = party;
  const context = {
    uri: `sip:${to}@${toHost}`,
    from: `From: ${display ? `${display} ` : ''}<sip:${from}@${host}>;tag=[pid]-[call_number]`,
    to: `To: <sip:${to}@${toHost}>`,
    contact: `Contact: <sip:${from}@[local_ip]:[local_port];transport=[transport]>`,
    headers: party.headers ?? [],
  };
  return scenario([announce('start'), ...steps.flatMap((step) => (typeof step === 'function' ? step(context) : step))]);
}

const via = (branch) => `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${branch}`;

export const invite = ({ body = sdp(), headers = [] } = {}) => (c) =>
  send(withBody([
    `INVITE ${c.uri} SIP/2.0`, via('invite'), c.from, c.to, 'Call-ID: [call_id]', 'CSeq: 1 INVITE',
    c.contact, 'Max-Forwards: 70', 'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE', ...c.headers, ...headers,
  ], body));

export const trying = () => recv(100, { optional: true });

// Waits for the 200 of the INVITE and acknowledges it.
export const answered = () => (c) => [recv(200, { rrs: true }), ack(c, 'ack', 1)];

// The ACK alone, for a scenario that looks at the 200 first.
export const acknowledge = () => (c) => [ack(c, 'ack', 1)];

const ack = (c, branch, cseq) =>
  send([`ACK [next_url] SIP/2.0`, via(branch), c.from, `${c.to}[peer_tag_param]`, 'Call-ID: [call_id]',
    `CSeq: ${cseq} ACK`, c.contact, 'Max-Forwards: 70', 'Content-Length: 0'], { retrans: false });

// Waits for a final failure of the INVITE and acknowledges it.
export const refused = (status) => (c) => [
  recv(status),
  send([`ACK ${c.uri} SIP/2.0`, via('invite'), c.from, `${c.to}[peer_tag_param]`, 'Call-ID: [call_id]',
    'CSeq: 1 ACK', 'Max-Forwards: 70', 'Content-Length: 0'], { retrans: false }),
];

// Waits for one of several final failures and acknowledges it.
export const refusedByAny = (...statuses) => (c) => [
  ...statuses.slice(0, -1).map((status) => `<recv response="${status}" optional="true" next="refused"/>`),
  recv(statuses.at(-1)),
  '<label id="refused"/>',
  ...refused(0)(c).slice(1),
];

export const cancel = () => (c) => [
  send([`CANCEL ${c.uri} SIP/2.0`, via('invite'), c.from, c.to, 'Call-ID: [call_id]', 'CSeq: 1 CANCEL',
    'Max-Forwards: 70', 'Content-Length: 0']),
  recv(200),
];

export const bye = ({ cseq = 2 } = {}) => (c) => [
  send([`BYE [next_url] SIP/2.0`, via('bye'), c.from, `${c.to}[peer_tag_param]`, 'Call-ID: [call_id]',
    `CSeq: ${cseq} BYE`, 'Max-Forwards: 70', 'Content-Length: 0']),
  recv(200),
];

export const reinvite = ({ cseq = 2, body = sdp(2, 'sendonly') } = {}) => (c) => [
  send(withBody([`INVITE [next_url] SIP/2.0`, via(`reinvite${cseq}`), c.from, `${c.to}[peer_tag_param]`,
    'Call-ID: [call_id]', `CSeq: ${cseq} INVITE`, c.contact, 'Max-Forwards: 70'], body)),
  recv(100, { optional: true }),
  recv(200, { rrs: true }),
  report('reinvited'),
  ack(c, `reack${cseq}`, cseq),
];

export const update = ({ cseq = 2, body = sdp(3, 'sendonly') } = {}) => (c) => [
  send(withBody([`UPDATE [next_url] SIP/2.0`, via(`update${cseq}`), c.from, `${c.to}[peer_tag_param]`,
    'Call-ID: [call_id]', `CSeq: ${cseq} UPDATE`, c.contact, 'Max-Forwards: 70'], body)),
  recv(200),
  report('updated'),
];

// A whole call of a crowd: answered, up for a time, hung up. Every response must be that of its own
// request: where datagrams get lost, SIPp would take a repeated 200 of the INVITE for that of a lost BYE
// and leave the other side with a call that nobody ends.
export const talk = (ms) => (c) => [
  invite()(c).replace('<send', '<send start_txn="invite"'),
  '<recv response="100" optional="true" response_txn="invite"/>',
  '<recv response="200" rrs="true" response_txn="invite"/>',
  ack(c, 'ack', 1).replace('<send', '<send ack_txn="invite"'),
  `<pause milliseconds="${ms}"/>`,
  bye()(c)[0].replace('<send', '<send start_txn="bye"'),
  '<recv response="200" response_txn="bye"/>',
];

// Any request outside a dialog, and the status it gets.
export const request = (method, status, { headers = [] } = {}) => (c) => [
  send([`${method} ${c.uri} SIP/2.0`, via(method), c.from, c.to, 'Call-ID: [call_id]', `CSeq: 1 ${method}`,
    c.contact, 'Max-Forwards: 70', ...headers, 'Content-Length: 0']),
  recv(status),
];

// --- the called side ----------------------------------------------------------------------------

export const callee = (...steps) =>
  scenario([
    recv('INVITE', {
      rrs: true,
      actions: ereg('Via', 'via') + ereg('From', 'from') + ereg('To', 'to') + ereg('CSeq', 'cseq'),
    }),
    report('invite'),
    ...steps.flatMap((step) => (typeof step === 'function' ? step() : step)),
  ], ['via', 'from', 'to', 'cseq']);

const respondInvite = (line, body, contact = true) =>
  withBody([
    `SIP/2.0 ${line}`, 'Via:[$via]', 'From:[$from]', `To:[$to]${line.startsWith('100') ? '' : ';tag=[pid]-[call_number]'}`,
    'Call-ID: [call_id]', 'CSeq:[$cseq]',
    ...(contact ? ['Contact: <sip:[local_ip]:[local_port];transport=[transport]>'] : []),
    'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE',
  ], body);

export const provisional = (line, body) => send(respondInvite(line, body), { retrans: false });

export const accept = ({ body = sdp(7), afterAck = [] } = {}) => [
  send(respondInvite('200 OK', body)),
  recv('ACK'),
  ...afterAck,
];

export const decline = (line) => [send(respondInvite(line)), recv('ACK')];

// The answer to a request that is not the INVITE (BYE, CANCEL, ...), which came last.
export const okay = (body) => reply('200 OK', body);

export const reply = (line, body) =>
  send(withBody([`SIP/2.0 ${line}`, '[last_Via:]', '[last_From:]', '[last_To:]', '[last_Call-ID:]', '[last_CSeq:]',
    'Contact: <sip:[local_ip]:[local_port];transport=[transport]>'], body), { retrans: false });

// Asks the request that came last for credentials; it comes again, as `label`, and SIPp says in [$valid] what it thinks of
// its Authorization. Its like is answered from then on.
export const challenge = (method, status, label, parameters, { username, password } = {}) => [
  send(withBody([`SIP/2.0 ${status} Prove it`, '[last_Via:]', '[last_From:]', `[last_To:]${method === 'INVITE' ? ';tag=[pid]-[call_number]' : ''}`,
    '[last_Call-ID:]', '[last_CSeq:]', `${status === 401 ? 'WWW' : 'Proxy'}-Authenticate: Digest ${parameters}`]), { retrans: false }),
  ...(method === 'INVITE' ? [recv('ACK')] : []),
  recv(method, {
    rrs: method === 'INVITE',
    actions: (method === 'INVITE' ? ereg('Via', 'via') + ereg('CSeq', 'cseq') : '')
      + (username ? `<verifyauth assign_to="valid" username="${xml(username)}" password="${xml(password)}"/>` : ''),
  }),
  `<sendCmd><![CDATA[\nCall-ID: [call_id]\nAt: ${label}${username ? '\nValid: [$valid]' : ''}\n\n[last_message]\n]]></sendCmd>`,
];

export const hungUp = () => [recv('BYE'), report('bye'), okay()];

export const cancelled = () => [recv('CANCEL'), report('cancel'), okay(), send(respondInvite('487 Request Terminated')), recv('ACK')];

// The called side hangs up: its From is the To of the dialog.
export const calleeBye = () => [
  send(['BYE [next_url] SIP/2.0', via('bye'), `From:[$to];tag=[pid]-[call_number]`, 'To:[$from]', 'Call-ID: [call_id]',
    'CSeq: 1 BYE', 'Max-Forwards: 70', 'Content-Length: 0']),
  recv(200),
];

// The called side tells how a REFER went (RFC 3515).
export const notified = (statusLine) => [
  send(['NOTIFY [next_url] SIP/2.0', via('notify'), `From:[$to];tag=[pid]-[call_number]`, 'To:[$from]', 'Call-ID: [call_id]',
    'CSeq: 1 NOTIFY', 'Contact: <sip:[local_ip]:[local_port];transport=[transport]>', 'Max-Forwards: 70', 'Event: refer',
    'Subscription-State: terminated;reason=noresource', 'Content-Type: message/sipfrag', 'Content-Length: [len]', '', statusLine]),
  recv(200),
];

export const reinvited = (body = sdp(8, 'recvonly')) => [
  recv('INVITE'),
  report('reinvite'),
  send(withBody(['SIP/2.0 200 OK', '[last_Via:]', '[last_From:]', '[last_To:]', '[last_Call-ID:]', '[last_CSeq:]',
    'Contact: <sip:[local_ip]:[local_port];transport=[transport]>'], body)),
  recv('ACK'),
];

export const updated = (body = sdp(9, 'recvonly')) => [recv('UPDATE'), report('update'), okay(body)];

function scenario(steps, variables = []) {
  const reference = variables.length ? `\n<Reference variables="${variables.join(',')}"/>` : '';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="${xml('test')}">\n${steps.flat(Infinity).join('\n')}${reference}\n</scenario>\n`;
}
