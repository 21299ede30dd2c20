// Calls made as fast as clients ask, to a far end that answers a third of them, rejects a third and ignores a
// third, and what is looked at then; for either host.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { metric } from './metrics.mjs';
import { freePort } from './ports.mjs';
import { deadline, SLOW } from './wait.mjs';
import { callsOf } from './watch.mjs';

export const FULL = Boolean(process.env.VOXEME_LOAD);
export const SECONDS = FULL ? 10 : 1;
export const RATE = FULL ? 1000 : Math.round(1000 / SLOW ** 2);
export const TICK_MS = 10;
export const LEFT_KIB = 16 * 1024; // pools of the libraries, threads, connections of clients

// Whom a call is for says what becomes of it.
export const KINDS = [
  { user: 'answers', fields: { timeLimit: 1 }, ends: ['completed', 200] },
  { user: 'rejects', fields: {}, ends: ['busy', 486] },
  { user: 'ignores', fields: { timeout: 1 }, ends: ['no-answer'] },
];

const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};

const response = (line, body = '') => `<![CDATA[

SIP/2.0 ${line}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
${body ? `Content-Type: application/sdp\nContent-Length: [len]\n\n${body}` : 'Content-Length: 0\n'}
]]>`;
const SDP = 'v=0\no=sipp 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 40000 RTP/AVP 8\n';
const FAR_END = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="far end">
<recv request="INVITE"><action>
<ereg regexp="INVITE sip:rejects" search_in="msg" assign_to="rejects"/>
<ereg regexp="INVITE sip:ignores" search_in="msg" assign_to="ignores"/>
</action></recv>
<nop next="rejects" test="rejects"/>
<nop next="end" test="ignores"/>
<send retrans="500">${response('200 OK', SDP)}</send>
<recv request="ACK"/>
<recv request="BYE"/>
<send next="end">${response('200 OK').replace(';tag=[call_number]', '')}</send>
<label id="rejects"/>
<send retrans="500">${response('486 Busy Here')}</send>
<recv request="ACK"/>
<label id="end"/>
</scenario>
`;

// A program that has no way to say that it listens. Nobody else is to take the port to find out.
async function listens(port) {
  const bound = ` 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  while (!(await readFile('/proc/net/udp', 'utf8')).includes(bound)) await after(5);
}

export async function farEnd(t) {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-load-'));
  const port = await freePort();
  await writeFile(join(dir, 'scenario.xml'), FAR_END);
  const child = spawn('sipp', ['-sf', 'scenario.xml', '-i', '127.0.0.1', '-p', String(port), '-nostdin', '-skip_rlimit', '-buff_size', '4000000',
    '-recv_timeout', '90000'], { cwd: dir, stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  });
  await deadline(listens(port), 'the far end to listen');
  return `127.0.0.1:${port}`;
}

export const residentKiB = async (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);
export const mib = (kib) => `${(kib / 1024).toFixed(1)} MiB`;
// User and system time, in ticks of 10 ms (proc(5)).
export const cpuSeconds = async (pid) => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

// RATE POSTs a second for SECONDS, whatever the answers take: each has a moment at which it is due, and `ms` of
// a call is from that to its answer, the wait for a socket of the client included. `offered` is how many a second were
// given to the client, `answered` how many were answered, from the first one sent to the last answer.
export async function makeCalls(client, owner, address) {
  const pending = [], total = RATE * SECONDS, began = performance.now();
  const dueAt = (n) => began + (n * 1000) / RATE;
  for (let made = 0; made < total;) {
    for (const now = performance.now(); made < total && dueAt(made) <= now; made++) pending.push(makeCall(client, owner, address, KINDS[made % KINDS.length], dueAt(made)));
    await after(TICK_MS);
  }
  const offered = (total * 1000) / (performance.now() - began);
  const calls = await Promise.all(pending);
  const answered = (total * 1000) / (Math.max(...calls.map((call) => call.at)) - began);
  return { calls, offered, answered };
}

async function makeCall(client, owner, address, kind, due) {
  const answer = await client.request('POST', callsOf(owner), {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ from: '15083728299', to: { type: 'sip', sipUri: `sip:${kind.user}@${address}` }, call_hook: 'https://example.com/', ...speech, ...kind.fields }),
  });
  assert.equal(answer.status, 201, answer.text);
  const at = performance.now();
  return { sid: answer.json.sid, kind, at, ms: at - due };
}

// How they were answered, in words.
export function answers({ calls, offered, answered }) {
  const ms = calls.map((call) => call.ms).sort((a, b) => a - b);
  return `${calls.length} calls, ${offered.toFixed(0)} a second offered, ${answered.toFixed(0)} a second answered; from when it was due to its answer ` +
    `a POST took ${quantile(ms, 0.5).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms, at most ${ms.at(-1).toFixed(1)} ms`;
}

// Looks at the metrics until they are as wanted; what they say of never changes back.
export async function settles(admin, wanted, ms) {
  const end = Date.now() + ms;
  for (;;) {
    const { text } = await admin.get('/metrics');
    const now = Object.fromEntries(Object.keys(wanted).map((name) => [name, metric(text, name)]));
    if (Object.entries(wanted).every(([name, value]) => now[name] === value)) return;
    assert.ok(Date.now() < end, `${JSON.stringify(now)} instead of ${JSON.stringify(wanted)}`);
    await after(200);
  }
}

// `cancelled`: what a host shows of a call that it has given up.
export function check(made, listed, cancelled = 480) {
  const bySid = new Map(listed.map((call) => [call.call_sid, call]));
  assert.equal(new Set(made.map((call) => call.sid)).size, made.length, 'sids of their own');
  const wrong = made.filter(({ sid, kind }) => {
    const call = bySid.get(sid);
    const sip_status = kind.ends[1] ?? cancelled;
    return !call || call.call_status !== kind.ends[0] || call.sip_status !== sip_status;
  });
  assert.deepEqual(wrong.slice(0, 3).map(({ sid, kind }) => [kind.user, bySid.get(sid) ?? 'lost']), [], `${wrong.length} of ${made.length} ended otherwise`);
}
