// wrk as the client; nginx as what is measured against.

import { request } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../e2e/lib/ports.mjs';
import { CLIENT_CORE, Program, SERVER_CORE, tempDir } from './process.mjs';

// {status, headers, body} of one GET.
export function get(url, headers = {}) {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject).end();
  });
}

// Requests a second, and the server's processor time for each in microseconds.
export async function wrk(url, { headers = {}, seconds, connections = 16, server, status = 200, core = CLIENT_CORE }) {
  const client = new Program('wrk', ['-t1', `-c${connections}`, '-d600s',
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url], { core });
  const before = server?.cpu();
  const timer = setTimeout(() => client.signal('SIGINT'), seconds * 1000);
  const text = await client.text();
  clearTimeout(timer);
  const used = server ? server.cpu() - before : 0;
  await client.stop();
  const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1]);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  if (!(rate > 0) || (refused && status < 400)) throw new Error(`wrk ${url}: ${text}${client.stderr}`);
  return { rate, cpu: (used * 1e6) / requests };
}

const config = (dir, port, tls) => `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr error;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  etag on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=600s;
  default_type application/json;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/tmp;`).join('\n  ')}
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''};
    ${tls ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};` : ''}
    root ${dir}/www;
    location /gzip/ { gzip_static on; alias ${dir}/www/; }
  }
}
`;

// Serves {name: bytes} as static files; those named so with .gz in /gzip/ to who takes gzip. With .url(name).
export async function nginx(files, tls) {
  const dir = await tempDir(), port = await freePort();
  await mkdir(join(dir, 'www'));
  await mkdir(join(dir, 'tmp'));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(dir, 'www', name), bytes);
  await writeFile(join(dir, 'nginx.conf'), config(dir, port, tls));
  const program = new Program('nginx', ['-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')], { core: SERVER_CORE });
  const gone = program.exited().then(() => { throw new Error(`nginx: ${program.stderr}`); });
  gone.catch(() => {});
  const base = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const answers = () => new Promise((resolve) => {
    const probe = request({ port, host: '127.0.0.1', path: '/', agent: false }, (r) => { r.resume(); resolve(true); });
    probe.on('error', () => resolve(false)).end();
  });
  // It has no way to say that it listens.
  while (!(await Promise.race([answers(), gone]))) await new Promise((resolve) => { setTimeout(resolve, 20); });
  return Object.assign(program, { url: (name) => `${base}/${name}` });
}
