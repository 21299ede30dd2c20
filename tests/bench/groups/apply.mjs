// vx_registry_apply() on the host's threads.

import { Program, SERVER_CORE, host } from '../lib/process.mjs';
import { median, spread } from '../lib/stats.mjs';

const RATE = 10000; // events a second, of all threads: what a very busy switch makes

// 16 clients that ask for the list as fast as they get it.
const pollers = ({ url, headers }) => new Program('wrk', ['-t1', '-c16', '-d600s', '-H', `Authorization: ${headers.Authorization}`, url], { core: SERVER_CORE });

async function measure(rounds, seconds, threads, polled) {
  // Alone the threads may have both cores; with readers these have one for themselves.
  const server = await host([1000, 0], { fireCore: polled || threads === 1 ? 1 : -1 });
  const clients = polled ? pollers(server.accounts[0]) : undefined;
  const runs = [], flat = [];
  await server.fire(`mix 0 1 ${RATE} 0.3 ${threads}`); // warms up
  for (let round = 0; round < rounds; round++) {
    runs.push(await server.fire(`mix 0 1 ${RATE} ${seconds} ${threads}`));
    if (!polled) flat.push(await server.fire(`mix 0 1 0 ${seconds / 2} ${threads}`));
  }
  clients?.signal('SIGINT');
  const polls = clients ? Number(/^Requests\/sec:\s+([\d.]+)/m.exec(await clients.text())?.[1]) : 0;
  await clients?.stop();
  await server.stop();
  return { runs, flat, polls };
}

export default async function apply(table, { quick }) {
  const rounds = quick ? 3 : 5, seconds = quick ? 0.3 : 2;
  for (const polled of [true, false]) {
    for (const threads of [1, 2, 4]) {
      const { runs, flat, polls } = await measure(rounds, seconds, threads, polled);
      const judged = polled && threads === 1;
      const who = `${threads} thread${threads > 1 ? 's' : ''}, ${polled ? '16 pollers' : 'no readers'}`;
      const of = (name, which = 'apply') => runs.map((run) => run[which][name]);
      const disturbed = 1 - runs.reduce((n, r) => n + r.undisturbed.count, 0) / runs.reduce((n, r) => n + r.apply.count, 0);
      table.add({
        what: `apply, median: ${who}`, unit: 'ns', ours: median(of('median')), spread: spread(of('median')), ...(judged ? { bar: { most: 1000 } } : {}),
        note: `${RATE} events/s${polled ? `; ${Math.round(polls)} lists/s read beside it` : `; as fast as it goes: ${median(flat.map((f) => f.events / f.seconds / 1e3)).toFixed(0)}k events/s`}`,
      });
      table.add({
        what: `apply, p99.9: ${who}`, unit: 'ns', ours: median(of('p999')), spread: spread(of('p999')), ...(judged ? { bar: { most: 5000 } } : {}),
        note: `p99 ${(median(of('p99')) / 1e3).toFixed(2)} us; p99.9 without those that lost their core meanwhile (${(disturbed * 100).toFixed(3)} %): ${(median(of('p999', 'undisturbed')) / 1e3).toFixed(2)} us`,
      });
    }
  }
}
