// What the module costs FreeSWITCH: CPU time per call with and without it, in alternation, in one
// run of one FreeSWITCH, at two thirds of the rate the machine sustains; and the time one event takes
// on FreeSWITCH's own thread.

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { account } from '../../e2e/lib/config.mjs';
import * as s from '../../e2e/lib/scenario.mjs';
import { Sipp } from '../../e2e/lib/sipp.mjs';
import { median, spread } from '../lib/stats.mjs';

const later = [];
const t = { after: (step) => later.push(step) };

const talk = s.caller({ from: '15083728299', to: '1000' }, s.invite(), s.trying(), s.answered(), '<pause milliseconds="300"/>', s.bye());

async function run(fs, calls, rate, limit = calls) {
  const cpu = fs.cpu(), began = Date.now();
  const sipp = await Sipp.start(t, { scenario: talk, remote: fs.sip, calls, rate, limit, args: ['-max_retrans', '12'] });
  await sipp.finished();
  const seconds = (Date.now() - began) / 1000;
  // What is left to do for these calls counts for them.
  await fs.api('hupall NORMAL_CLEARING');
  await fs.until(async () => /^0 total/m.test(await fs.api('show channels count')), 'the channels to be gone');
  return { rate: calls / seconds, ms: ((fs.cpu() - cpu) * 1000) / calls };
}

async function cpuPerCall(rounds, seconds) {
  // Only where FreeSWITCH is: it reads the environment when it is loaded.
  const { FreeSwitch } = await import('../../freeswitch/lib/freeswitch.mjs');
  const fs = await FreeSwitch.start({ spec: { accounts: [account('demo', { sources: ['127.0.0.0/8'] })] }, load: false });
  try {
    await run(fs, 400, 2000, 60); // warms up
    const limit = (await run(fs, 800, 2000, 60)).rate;
    const rate = Math.round((limit * 2) / 3);
    const without = [], loaded = [];
    for (let round = 0; round < rounds; round++) {
      // Turn about, so that whatever drifts does so for both.
      for (const load of round % 2 ? [true, false] : [false, true]) {
        if (load) await fs.load();
        (load ? loaded : without).push((await run(fs, rate * seconds, rate)).ms);
        if (load) await fs.unload();
      }
    }
    return { limit, rate, without, loaded, ratios: loaded.map((ms, i) => ms / without[i]) };
  } finally {
    await Promise.all(later.splice(0).map((step) => step()));
    await fs.stop();
  }
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
  const cpu = await cpuPerCall(quick ? 4 : 12, quick ? 4 : 8);
  table.add({
    what: `CPU per call, loaded, ${cpu.rate} of ${Math.round(cpu.limit)} calls/s`, unit: 'ns', ours: median(cpu.loaded) * 1e6,
    reference: { what: 'not loaded', value: median(cpu.without) * 1e6 }, ratio: median(cpu.loaded) / median(cpu.without), spread: spread(cpu.ratios),
    bar: { mostRatio: 1.02 }, note: `median of the pairs' ratios ${median(cpu.ratios).toFixed(3)}`,
  });
  table.add({
    what: 'reading and applying one event, median', unit: 'ns', ours: event.read_and_apply.median,
    reference: { what: `walking its ${event.headers} headers`, value: event.walk.median }, bar: { most: 8000 },
    note: `p99.9 ${(event.read_and_apply.p999 / 1e3).toFixed(2)} us; reading alone ${(event.read.median / 1e3).toFixed(2)} us; ${event.events} events`,
  });
}
