// The live feed: how old the news is when it arrives, and how much of it gets through, beside a bare
// libwebsockets broadcaster of single messages.

import { host } from '../lib/process.mjs';
import { broadcaster, subscribe } from '../lib/feed.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

// Events a second that are more than so many clients can be sent one by one.
const flood = (clients) => (clients < 100 ? 200000 : 20000);
const us = (runs) => `${(median(runs.map((r) => r.frame)) * 1e6).toFixed(2)} us`;
const ms = (ns) => `${(ns / 1e6).toFixed(2)} ms`;

// One run of ours: events at `rate` while the clients measure.
export async function fireAt(server, clients, rate, seconds) {
  const measured = clients.ask(`${rate >= flood(clients.count) ? 'count' : 'measure'} ${seconds}`);
  const fired = await server.fire(`touch ${clients.account} ${rate} ${seconds} 1`);
  const got = await measured;
  if (!got.messages) throw new Error('no client was sent anything');
  if (got.closed) throw new Error(`${got.closed} clients were closed`);
  return { ...got, perSecond: got.changes / got.seconds, cpu_client: got.cpu, cpu: fired.net_cpu / got.changes, frame: fired.net_cpu / got.messages, apply: fired.apply };
}

async function bare(count, rate, seconds) {
  const { program, port } = await broadcaster(count, rate);
  const clients = await subscribe(port, '/', 'none', count);
  await clients.ask('count 0.1'); // all are there
  const before = program.cpu();
  const got = await clients.ask(`${rate ? 'measure' : 'count'} ${seconds}`);
  const used = program.cpu() - before;
  await clients.stop();
  await program.stop();
  return { ...got, perSecond: got.changes / got.seconds, cpu: used / got.changes, frame: used / got.messages };
}

async function latency(table, plan, server, clients, rate, bar) {
  const runs = await alternate(plan.rounds, () => fireAt(server, clients, rate, plan.seconds), () => bare(clients.count, rate, plan.seconds));
  // What has not arrived by the end of the run is older than the run is long.
  const age = (r) => (r.latency.count ? r.latency.p99 : r.seconds * 1e9);
  const p99 = runs.ours.map(age), theirs = median(runs.theirs.map((r) => r.latency.p99));
  table.add({
    what: `feed, p99: ${clients.count} clients, ${rate} events/s`, unit: 'ns', ours: median(p99), spread: spread(p99),
    reference: theirs ? { what: 'bare libwebsockets', value: theirs } : { what: 'bare libwebsockets falls behind' }, ...(bar ? { bar: { most: bar } } : {}),
    note: `p50 ${ms(median(runs.ours.map((r) => r.latency.median)))} (bare ${ms(median(runs.theirs.map((r) => r.latency.median)))}); `
      + `${(median(runs.ours.map((r) => r.changes / r.messages))).toFixed(2)} changes a frame; server's CPU a frame ${us(runs.ours)}, bare ${us(runs.theirs)}; apply p99.9 ${(median(runs.ours.map((r) => r.apply.p999)) / 1e3).toFixed(1)} us`,
  });
}

async function saturation(table, plan, server, clients, bar) {
  const runs = await alternate(plan.rounds, () => fireAt(server, clients, flood(clients.count), plan.seconds), () => bare(clients.count, 0, plan.seconds));
  const ratios = runs.ours.map((r, i) => r.perSecond / runs.theirs[i].perSecond);
  const cpu = (of) => `${(median(of.map((r) => r.cpu)) * 1e6).toFixed(3)} us`;
  table.add({
    what: `feed, changes delivered: ${clients.count} clients`, unit: 'rate', ours: median(runs.ours.map((r) => r.perSecond)),
    reference: { what: 'bare libwebsockets', value: median(runs.theirs.map((r) => r.perSecond)) }, ratio: median(ratios), spread: spread(ratios),
    ...(bar ? { bar: { ratio: bar } } : {}),
    note: `server's CPU a change delivered: ${cpu(runs.ours)}, bare ${cpu(runs.theirs)}; ${median(runs.ours.map((r) => r.changes / r.messages)).toFixed(0)} changes a frame; `
      + `${(median(runs.ours.map((r) => r.bytes / r.seconds)) / 1e6).toFixed(0)} MB/s; ${flood(clients.count)} events/s; client busy ${(median(runs.ours.map((r) => (100 * r.cpu_client) / r.seconds))).toFixed(0)} %`,
  });
}

export default async function feed(table, { quick }) {
  const server = await host([1000, 100]);
  for (const [count, account, rates] of [[1000, 0, [[100, 10e6], [1000, 50e6]]], [10, 0, [[100]]], [10000, 1, [[20]]]]) {
    const { path, token } = server.accounts[account];
    const clients = await subscribe(server.port, path, token, count);
    if (!clients) {
      table.skip('feed', 'WebSocket is not served');
      return;
    }
    Object.assign(clients, { count, account });
    const plan = quick ? { rounds: count > 1000 ? 1 : 3, seconds: 0.6 } : { rounds: 5, seconds: 2 };
    for (const [rate, bar] of rates) await latency(table, plan, server, clients, rate, bar);
    await saturation(table, plan, server, clients, count === 1000 ? 5 : undefined);
    await clients.stop();
  }
}
