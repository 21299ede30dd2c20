// A module that is loaded into a switch with a million calls.

import { CLIENT_CORE, bench } from '../lib/process.mjs';
import { median, spread } from '../lib/stats.mjs';

export default async function start(table, { quick }) {
  const runs = [];
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const program = bench('core', ['start', 1e6], { core: CLIENT_CORE });
    runs.push(await program.json());
    await program.stop();
  }
  const ns = (name) => runs.map((run) => run[name] * 1e9);
  const calls = runs[0].calls;
  table.add({
    what: `${calls} calls taken in at the start`, unit: 'ns', ours: median(ns('take_in')), spread: spread(ns('take_in')),
    note: `processor time, without making the events; ${(median(ns('take_in')) / calls).toFixed(0)} ns a call; then an audit of all ${(median(ns('audit')) / 1e6).toFixed(0)} ms, `
      + `the first list of 100 ${(median(ns('first_list')) / 1e6).toFixed(2)} ms`,
  });
}
