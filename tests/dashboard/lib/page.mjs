// The files of the page, served as the module serves them.

import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ROOT } from '../../e2e/lib/switch.mjs';

export const DASHBOARD = join(ROOT, 'mod_voxeme/dashboard');

export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const MEDIA = { '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml' };

// Answers a request for one of the files; false when it is for something else.
export async function servePage(request, response) {
  const { pathname } = new URL(request.url, 'http://here');
  const file = pathname === '/' ? 'index.html' : /^\/dashboard\/([a-z_]+\.(?:css|js|svg))$/.exec(pathname)?.[1];
  if (request.method !== 'GET' || !file) return false;
  const body = await readFile(join(DASHBOARD, file)).catch(() => null);
  if (!body) return false;
  response.writeHead(200, {
    'Content-Type': MEDIA[extname(file)], 'Content-Length': body.length, 'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache',
  });
  response.end(body);
  return true;
}
