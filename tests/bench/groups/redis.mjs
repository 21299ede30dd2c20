// The same list as the family keeps it today: in Redis.

import { get, wrk } from '../lib/http.mjs';
import { host } from '../lib/process.mjs';
import { redisStore } from '../lib/redis.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

const CALLS = 1000, OTHERS = 20000;

const WAYS = [
  ['scan', 'Redis: ZSCAN of all keys, HGETALL', { ratio: 500 }],
  ['range', 'Redis: ZRANGE of its keys, HGETALL', undefined],
];

const cpu = (runs) => median(runs.map((run) => run.cpu));

export default async function redis(table, { quick }) {
  const rounds = quick ? 3 : 5, seconds = quick ? 1 : 3;
  const server = await host([CALLS], { others: `20x${OTHERS / 20}` });
  const [{ url, headers }] = server.accounts;
  const store = await redisStore(CALLS, OTHERS);
  for (const [way, what, bar] of WAYS) {
    const began = performance.now();
    const listed = JSON.parse((await get(store.url(way))).body);
    const enough = Math.max(seconds, ((performance.now() - began) / 1000) * 3); // for a few requests at least
    if (listed.length !== CALLS) throw new Error(`${way}: ${listed.length} calls`);
    const runs = await alternate(rounds, () => wrk(url, { headers, seconds: seconds / 2, server }),
      () => wrk(store.url(way), { seconds: enough, connections: 1, server: store }));
    const ratios = runs.ours.map((r, i) => r.rate / runs.theirs[i].rate);
    table.add({
      what: `list of ${CALLS} beside ${OTHERS} other calls`, unit: 'rate', ours: median(runs.ours.map((r) => r.rate)),
      reference: { what, value: median(runs.theirs.map((r) => r.rate)) }, ratio: median(ratios), spread: spread(ratios), ...(bar ? { bar } : {}),
      note: `CPU a list: ${cpu(runs.ours).toFixed(0)} us, Redis and its server ${cpu(runs.theirs).toFixed(0)} us, ${(cpu(runs.theirs) / cpu(runs.ours)).toFixed(0)} times`,
    });
  }
  await store.stop();
}
