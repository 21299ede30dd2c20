// Runs the end-to-end tests (or those in DIR), several files at a time, and prints what failed and, as the last line,
// "N passed, N failed"; before it "N skipped" when some were.
//
//   node tests/e2e/run.mjs [--in DIR] [NAME]    files whose name holds NAME, and tests of that name in the others

import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const here = args[0] === '--in' ? resolve(args.splice(0, 2)[1]) : dirname(fileURLToPath(import.meta.url));
const [name] = args;
const all = readdirSync(here).filter((file) => file.endsWith('.test.mjs')).sort();
const named = name ? all.filter((file) => file.includes(name)) : all;
const files = (named.length ? named : all).map((file) => join(here, file));
const pattern = name && !named.length ? new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : undefined;

const count = { passed: 0, failed: 0, skipped: 0 };
const broken = new Map(); // files that node itself reports as failed

// What node says of a file as a whole is no test case.
const isFile = (data) => files.includes(data.name) || files.some((f) => f.endsWith(data.name) && data.name.endsWith('.test.mjs'));
const isSuite = (data) => data.details?.type === 'suite';
const label = (data) => `${data.file ? `${basename(data.file)}: ` : ''}${data.name}`;
const seconds = (data) => `${((data.details?.duration_ms ?? 0) / 1000).toFixed(1)} s`;

function fail(data) {
  const error = data.details?.error;
  const cause = error?.cause ?? error;
  // A suite or file fails because a test in it did, which has been counted; or because it could not begin.
  if ((isSuite(data) && error?.failureType !== 'hookFailed') || error?.failureType === 'subtestsFailed') return;
  if (isFile(data)) {
    broken.set(basename(data.name), cause);
    return;
  }
  count.failed++;
  failures.push([label(data), cause]);
  if (data.file) failedIn.add(basename(data.file));
  console.log(`  FAIL ${label(data)} (${seconds(data)})`);
}

const failures = [];
const failedIn = new Set();

// Of a whole file.
const TIMEOUT_MS = (process.env.VOXEME_LOAD ? 900_000 : 240_000) * Number(process.env.VOXEME_TEST_SLOW ?? 1);

// What node counts itself.
const TALLY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

// Resolves when all of them are through.
const go = (some, concurrency) => some.length && new Promise((resolve) => {
  run({ files: some, timeout: TIMEOUT_MS, concurrency, testNamePatterns: pattern ? [pattern] : undefined })
    .on('test:pass', (data) => {
      if (isFile(data) || isSuite(data)) return;
      if (data.skip !== undefined) {
        // Tests left out by name are not reported as skipped ones.
        if (!String(data.skip).includes('test name')) count.skipped++;
        return;
      }
      count.passed++;
      console.log(`  ok   ${label(data)} (${seconds(data)})`);
    })
    .on('test:fail', fail)
    .on('test:diagnostic', ({ message }) => { if (process.env.VOXEME_LOAD && !TALLY.test(message)) console.log(`       ${message}`); })
    .on('test:stderr', (data) => process.stderr.write(data.message ?? ''))
    .on('end', resolve)
    .resume();
});

// What keeps all processors busy would make others late.
const alone = (file) => file.endsWith('_many.test.mjs');
await go(files.filter((file) => !alone(file)), Number(process.env.VOXEME_TEST_JOBS ?? 3));
await go(files.filter(alone), 1);
for (const [what, cause] of failures) console.log(`\n--- ${what}\n${cause?.stack ?? cause}`);
// A file that did not load, or died, without any test of its own that failed.
for (const [file, cause] of broken) {
  if (failedIn.has(file)) continue;
  console.log(`\n--- ${file}\n${cause?.stack ?? cause}`);
  count.failed++;
}
console.log();
if (count.skipped) console.log(`${count.skipped} skipped`);
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed || !count.passed ? 1 : 0;
