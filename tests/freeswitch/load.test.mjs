// The same calls as in tests/e2e/load.test.mjs, made in FreeSWITCH: none is lost, each ends as it should, and what
// they held is given back. FreeSWITCH takes what the machine lets it, and POSTs wait for it; how much that is, it
// shows first by originates of its own, without the module.
//
// As part of all tests it is short. With VOXEME_LOAD (script/test --load) clients ask for 1,000 calls a second for
// ten seconds, and what is allocated returns to where it was. Resident memory does not, nor after FreeSWITCH's own
// calls: the C library keeps what has been freed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { demo } from '../e2e/lib/config.mjs';
import { answers, check, farEnd, FULL, makeCalls, mib, RATE, SECONDS, settles } from '../e2e/lib/load.mjs';
import { callsOf } from '../e2e/lib/watch.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch, PATIENCE_MS } from './lib/freeswitch.mjs';
import { CROWD, originate, watchPeak } from './lib/originate.mjs';

const ADMIN = 'the-admin-token-of-this-test';
const TOTAL = RATE * SECONDS;
// What may be added by 10,000 calls: 210 bytes each.
const LEFT_KIB = 2 * 1024;
// mod_sofia keeps a transaction for 32 s, and then one that it has cancelled for as long again.
const TRANSACTION_MS = 32_000;

const owner = demo();
const spec = (retention) => ({
  accounts: [owner], adminTokens: [ADMIN],
  settings: { 'freeswitch-profile': 'internal', 'rate-limit-per-minute': 1000000, 'retention-seconds': retention, 'command-timeout-seconds': 60, 'audit-seconds': 5 },
});

async function reload(fs, retention) {
  await fs.configure(spec(retention));
  for (const command of ['reloadxml', 'voxeme reload']) assert.match(await fs.api(command), /\+OK/);
}

// Runs `make` until its last session is gone.
async function measure(fs, make) {
  const cpu = fs.cpu(), looked = watchPeak(fs), made = await make();
  await fs.until(async () => (await fs.sessions()).now === 0, 'all sessions to be gone');
  const { sessions, kib } = await looked();
  const ms = ((fs.cpu() - cpu) * 1000) / TOTAL;
  return { made, ms, text: `${ms.toFixed(2)} ms of CPU time a call, up to ${sessions} sessions, ${mib(kib)} resident` };
}

// What is allocated when mod_sofia has let go of the last transaction, which nothing tells of.
async function settled(fs) {
  await after(2.25 * TRANSACTION_MS);
  return fs.heap();
}

async function burst(t, fs, own) {
  const client = fs.client(owner.token, { maxSockets: 64, patience: 600_000 }), admin = fs.client(ADMIN);
  const { made, ms, text } = await measure(fs, () => makeCalls(client, owner, own.address));
  const live = async () => (await client.get(`/v1/Accounts/${owner.sid}/CallCount`)).json.outbound;
  await fs.until(async () => await live() === 0, 'all calls to have ended');
  check(made.calls, (await client.get(callsOf(owner))).json, 487);
  t.diagnostic(`${answers(made)}; ${text}`);
  t.diagnostic(`${((made.answered * 100) / own.rate).toFixed(0)} % of the calls that FreeSWITCH makes by itself, ${(ms / own.ms).toFixed(2)} times the CPU time a call`);
  await settles(admin, { voxeme_calls_lost_total: 0 }, 0);
  await reload(fs, 1);
  await fs.until(async () => (await client.get(callsOf(owner))).json.length === 0, 'the calls to leave the list');
  await settles(admin, { voxeme_call_memory_bytes: 0 }, PATIENCE_MS);
}

async function ownBurst(t, fs, address) {
  const { made: rate, ms, text } = await measure(fs, () => originate(fs, address, TOTAL, CROWD));
  t.diagnostic(`${TOTAL} calls of FreeSWITCH by itself, ${CROWD} at a time: ${rate.toFixed(0)} a second; ${text}`);
  return { address, rate, ms };
}

test(`calls in FreeSWITCH at ${RATE} a second`, { timeout: 900_000 }, async (t) => {
  const fs = await FreeSwitch.start({ spec: spec(600), load: false, dialplan: [extension('voxeme', 'answer', 'park')] });
  // mod_sofia aborts when it is stopped while INVITEs have no answer: FreeSWITCH is not asked to end itself.
  t.after(() => fs.kill());
  assert.match(await fs.api('load mod_heap'), /\+OK/);
  const untouched = await fs.heap();
  assert.ok(untouched > 0 || !FULL, 'the C library tells what is allocated');
  const own = await ownBurst(t, fs, await farEnd(t));
  const alone = FULL ? await settled(fs) : 0;
  await fs.load();
  const before = await fs.heap();
  await burst(t, fs, own);
  if (FULL) {
    let left = await fs.heap();
    for (const end = Date.now() + 4 * TRANSACTION_MS; left > before + LEFT_KIB && Date.now() < end; left = await fs.heap()) await after(200);
    t.diagnostic(`allocated: ${mib(untouched)} at the start, ${mib(alone)} after FreeSWITCH's own calls, ${mib(before)} with the module, ${mib(left)} after its calls; ${mib(fs.rss())} resident`);
    assert.ok(left <= before + LEFT_KIB, `memory does not return: ${mib(before)}, ${mib(left)}`);
  }
  await fs.unload();
  assert.ok(fs.running, `FreeSWITCH died:\n${fs.output}`);
});
