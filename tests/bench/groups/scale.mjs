// What something costs must not depend on the calls that nobody asked for.

import { wrk } from '../lib/http.mjs';
import { CLIENT_CORE, bench, host } from '../lib/process.mjs';
import { alternate, exponent, median, spread } from '../lib/stats.mjs';

async function beside(table, { rounds, seconds }) {
  const alone = await host([1000]);
  const crowded = await host([1000], { others: '1000x1000' });
  const run = (server) => () => wrk(server.accounts[0].url, { headers: server.accounts[0].headers, seconds, server });
  const runs = await alternate(rounds, run(crowded), run(alone));
  const ratios = runs.ours.map((r, i) => r.rate / runs.theirs[i].rate);
  const rate = (of) => median(of.map((r) => r.rate));
  table.add({
    what: 'list of 1000 beside 1,000,000 calls of others', unit: 'rate', ours: rate(runs.ours),
    reference: { what: 'alone', value: rate(runs.theirs) }, ratio: median(ratios), spread: spread(ratios), bar: { ratio: 0.95 },
  });
  await alone.stop();
  await crowded.stop();
}

async function grow(table, quick) {
  const sizes = [1e3, 1e4, 1e5, 1e6], rounds = quick ? 1 : 5;
  const found = new Map(sizes.map((size) => [size, []]));
  for (let round = 0; round < rounds; round++) {
    for (const size of round % 2 ? [...sizes].reverse() : sizes) {
      const program = bench('core', ['scale', size], { core: CLIENT_CORE });
      found.get(size).push(await program.json());
      await program.stop();
    }
  }
  const costs = {
    'one event, median': (r) => r.event.median, 'list of 100, unchanged, median': (r) => r.list.median,
    'list of 100 after a change, median': (r) => r.changed_list.median, '304, median': (r) => r.not_modified.median, 'expiry of one call': (r) => r.expiry,
  };
  for (const [what, of] of Object.entries(costs)) {
    const values = sizes.map((size) => median(found.get(size).map(of)));
    table.add({
      what: `${what}, beside 10^6 calls`, unit: 'ns', ours: values.at(-1), reference: { what: 'beside 10^3', value: values[0] },
      ratio: values.at(-1) / values[0],
      note: `10^3, 10^4, 10^5, 10^6: ${values.map((v) => `${(v / 1e3).toFixed(2)} us`).join(', ')}; grows with size^${exponent(sizes, values).toFixed(3)}`,
    });
  }
}

export default async function scale(table, { quick }) {
  await beside(table, quick ? { rounds: 5, seconds: 0.25 } : { rounds: 5, seconds: 2 });
  await grow(table, quick);
}
