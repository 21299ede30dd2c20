// Short calls, for tests that are about something else.

import { route } from './config.mjs';
import * as s from './scenario.mjs';
import { Sipp } from './sipp.mjs';

export const BUSY = route('^486$', 'reject', { status: 486 });
export const ANSWER = route('^1\\d*$', 'answer');
export const RING = route('^180$', 'ring');

// A call that is refused at once; resolves with its Call-ID when SIPp has seen it end.
export async function busyCall(t, sw, { from = '15083728299', to = '486', host, toHost, headers, transport } = {}) {
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from, to, toHost, headers }, s.invite(), s.trying(), s.refused(486)), remote: sw.sip, host, transport,
  });
  const { callId } = await sipp.at('start');
  await sipp.finished();
  return callId;
}

// An answered call that stays up until hangUp(); {callId, hangUp(), sipp}.
export async function liveCall(t, sw, { from = '15083728299', to = '1000', host, headers, transport } = {}) {
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from, to, headers }, s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye()), remote: sw.sip, host, transport,
  });
  const { callId } = await sipp.at('start');
  await sipp.at('up');
  return { callId, sipp, hangUp: async () => { sipp.go(callId); await sipp.finished(); } };
}

// An answered call that waits for the switch to hang up; await ended() for that.
export async function abidingCall(t, sw, { from = '15083728299', to = '1000', transport } = {}) {
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from, to }, s.invite(), s.trying(), s.answered(), s.report('up'), s.hungUp()), remote: sw.sip, transport,
  });
  const { callId } = await sipp.at('start');
  await sipp.at('up');
  return { callId, sipp, ended: () => sipp.finished() };
}
