// The API served by two threads beside one, neither kept on a core: on a machine with two cores the second thread
// has only what the clients leave of the other core.

import { cpus } from 'node:os';
import { fireAt } from './feed.mjs';
import { subscribe } from '../lib/feed.mjs';
import { wrk } from '../lib/http.mjs';
import { host } from '../lib/process.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

const CLIENTS = 1000, EVENTS = 100;

const ms = (ns) => `${(ns / 1e6).toFixed(2)} ms`;

async function lists(table, plan, servers) {
  const run = (server) => {
    const [{ url, headers }] = server.accounts;
    return wrk(url, { headers, server, seconds: plan.seconds });
  };
  const runs = await alternate(plan.rounds, () => run(servers.two), () => run(servers.one));
  const rates = (of) => of.map((r) => r.rate), cpu = (of) => median(of.map((r) => r.cpu)).toFixed(2);
  const ratios = runs.ours.map((r, i) => r.rate / runs.theirs[i].rate);
  table.add({
    what: 'list of 1000: 2 threads', unit: 'rate', ours: median(rates(runs.ours)), reference: { what: '1 thread', value: median(rates(runs.theirs)) },
    ratio: median(ratios), spread: spread(ratios), note: `server's CPU a request: ${cpu(runs.ours)} us, 1 thread ${cpu(runs.theirs)} us; ${cpus().length} cores, the client on one of them`,
  });
}

async function feeds(table, plan, servers) {
  const clients = {};
  for (const [name, server] of Object.entries(servers)) {
    const [{ path, token }] = server.accounts;
    clients[name] = Object.assign(await subscribe(server.port, path, token, CLIENTS), { count: CLIENTS, account: 0 });
  }
  const run = (name) => fireAt(servers[name], clients[name], EVENTS, plan.seconds);
  const runs = await alternate(plan.rounds, () => run('two'), () => run('one'));
  const age = (r) => (r.latency.count ? r.latency.p99 : r.seconds * 1e9);
  const p99 = runs.ours.map(age), half = (of) => ms(median(of.map((r) => r.latency.median)));
  const us = (of) => `${(median(of.map((r) => r.frame)) * 1e6).toFixed(2)} us`, apply = (of) => `${(median(of.map((r) => r.apply.p999)) / 1e3).toFixed(1)} us`;
  table.add({
    what: `feed, p99: ${CLIENTS} clients, ${EVENTS} events/s, 2 threads`, unit: 'ns', ours: median(p99), spread: spread(p99),
    reference: { what: '1 thread', value: median(runs.theirs.map(age)) },
    note: `p50 ${half(runs.ours)} (1 thread ${half(runs.theirs)}); server's CPU a frame ${us(runs.ours)} (${us(runs.theirs)}); apply p99.9 ${apply(runs.ours)} (${apply(runs.theirs)})`,
  });
  for (const some of Object.values(clients)) await some.stop();
}

export default async function threads(table, { quick }) {
  const plan = quick ? { rounds: 3, seconds: 0.4 } : { rounds: 5, seconds: 2 };
  const servers = { one: await host([1000], { netCore: -1 }), two: await host([1000], { netCore: -1, settings: { threads: 2 } }) };
  await lists(table, plan, servers);
  await feeds(table, plan, servers);
}
