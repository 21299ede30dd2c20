// 2,000 live rows at 100 changes a second: nothing stutters. Measured is what the page's main thread does, and for how
// long at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { Mock } from './lib/mock.mjs';

const ROWS = 2000;
const CHANGES_A_SECOND = 100;
const SECONDS = 10;

// 100 changes a second that keep the number of live calls: a fifth begin, a fifth end, the rest change.
function drive(mock, live) {
  let n = 0;
  const began = Date.now();
  const timer = setInterval(() => {
    for (const due = ((Date.now() - began) * CHANGES_A_SECOND) / 1000; n < due; n++) {
      const at = (n * 7919) % live.length;
      const sid = live[at];
      if (n % 5 === 0) live.push(mock.create({ from: `9${n}`, originating_sip_trunk_name: 'carrier-a' }).call_sid);
      else if (n % 5 === 1) { mock.end(sid); live.splice(at, 1); }
      else if (n % 5 === 2) mock.ring(sid);
      else mock.answer(sid);
    }
  }, 10);
  return () => { clearInterval(timer); return n; };
}

// The tasks of the page's main thread while `during` runs, in ms of processor time (so that what else the machine does
// does not count), longest first, and the share of a processor that they took.
async function measure(page, during) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline', '__metadata'] });
  const began = performance.now();
  await during();
  const took = performance.now() - began;
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  const mains = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid}.${e.tid}`));
  const byThread = new Map([...mains].map((thread) => [thread, []]));
  for (const e of traceEvents) if (e.name === 'RunTask' && e.tdur !== undefined) byThread.get(`${e.pid}.${e.tid}`)?.push(e.tdur / 1000);
  // A renderer held in reserve does next to nothing.
  const [tasks] = [...byThread.values()].sort((x, y) => y.length - x.length);
  tasks.sort((x, y) => y - x);
  return { tasks, share: tasks.reduce((x, y) => x + y, 0) / took };
}

test(`${ROWS} live rows at ${CHANGES_A_SECOND} changes a second`, withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const live = [];
  for (let i = 0; i < ROWS; i++) {
    live.push(mock.create({ from: String(10_000 + i), caller_name: `Caller ${i}`, attempted_at: new Date(Date.now() - (ROWS - i) * 300).toISOString() }).call_sid);
  }
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list.length > 20);
  let changes, frames;
  const { tasks, share } = await measure(page, async () => {
    await page.evaluate(watchFrames);
    const stop = drive(mock, live);
    // Somebody uses it meanwhile.
    for (let i = 0; i < SECONDS * 2; i++) {
      await page.waitForTimeout(500);
      if (i % 4 === 0) await page.fill('#search', i % 8 ? '' : '1');
      if (i % 4 === 2) await page.evaluate((top) => { document.getElementById('calls').scrollTop = top; }, (i % 8) * 2000);
    }
    changes = stop();
    frames = await page.evaluate(() => window.longFrames);
  });
  t.diagnostic(`${changes} changes: ${(100 * share).toFixed(1)} % of a processor; longest tasks ${tasks.slice(0, 3).map((ms) => ms.toFixed(1)).join(', ')} ms; ` +
    `frames over 50 ms, by the clock: ${frames.map((ms) => Math.round(ms)).join(', ') || 'none'}`);
  assert.ok(changes >= SECONDS * CHANGES_A_SECOND * 0.9, `only ${changes} changes`);
  assert.ok(tasks.length > 1000, `only ${tasks.length} tasks were traced`);
  assert.ok(share < 0.4, `the page took ${(100 * share).toFixed(1)} % of a processor`);
  assert.deepEqual(tasks.filter((ms) => ms > 50), [], 'tasks of over 50 ms, which a person sees');
  // And what is shown in the end is what is there.
  await page.fill('#search', '');
  const total = mock.calls.length.toLocaleString('en');
  await page.waitForFunction((wanted) => document.getElementById('row-count').textContent === `${wanted} calls`, total);
  assert.equal(await textOf(page, '#live-all'), live.length.toLocaleString('en'));
  const rendered = await page.$$eval('#calls-body .row', (all) => all.length);
  assert.ok(rendered < 80, `${rendered} rows exist`);
}));

// In the page: how long the frames took that the browser itself calls long, whoever had the processor meanwhile.
function watchFrames() {
  window.longFrames = [];
  new PerformanceObserver((list) => window.longFrames.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'long-animation-frame' });
}
