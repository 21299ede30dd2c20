// Ports for programs that cannot take 0 and say which one they got.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

// Below the kernel's ephemeral range, so that nobody else's port 0 can land on one of ours between
// the look and the use.
const FIRST = 10000, LAST = 32000;

async function bindable(port, host) {
  const tcp = createServer();
  const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise((resolve, reject) => tcp.once('error', reject).listen({ port, host, exclusive: true }, resolve));
    await new Promise((resolve, reject) => { udp.once('error', reject); udp.bind({ port, address: host, exclusive: true }, resolve); });
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => tcp.close(resolve));
    await new Promise((resolve) => udp.close(resolve));
  }
}

const given = new Set();

// A port free for TCP and UDP on this address.
export async function freePort(host = '127.0.0.1') {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (given.has(port)) continue;
    given.add(port);
    if (await bindable(port, host)) return port;
  }
  throw new Error('no free port');
}

// Whether a TCP port can be listened on.
export const isFree = (port, host = '127.0.0.1') => bindable(port, host);
