// The same calls as in tests/e2e/load.test.mjs, made in FreeSWITCH: none is lost, each ends as it should, and what
// they held is given back. FreeSWITCH takes what the machine lets it, and POSTs wait for it.
//
// As part of all tests it is short. With VOXEME_LOAD (script/test --load) clients ask for 1,000 calls a second for
// ten seconds, twice: FreeSWITCH keeps what a first burst has taken for the next one, so that a second one shows
// whether memory returns to where it was.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { demo } from '../e2e/lib/config.mjs';
import { answers, check, farEnd, FULL, LEFT_KIB, makeCalls, mib, RATE, settles } from '../e2e/lib/load.mjs';
import { callsOf } from '../e2e/lib/watch.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch, PATIENCE_MS } from './lib/freeswitch.mjs';

const ADMIN = 'the-admin-token-of-this-test';
const owner = demo();
const spec = (retention) => ({
  accounts: [owner], adminTokens: [ADMIN],
  settings: { 'freeswitch-profile': 'internal', 'rate-limit-per-minute': 1000000, 'retention-seconds': retention, 'command-timeout-seconds': 60, 'audit-seconds': 5 },
});

async function reload(fs, retention) {
  await fs.configure(spec(retention));
  for (const command of ['reloadxml', 'voxeme reload']) assert.match(await fs.api(command), /\+OK/);
}

async function burst(t, fs, address) {
  const client = fs.client(owner.token, { maxSockets: 64, patience: 600_000 }), admin = fs.client(ADMIN);
  const cpu = fs.cpu(), made = await makeCalls(client, owner, address), { calls } = made;
  const peak = fs.rss();
  await fs.until(async () => /^0 total/m.test(await fs.api('show channels count')), 'all channels to be gone');
  const live = async () => (await client.get(`/v1/Accounts/${owner.sid}/CallCount`)).json.outbound;
  await fs.until(async () => await live() === 0, 'all calls to have ended');
  check(calls, (await client.get(callsOf(owner))).json, 487);
  t.diagnostic(`${answers(made)}; ${((fs.cpu() - cpu) * 1000 / calls.length).toFixed(2)} ms of CPU time a call; ${mib(peak)}`);
  await settles(admin, { voxeme_calls_lost_total: 0 }, 0);
  await reload(fs, 1);
  await fs.until(async () => (await client.get(callsOf(owner))).json.length === 0, 'the calls to leave the list');
  await settles(admin, { voxeme_call_memory_bytes: 0 }, PATIENCE_MS);
  await reload(fs, 600);
}

test(`calls in FreeSWITCH at ${RATE} a second`, { timeout: 900_000 }, async (t) => {
  const fs = await FreeSwitch.start({ spec: spec(600), dialplan: [extension('voxeme', 'answer', 'park')] });
  // mod_sofia aborts when it is stopped while INVITEs have no answer: FreeSWITCH is not asked to end itself.
  t.after(() => fs.kill());
  const address = await farEnd(t);
  const sizes = [fs.rss()];
  for (let i = 0; i < (FULL ? 2 : 1); i++) {
    await burst(t, fs, address);
    sizes.push(fs.rss());
  }
  t.diagnostic(`resident: ${sizes.map(mib).join(', then ')}`);
  // FreeSWITCH gives pools back one a second or so, and its sessions when they are reaped.
  for (const end = Date.now() + PATIENCE_MS; FULL && fs.rss() > sizes[1] + LEFT_KIB && Date.now() < end;) await after(200);
  if (FULL) assert.ok(fs.rss() <= sizes[1] + LEFT_KIB, `memory does not return: ${sizes.map(mib)}, ${mib(fs.rss())}`);
  await fs.unload();
  assert.ok(fs.running, `FreeSWITCH died:\n${fs.output}`);
});
