// What our own code does for one event and one request, without a socket: instructions counted by callgrind,
// which no other load on the machine can change. The kernel's part is not in it.

import { BUILD, Program, tempDir } from '../lib/process.mjs';

const TIMES = 2000;
const THINGS = {
  event: 'an event', list: 'a list of 100, unchanged', changed: 'a list of 100 after a change',
  gzip: 'the same in gzip', same: 'a 304',
};

export default async function instructions(table) {
  for (const [thing, what] of Object.entries(THINGS)) {
    const cwd = await tempDir();
    const program = new Program('valgrind', ['--tool=callgrind', '--toggle-collect=bench_counted', '--callgrind-out-file=out',
      `${BUILD}/tests/bench/bench_core`, thing, TIMES], { cwd });
    await program.exited();
    const collected = Number(/Collected : (\d+)/.exec(program.stderr)?.[1]);
    await program.stop();
    if (!(collected > 0)) throw new Error(`callgrind: ${program.stderr}`);
    table.add({ what: `instructions: ${what}`, unit: 'count', ours: collected / TIMES });
  }
}
