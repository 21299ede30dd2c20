// What the module costs FreeSWITCH: CPU time per call with and without it, in one run of one FreeSWITCH,
// at two thirds of the rate the machine sustains; and the time one event takes on FreeSWITCH's own
// thread.
//
// The difference looked for is smaller than what a machine drifts by in a minute. So runs are short and
// in the order without, with, with, without: a steady drift weighs the same on both sides of such a
// block. Each block gives one ratio; the median of the ratios is held against the bar, and its interval
// (bootstrap, 95 %) says how far it is to be trusted.
//
// Calls that clients ask the API for, more of them than FreeSWITCH can make, stand beside its own originates to the
// same far end.

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { account } from '../../e2e/lib/config.mjs';
import { farEnd, makeCalls, RATE, SECONDS as LOAD_SECONDS } from '../../e2e/lib/load.mjs';
import * as s from '../../e2e/lib/scenario.mjs';
import { Sipp } from '../../e2e/lib/sipp.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

const later = [];
const t = { after: (step) => later.push(step) };

const SECONDS = 4;
// As many calls at once as let the machine be what bounds their rate: at 300 ms a call 60 of them were it.
const CROWD = 200;

const talk = s.caller({ from: '15083728299', to: '1000' }, s.talk(300));
const sum = (values) => values.reduce((x, y) => x + y, 0);

// Between which the median of as many values drawn from these lies 95 times in 100.
function interval(values) {
  const medians = Array.from({ length: 2000 }, () => median(values.map(() => values[Math.floor(Math.random() * values.length)])));
  medians.sort((x, y) => x - y);
  return [medians[50], medians[1949]].map((n) => n.toFixed(3)).join(' to ');
}

async function run(fs, calls, rate, limit = calls) {
  const cpu = fs.cpu(), began = Date.now();
  const sipp = await Sipp.start(t, { scenario: talk, remote: fs.sip, calls, rate, limit, args: ['-max_retrans', '12'] });
  await sipp.finished();
  const seconds = (Date.now() - began) / 1000;
  // What is left to do for these calls counts for them.
  await fs.until(async () => /^0 total/m.test(await fs.api('show channels count')), 'the channels to be gone');
  return { rate: calls / seconds, ms: ((fs.cpu() - cpu) * 1000) / calls };
}

async function block(fs, calls, rate) {
  const without = [], loaded = [];
  let events;
  for (const load of [false, true, true, false]) {
    if (load) await fs.load();
    (load ? loaded : without).push((await run(fs, calls, rate)).ms);
    if (load) events = Number(/(\d+) events,/.exec(await fs.api('voxeme status'))[1]) / calls;
    if (load) await fs.unload();
  }
  return { without: sum(without) / 2, loaded: sum(loaded) / 2, events };
}

async function cpuPerCall(count) {
  // Only where FreeSWITCH is: it reads the environment when it is loaded.
  const { FreeSwitch } = await import('../../freeswitch/lib/freeswitch.mjs');
  const fs = await FreeSwitch.start({ spec: { accounts: [account('demo', { sources: ['127.0.0.0/8'] })] }, load: false });
  try {
    await run(fs, 400, 2000, CROWD); // warms up
    const limit = (await run(fs, 1500, 2000, CROWD)).rate;
    const rate = Math.round((limit * 2) / 3);
    const blocks = [];
    for (let n = 0; n < count; n++) blocks.push(await block(fs, rate * SECONDS, rate));
    return { limit, rate, blocks };
  } finally {
    await Promise.all(later.splice(0).map((step) => step()));
    await fs.stop();
  }
}

// One burst of calls, made by `make` (with how many a second), and what is left to do for them.
async function burst(fs, make) {
  const cpu = fs.cpu(), rate = await make();
  await fs.until(async () => (await fs.sessions()).now === 0, 'the sessions to be gone');
  return { rate, ms: ((fs.cpu() - cpu) * 1000) / (RATE * LOAD_SECONDS) };
}

