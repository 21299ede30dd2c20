// What a call holds, and what a client that only listens holds.

import { bench, host, residentOf } from '../lib/process.mjs';
import { broadcaster, subscribe } from '../lib/feed.mjs';
import { redisStore } from '../lib/redis.mjs';

const CLIENTS = 1000;

async function calls(table, quick) {
  const count = quick ? 20000 : 100000;
  const program = bench('core', ['memory', count]);
  const ours = await program.json();
  await program.stop();
  const store = await redisStore(0, count);
  const reference = { what: 'Redis: hash and keys', value: store.bytes };
  await store.stop();
  table.add({
    what: 'a call, JSON included', unit: 'bytes', ours: ours.rendered, reference, ratio: ours.rendered / store.bytes, bar: { most: 700 },
    note: `its JSON is ${ours.json.toFixed(0)} B; ${count} calls; by what malloc has given out`,
  });
  table.add({ what: 'a call nobody has looked at', unit: 'bytes', ours: ours.plain, reference, ratio: ours.plain / store.bytes });
  table.add({ what: 'a call of an account whose list was just read', unit: 'bytes', ours: ours.listed, reference, ratio: ours.listed / store.bytes });
}

async function clients(table) {
  const server = await host([4]);
  const [account] = server.accounts;
  const before = await server.ask('size'), resident = residentOf(server.pid);
  const listening = await subscribe(server.port, account.path, account.token, CLIENTS);
  if (!listening) {
    table.skip('an idle WebSocket client', 'WebSocket is not served');
    return;
  }
  const after = await server.ask('size');
  const ours = { allocated: (after.allocated - before.allocated) / CLIENTS, resident: (residentOf(server.pid) - resident) / CLIENTS };
  await listening.stop();
  const { program, port } = await broadcaster(CLIENTS, -1);
  const empty = residentOf(program.pid);
  const others = await subscribe(port, '/', 'none', CLIENTS);
  const bare = (residentOf(program.pid) - empty) / CLIENTS;
  await others.stop();
  table.add({
    what: 'an idle WebSocket client, above libwebsockets\' own', unit: 'bytes', ours: ours.resident - bare, reference: { what: 'bare libwebsockets', value: bare },
    bar: { most: 8192 }, note: `${CLIENTS} clients; resident ${ours.resident.toFixed(0)} B each, by malloc ${ours.allocated.toFixed(0)} B`,
  });
}

export default async function memory(table, { quick }) {
  await calls(table, quick);
  await clients(table);
}
