// FreeSWITCH's own originates, which calls that the API makes are held against: the calls of makeCalls()
// (tests/e2e/lib/load.mjs), to the same far end, with the same limits.

import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { KINDS, TICK_MS } from '../../e2e/lib/load.mjs';

// How many at a time FreeSWITCH makes fastest: with 200 the second for which each is up is what bounds them.
export const CROWD = 400;

const dial = ({ user, fields }, address) => {
  const limits = fields.timeLimit ? `,execute_on_answer='sched_hangup +${fields.timeLimit} NORMAL_CLEARING'` : fields.timeout ? `,originate_timeout=${fields.timeout}` : '';
  return `originate {origination_caller_id_number=15083728299${limits}}sofia/internal/${user}@${address} voxeme XML default`;
};

// `total` calls as fast as FreeSWITCH makes them, `crowd` of them at a time; each has a thread that waits for its
// answer. Resolves with how many a second there were until the last one had its session.
export async function originate(fs, address, total, crowd) {
  const before = (await fs.sessions()).ever, began = performance.now();
  let sent = 0, made = 0;
  const jobs = [];
  for (;;) {
    const { ever, now } = await fs.sessions();
    made = ever - before;
    if (made >= total) break;
    for (const room = made - now + crowd; sent < total && sent < room; sent++) jobs.push(fs.api(`bgapi ${dial(KINDS[sent % KINDS.length], address)}`));
    await after(TICK_MS);
  }
  const rate = (total * 1000) / (performance.now() - began);
  await Promise.all(jobs);
  return rate;
}

// Looks on until it is called; resolves with the most sessions and the most KiB that it has seen.
export function watchPeak(fs) {
  let over = false;
  const peak = { sessions: 0, kib: 0 };
  const looking = (async () => {
    while (!over) {
      peak.sessions = Math.max(peak.sessions, (await fs.sessions()).now);
      peak.kib = Math.max(peak.kib, fs.rss());
      await after(10 * TICK_MS);
    }
  })();
  looking.catch(() => {}); // a test that fails meanwhile does not ask any more
  return async () => {
    over = true;
    await looking;
    return peak;
  };
}
