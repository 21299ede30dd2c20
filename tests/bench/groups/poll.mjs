// How long it takes until a client of the long poll has the news.

import { CLIENT_CORE, bench, host } from '../lib/process.mjs';
import { median, spread } from '../lib/stats.mjs';

const RATE = 20;

export default async function poll(table, { quick }) {
  const rounds = quick ? 3 : 5, seconds = quick ? 0.4 : 3;
  const server = await host([1000]);
  const [account] = server.accounts;
  for (const clients of [1, 100, 1000]) {
    const client = bench('poll', [server.port, account.path, account.token, clients], { core: CLIENT_CORE });
    await client.json();
    const runs = [];
    for (let round = 0; round < rounds; round++) {
      const measured = client.ask(`measure ${seconds + 0.2}`);
      await server.fire(`touch 0 ${RATE} ${seconds} 1`);
      const { latency } = await measured;
      if (!latency.count) throw new Error('no client was told anything');
      runs.push(latency);
    }
    table.add({
      what: `long poll, event to client, p50: ${clients} client${clients > 1 ? 's' : ''}`, unit: 'ns', ours: median(runs.map((r) => r.median)),
      spread: spread(runs.map((r) => r.median)),
      note: `${RATE} events/s; p99 ${(median(runs.map((r) => r.p99)) / 1e6).toFixed(2)} ms, most ${(Math.max(...runs.map((r) => r.max)) / 1e6).toFixed(2)} ms`,
    });
    await client.stop();
  }
}
