// A Redis of the bench's own, on a Unix socket, filled with calls, and the server that lists them.
// Neither is kept on a core: together they may have both.

import { join } from 'node:path';
import { Program, bench, tempDir } from './process.mjs';

export async function redisStore(calls, others) {
  const dir = await tempDir(), socket = join(dir, 'redis.sock');
  const redis = new Program('redis-server', ['--port', 0, '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', dir]);
  while (!/ready to accept connections/i.test(await redis.line())) continue;
  const server = bench('redis', [socket, calls, others]);
  const { port, bytes } = await server.json();
  return {
    bytes, url: (name) => `http://127.0.0.1:${port}/${name}`,
    cpu: () => server.cpu() + redis.cpu(),
    stop: async () => { await server.stop(); await redis.stop(); },
  };
}
