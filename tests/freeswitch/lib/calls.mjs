// Calls through FreeSWITCH, and what the API must say of them.

import * as expect from '../../e2e/lib/expect.mjs';
import * as s from '../../e2e/lib/scenario.mjs';
import { header, Sipp } from '../../e2e/lib/sipp.mjs';

// FreeSWITCH reads the clock once in 20 ms.
export const TICK_MS = 25;

export const PARTY = { from: '15083728299', display: '"Zoë \\"Z\\" O\'Neil"', name: 'Zoë "Z" O\'Neil' };

// FreeSWITCH does not manage to call on with a quoted pair in the display name.
export const PLAIN = { from: '15083728299', display: '"Zoë O\'Neil"', name: "Zoë O'Neil" };

export const ATTEMPTED = ['attempted_at'];
export const ANSWERED = ['attempted_at', 'answered_at'];
export const FAILED = ['attempted_at', 'terminated_at'];
export const OVER = ['attempted_at', 'answered_at', 'terminated_at'];

export const state = (call_status, sip_status) => ({ call_status, sip_status });
export const UP = state('in-progress', 200);
export const ended = (call_status, sip_status, termination_reason) => ({ call_status, sip_status, termination_reason });
export const completed = (cause = 'NORMAL_CLEARING') => ended('completed', 200, cause);

// A caller; resolves with it, its first report and a look at what the API must say of it.
export async function call(t, fs, account, to, steps, { party = /^[btfx]\d/.test(to) ? PLAIN : PARTY, remote = fs.sip, ...options } = {}) {
  const after = Date.now() - TICK_MS;
  const who = { ...party, to };
  const sipp = await Sipp.start(t, { scenario: s.caller(who, ...steps), remote, ...options });
  const start = await sipp.at('start');
  return {
    sipp, start, callId: start.callId,
    check: (call, rest, times) => expect.expectCall(call, expect.inbound(fs, account, start, sipp, who, rest), { times, after }),
    over: async () => { sipp.go(start.callId); await sipp.finished(); },
  };
}

export const UPRIGHT = [s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye()];

// A party to be called.
export async function callee(t, fs, account, steps, options = {}) {
  const after = Date.now() - TICK_MS;
  const sipp = await Sipp.start(t, { scenario: s.callee(...steps), ...options });
  return {
    sipp, port: sipp.port,
    invite: () => sipp.at('invite'),
    check: (call, invite, parent, rest, times, party = PLAIN) =>
      expect.expectCall(call, expect.outbound(fs, account, invite, parent, party, rest), { times, after }),
  };
}

// Whether FreeSWITCH has joined a call (to `other`, if given): media goes between its leg and the
// partner's, one of which is in this state. bridge_uuid is no sign of it: a transfer sets it when it
// begins to join them, and a caller that hangs up until it has done so leaves the other leg alone and
// up in FreeSWITCH for good, as does any call that ends with another cause than it would have later.
async function isJoined(fs, call, other) {
  const dump = async (sid) => fs.api(`uuid_dump ${sid}`);
  const own = await dump(call.call_sid);
  const partner = /^variable_last_bridge_to: (\S+)/m.exec(own)?.[1];
  if (!partner || (other && partner !== other.call_sid)) return false;
  const media = /^Channel-State: CS_EXCHANGE_MEDIA$/m;
  return media.test(own) || media.test(await dump(partner));
}

export const joined = (fs, call, other) => fs.until(() => isJoined(fs, call, other), 'the legs to be joined');

// REFER inside the callee's dialog.
export const refer = (target, { cseq = 1 } = {}) => [
  ['<send retrans="500"><![CDATA[', '', 'REFER [next_url] SIP/2.0', 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-refer',
    'From:[$to];tag=[pid]-[call_number]', 'To:[$from]', 'Call-ID: [call_id]', `CSeq: ${cseq} REFER`,
    'Contact: <sip:[local_ip]:[local_port];transport=[transport]>', 'Max-Forwards: 70', `Refer-To: <${target}>`,
    'Referred-By: <sip:b@[local_ip]:[local_port]>', 'Content-Length: 0', '', ']]></send>'].join('\n'),
  s.recv(202),
];

// Until BYE. The NOTIFYs that come before it SIPp answers by itself, with -aa: a loop of its own would be
// between two of its steps when BYE comes.
export const NOTIFIED = { args: ['-aa'] };
export const notified = () => [s.recv('BYE'), s.report('bye'), s.okay()];

// The answer to a re-INVITE that is not to be.
export const refuseReinvite = (line) => [
  s.recv('INVITE'),
  s.report('reinvite'),
  `<send><![CDATA[\n\nSIP/2.0 ${line}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>`,
  s.recv('ACK'),
];

export { header };
