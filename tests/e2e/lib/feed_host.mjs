// A server whose calls come and go by the hundreds a second, without SIP: tests/e2e/feed_host.c.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { BINARY } from './switch.mjs';
import { deadline } from './wait.mjs';

const HOST = join(dirname(BINARY), 'tests/e2e/feed_host');
export const ALPHA = '5f8e8f60-4771-44cb-92a6-94ea66df0450', BETA = 'b7e1f3a0-0d4f-4a57-9c0b-1c2d3e4f5a6b';
export const MISSING = !existsSync(HOST) && 'feed_host is not built';

export class FeedHost {
  #child; #lines; #ended;

  static async start(t, rate, settings) {
    const host = new FeedHost(spawn(HOST, [String(rate), settings], { stdio: 'pipe' }));
    t.after(() => host.#finish());
    [, host.port] = await host.#line(/^ready (\d+)$/);
    return host;
  }

  constructor(child) {
    this.#child = child;
    this.stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => { this.stderr += chunk; });
    this.#lines = createInterface({ input: child.stdout });
    this.#ended = new Promise((resolve) => { child.once('error', resolve).once('close', (code, signal) => resolve(signal ?? code)); });
  }

  async #line(pattern) {
    const [line] = await deadline(Promise.race([
      once(this.#lines, 'line'),
      this.#ended.then((code) => { throw new Error(`${HOST} ended with ${code}: ${this.stderr}`); }),
    ]), `${HOST} to say ${pattern}`);
    assert.match(line, pattern);
    return pattern.exec(line);
  }

  // From then on nothing happens to a call but that one which has ended expires.
  async hold() {
    this.#child.stdin.write('h');
    await this.#line(/^held$/);
  }

  goOn() {
    this.#child.stdin.write('g');
  }

  async #finish() {
    this.#child.stdin.end();
    try {
      assert.equal(await deadline(this.#ended, 'the server to end'), 0, this.stderr);
      assert.equal(this.stderr, '');
    } finally {
      if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    }
  }
}

// For 127.0.0.1, and the settings that name it.
export async function certificate(t) {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-feed-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem');
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=feed', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  return { settings: `;tls-cert=${cert};tls-key=${key}`, ca: await readFile(cert) };
}
