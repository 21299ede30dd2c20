// Clients of the feed, and the bare broadcaster beside it.

import { CLIENT_CORE, SERVER_CORE, bench } from './process.mjs';

// Connected clients, each with its first message. Undefined: the server does not take WebSockets.
export async function subscribe(port, path, token, clients) {
  const program = bench('feed', [port, path, token, clients], { core: CLIENT_CORE });
  try {
    return Object.assign(program, { joined: (await program.json()).seconds });
  } catch (error) {
    if (!/was refused or closed/.test(error.message)) throw error;
    await program.stop();
    return undefined;
  }
}

// rate: see bench_lws.
export async function broadcaster(clients, rate) {
  const program = bench('lws', [clients, rate], { core: SERVER_CORE });
  const { port } = await program.json();
  return { program, port };
}
