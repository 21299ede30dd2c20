// What the module costs FreeSWITCH: CPU time per call with and without it, in alternation, in one
// run of one FreeSWITCH, at two thirds of the rate the machine sustains; and the time one event takes
// on FreeSWITCH's own thread.
//
//   node tests/bench/freeswitch.mjs [--quick]

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { account } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { FreeSwitch } from '../freeswitch/lib/freeswitch.mjs';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 4 : 12, SECONDS = quick ? 4 : 8;
const CPU_BAR = 1.02, EVENT_BAR_US = 8;

const later = [];
const t = { after: (step) => later.push(step) };
const median = (values) => {
  const v = [...values].sort((a, b) => a - b), middle = v.length >> 1;
  return v.length % 2 ? v[middle] : (v[middle - 1] + v[middle]) / 2;
};
const spread = (values) => `${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)}`;

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

async function cpuPerCall() {
  const fs = await FreeSwitch.start({ spec: { accounts: [account('demo', { sources: ['127.0.0.0/8'] })] }, load: false });
  try {
    await run(fs, 400, 2000, 60); // warms up
    const limit = (await run(fs, 800, 2000, 60)).rate;
    const rate = Math.round((limit * 2) / 3);
    const without = [], loaded = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Turn about, so that whatever drifts does so for both.
      for (const load of round % 2 ? [true, false] : [false, true]) {
        if (load) await fs.load();
        (load ? loaded : without).push((await run(fs, rate * SECONDS, rate)).ms);
        if (load) await fs.unload();
      }
    }
    return { limit, rate, without, loaded, ratios: loaded.map((ms, i) => ms / without[i]) };
  } finally {
    await Promise.all(later.splice(0).map((step) => step()));
    await fs.stop();
  }
}

function perEvent() {
  const recorded = join(dirname(fileURLToPath(import.meta.url)), '../freeswitch/recorded/inbound-bridged.jsonl');
  return JSON.parse(execFileSync(process.env.VOXEME_BENCH_FS_EVENT, [recorded, quick ? '5000' : '50000'], { encoding: 'utf8' }));
}

const us = (ns) => `${(ns / 1000).toFixed(2)} us`;
const row = (figure, value, reference, bar, ok) =>
  console.log(`${figure.padEnd(52)} ${String(value).padStart(10)}  ${reference.padEnd(46)} ${bar.padEnd(8)} ${ok ? 'ok' : 'MISSED'}`);

const event = perEvent();
const cpu = await cpuPerCall();
const ratio = median(cpu.loaded) / median(cpu.without);
console.log(`${'figure'.padEnd(52)} ${'measured'.padStart(10)}  ${'beside'.padEnd(46)} bar`);
row(`CPU per call, loaded / not, ${cpu.rate} of ${Math.round(cpu.limit)} calls/s`, ratio.toFixed(3),
  `${median(cpu.loaded).toFixed(3)} ms / ${median(cpu.without).toFixed(3)} ms, medians of ${ROUNDS}`, `<= ${CPU_BAR}`, ratio <= CPU_BAR);
console.log(`  spread: loaded ${spread(cpu.loaded)} ms, not ${spread(cpu.without)} ms; pairs ${spread(cpu.ratios)}, median ${median(cpu.ratios).toFixed(3)}`);
row('reading and applying one event, median', us(event.read_and_apply.median), `walking its ${event.headers} headers: ${us(event.walk.median)}`,
  `<= ${EVENT_BAR_US} us`, event.read_and_apply.median <= EVENT_BAR_US * 1000);
console.log(`  p99.9 ${us(event.read_and_apply.p999)}; reading alone ${us(event.read.median)}; ${event.events} events`);
process.exitCode = ratio <= CPU_BAR && event.read_and_apply.median <= EVENT_BAR_US * 1000 ? 0 : 1;