async function callsMade(count) {
  const { FreeSwitch } = await import('../../freeswitch/lib/freeswitch.mjs');
  const { extension } = await import('../../freeswitch/lib/dialplan.mjs');
  const { CROWD: crowd, originate } = await import('../../freeswitch/lib/originate.mjs');
  const owner = account('demo');
  const settings = { 'freeswitch-profile': 'internal', 'rate-limit-per-minute': 1000000, 'command-timeout-seconds': 60 };
  const fs = await FreeSwitch.start({ spec: { accounts: [owner], settings }, load: false, dialplan: [extension('voxeme', 'answer', 'park')] });
  try {
    const address = await farEnd(t);
    const own = () => burst(fs, () => originate(fs, address, RATE * LOAD_SECONDS, crowd));
    const byApi = async () => {
      await fs.load();
      const client = fs.client(owner.token, { maxSockets: 64 });
      const made = await burst(fs, async () => (await makeCalls(client, owner, address)).answered);
      client.close();
      await fs.unload();
      return made;
    };
    await own(); // warms up
    return await alternate(count, byApi, own);
  } finally {
    await Promise.all(later.splice(0).map((step) => step()));
    await fs.kill(); // mod_sofia aborts when it is stopped while INVITEs have no answer
  }
}

function addCallsMade(table, { ours, theirs }) {
  const of = (runs, key) => runs.map((run) => run[key]);
  const ratios = (key) => ours.map((run, i) => run[key] / theirs[i][key]);
  table.add({
    what: 'calls made by POST, as fast as they are taken', unit: 'rate', ours: median(of(ours, 'rate')),
    reference: { what: 'originate', value: median(of(theirs, 'rate')) }, ratio: median(ratios('rate')), spread: spread(ratios('rate')),
  });
  table.add({
    what: 'CPU a call that is made by POST', unit: 'ns', ours: median(of(ours, 'ms')) * 1e6,
    reference: { what: 'originate', value: median(of(theirs, 'ms')) * 1e6 }, ratio: median(ratios('ms')), spread: spread(ratios('ms')),
  });
}

function perEvent(calls) {
  const recorded = join(dirname(fileURLToPath(import.meta.url)), '../../freeswitch/recorded/inbound-bridged.jsonl');
  return JSON.parse(execFileSync(process.env.VOXEME_BENCH_FS_EVENT, [recorded, calls], { encoding: 'utf8' }));
}

export default async function freeswitch(table, { quick }) {
  if (!process.env.VOXEME_BENCH_FS_EVENT) {
    table.skip('the module in FreeSWITCH', 'FreeSWITCH not found');
    return;
  }
  const event = perEvent(quick ? '5000' : '50000');
  const { limit, rate, blocks } = await cpuPerCall(quick ? 3 : 16);
  const ratios = blocks.map((b) => b.loaded / b.without);
  const without = median(blocks.map((b) => b.without)), loaded = median(blocks.map((b) => b.loaded));
  const own = (blocks[0].events * event.read_and_apply.mean) / 1e6; // ms a call
  table.add({
    what: `CPU per call, loaded, ${rate} of ${Math.round(limit)} calls/s`, unit: 'ns', ours: loaded * 1e6,
    reference: { what: 'not loaded', value: without * 1e6 }, ratio: median(ratios), spread: spread(ratios), bar: { mostRatio: 1.02 },
    note: `95 % between ${interval(ratios)}; reckoned ${blocks[0].events.toFixed(1)} events of ${(event.read_and_apply.mean / 1e3).toFixed(2)} us: ${(1 + own / without).toFixed(4)}`,
  });
  table.add({
    what: 'reading and applying one event, median', unit: 'ns', ours: event.read_and_apply.median,
    reference: { what: `walking its ${event.headers} headers`, value: event.walk.median }, bar: { most: 8000 },
    note: `p99.9 ${(event.read_and_apply.p999 / 1e3).toFixed(2)} us; reading alone ${(event.read.median / 1e3).toFixed(2)} us; ${event.events} events`,
  });
  addCallsMade(table, await callsMade(quick ? 2 : 8));
}
