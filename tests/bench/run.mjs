// Runs the groups of the bench and prints one table. Started by script/bench, which builds first.
//
//   node tests/bench/run.mjs [--quick] [--json FILE] [GROUP...]

import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { busyElsewhere, machine } from './lib/machine.mjs';
import { cleanUp } from './lib/process.mjs';
import { Table } from './lib/table.mjs';

const GROUPS = ['list', 'scale', 'redis', 'apply', 'poll', 'memory', 'feed', 'threads', 'start', 'instructions', 'sip', 'freeswitch'];

const wanted = [];
let quick = false, file;
for (const args = process.argv.slice(2); args.length;) {
  const arg = args.shift();
  if (arg === '--quick') quick = true;
  else if (arg === '--json') file = args.shift();
  else if (GROUPS.includes(arg)) wanted.push(arg);
  else {
    console.error(`unknown: ${arg}; groups: ${GROUPS.join(' ')}`);
    process.exit(2);
  }
}
if (cpus().length < 2) {
  console.error('script/bench needs two cores: one for what is measured, one for its clients');
  process.exit(2);
}

const about = machine();
const began = Date.now();
const table = new Table();
console.log(`${about.cpu}, ${about.cores} cores, ${about.memory_gib} GiB, ${about.system}, Linux ${about.kernel}; load ${about.load.join(' ')}`);
console.log(`server on core 0, clients on core 1; ${quick ? 'quick: short runs' : 'medians of alternating runs'}; ${Object.entries(about.versions).map(([k, v]) => `${k} ${v}`).join(', ')}\n`);
Table.head();
let failed = false;
try {
  for (const name of wanted.length ? wanted : GROUPS) {
    const { default: group } = await import(`./groups/${name}.mjs`);
    table.group(name, await busyElsewhere());
    try {
      await group(table, { quick });
    } catch (error) {
      failed = true;
      table.skip(name, `failed: ${error.stack}`);
    }
    await cleanUp();
  }
} finally {
  await cleanUp();
}
const seconds = Math.round((Date.now() - began) / 1000);
const others = Math.max(...table.rows.map((row) => row.busy_elsewhere ?? 0));
console.log(`\n${table.rows.filter((row) => row.met).length} bars met, ${table.missed.length} missed; ${seconds} s`);
if (others > 0.2) console.log('Something else was running: only ratios mean anything, and they less than usual.');
if (file) await writeFile(file, `${JSON.stringify({ ...about, quick, seconds, rows: table.rows }, null, 1)}\n`);
process.exitCode = failed || table.missed.length ? 1 : 0;
