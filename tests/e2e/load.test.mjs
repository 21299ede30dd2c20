// Calls made as fast as clients ask, to a far end that answers a third of them, rejects a third and ignores a
// third: none is lost, each ends as it should, and what they held is given back.
//
// As part of all tests it is short. With VOXEME_LOAD (script/test --load) 1,000 calls a second are made for ten
// seconds, at least 900 a second are answered, and the memory of the process returns to where it was.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { demo } from './lib/config.mjs';
import { answers, check, cpuSeconds, farEnd, FULL, LEFT_KIB, makeCalls, mib, RATE, residentKiB, settles } from './lib/load.mjs';
import { Switch } from './lib/switch.mjs';
import { PATIENCE_MS } from './lib/wait.mjs';
import { callsOf } from './lib/watch.mjs';

const ANSWERED = 900; // a second, of the 1,000 that are due

test(`calls at ${RATE} a second`, { timeout: 600_000 }, async (t) => {
  const owner = demo(), ADMIN = 'the-admin-token-of-this-test';
  const spec = (retention) => ({
    accounts: [owner], adminTokens: [ADMIN],
    settings: { 'rate-limit-per-minute': 1000000, 'retention-seconds': retention, 'command-timeout-seconds': 60, 'audit-seconds': 5 },
    sip: { 'sip-max-calls': 100000, 'sip-max-commands': 100000 },
  });
  const sw = await Switch.start(t, spec(600));
  const client = sw.client(owner.token, { maxSockets: 64 }), admin = sw.client(ADMIN);
  const address = await farEnd(t);
  const before = await residentKiB(sw.pid);
  const made = await makeCalls(client, owner, address), { calls } = made;
  t.diagnostic(`${answers(made)}; ${mib(await residentKiB(sw.pid))}`);
  if (FULL) assert.ok(made.answered >= ANSWERED, `${made.answered.toFixed(0)} POSTs a second were answered, not ${ANSWERED}`);
  await settles(admin, { voxeme_sip_calls: 0 }, PATIENCE_MS);
  check(calls, (await client.get(callsOf(owner))).json);
  t.diagnostic(`${((await cpuSeconds(sw.pid)) * 1000 / calls.length).toFixed(2)} ms of CPU time a call`);
  if (!FULL) return;
  await sw.reload(spec(1));
  // An INVITE that nobody answers is repeated for 32 s.
  await settles(admin, { voxeme_sip_legs: 0 }, 60_000);
  assert.deepEqual((await client.get(callsOf(owner))).json, []);
  await settles(admin, { voxeme_call_memory_bytes: 0 }, PATIENCE_MS);
  const kept = await residentKiB(sw.pid);
  // An audit gives back what the C library has kept.
  let left = kept;
  for (const end = Date.now() + 120_000; left > before + LEFT_KIB && Date.now() < end; left = await residentKiB(sw.pid)) await after(200);
  t.diagnostic(`resident: ${mib(before)} at the start, ${mib(kept)} when the last leg was gone, ${mib(left)} then`);
  assert.ok(left <= before + LEFT_KIB, `memory does not return: ${mib(before)}, ${mib(left)}`);
});
