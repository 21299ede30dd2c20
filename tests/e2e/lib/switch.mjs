// Starts voxeme-switch for a test, and holds it to what every run must keep: it ends when asked,
// with exit status 0, no sanitizer report, and no token in what it logs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configXml, sha256 } from './config.mjs';
import { Client } from './http.mjs';
import { deadline, SLOW } from './wait.mjs';

export const ROOT = resolvePath(dirname(fileURLToPath(import.meta.url)), '../../..');
export const BINARY = process.env.VOXEME_SWITCH ?? join(ROOT, 'build/plain/voxeme-switch');

// Every test with so many threads, but for those that say how many they want.
export const THREADS = process.env.VOXEME_TEST_THREADS;

const SANITIZER = /ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer/;
const READY = /^voxeme-switch ready: (https?):\/\/(.+):(\d+) sip:(.+):(\d+)$/m;

export class Switch {
  #child; #dir; #exit; #allow = []; #log; #checked = false; #clients = [];
  stdout = ''; stderr = '';

  // spec: see configXml(); ports default to free ones.
  // `stderr`: a file descriptor for its log, which then is not looked at here.
  static async start(t, spec, { args = [], allow = [], stderr = 'pipe' } = {}) {
    const sw = new Switch();
    sw.#allow = allow;
    sw.#log = stderr;
    sw.#dir = await mkdtemp(join(tmpdir(), 'voxeme-e2e-'));
    t.after(() => sw.#finish());
    sw.configFile = join(sw.#dir, 'voxeme.conf.xml');
    await sw.configure(spec);
    sw.#spawn(args);
    await sw.#ready();
    return sw;
  }

  // Writes the file anew; reload() makes the switch read it.
  async configure(spec) {
    this.spec = {
      ...spec,
      settings: { listen: '127.0.0.1:0', threads: THREADS, ...spec.settings },
      sip: { 'sip-listen': '127.0.0.1:0', ...spec.sip },
    };
    await this.writeConfig(configXml(this.spec));
  }

  async writeConfig(text) {
    await writeFile(`${this.configFile}.new`, text);
    await rename(`${this.configFile}.new`, this.configFile);
  }

  #spawn(args) {
    this.#child = spawn(BINARY, ['--config', this.configFile, ...args], { stdio: ['ignore', 'pipe', this.#log] });
    this.#child.stdout.setEncoding('utf8').on('data', (chunk) => { this.stdout += chunk; });
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk) => { this.stderr += chunk; });
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.#exit.catch(() => {});
  }

  async #ready() {
    const line = new Promise((resolve) => {
      const look = () => { const m = READY.exec(this.stdout); if (m) resolve(m); };
      this.#child.stdout.on('data', look);
    });
    const ended = this.#exit.then(({ code, signal }) => {
      throw new Error(`voxeme-switch ended with ${signal ?? code} before it was ready:\n${this.stderr}`);
    });
    const [, scheme, httpHost, httpPort, sipHost, sipPort] = await deadline(Promise.race([line, ended]), 'voxeme-switch to be ready');
    ended.catch(() => {});
    this.httpPort = Number(httpPort);
    this.sipPort = Number(sipPort);
    this.url = `${scheme}://${httpHost}:${httpPort}`;
    this.sip = `${sipHost}:${sipPort}`;
  }

  get pid() { return this.#child.pid; }
  get running() { return this.#child.exitCode === null && this.#child.signalCode === null; }
  get dir() { return this.#dir; }

  client(token, options) {
    const client = new Client(this.url, token, options);
    this.#clients.push(client);
    return client;
  }

  signal(name) { this.#child.kill(name); }

  // SIGHUP, and the line in the log that says how it went (appended after now).
  async reload(spec, pattern = /reload/i) {
    if (spec) await this.configure(spec);
    const from = this.stderr.length;
    this.signal('SIGHUP');
    return this.logged(pattern, from);
  }

  // Waits until the log holds a match after offset `from`.
  logged(pattern, from = 0) {
    return deadline(new Promise((resolve, reject) => {
      const look = () => { const m = pattern.exec(this.stderr.slice(from)); if (m) resolve(m); return m; };
      if (look()) return;
      this.#child.stderr.on('data', look);
      this.#exit.then(() => reject(new Error(`voxeme-switch ended before it logged ${pattern}:\n${this.stderr}`)));
    }), `the log to hold ${pattern}; it holds:\n${this.stderr.slice(from)}`);
  }

  exited() { return deadline(this.#exit, 'voxeme-switch to end'); }

  // SIGTERM; resolves with {code, signal, ms}.
  async stop(signal = 'SIGTERM') {
    const began = Date.now();
    this.signal(signal);
    const end = await this.exited();
    return { ...end, ms: Date.now() - began };
  }

  async kill() {
    this.#checked = true;
    this.signal('SIGKILL');
    await this.#exit;
  }

  // Starts it again with the same file.
  async restart() {
    this.stdout = '';
    this.#checked = false;
    this.#spawn([]);
    await this.#ready();
  }

  async #finish() {
    for (const client of this.#clients) client.close();
    try {
      if (!this.#child) return;
      if (this.running) this.signal('SIGTERM');
      let end;
      try {
        end = await this.exited();
      } catch (error) {
        this.signal('SIGKILL');
        throw new Error(`${error.message}\n${this.stderr}`);
      }
      // A test that failed for this shows only what it met; here is why.
      if (!this.#checked && (end.signal ?? end.code) !== 0) {
        process.stderr.write(`voxeme-switch ended with ${end.signal ?? `status ${end.code}`}:\n${this.stderr}\n`);
      }
      this.checkLog();
      if (!this.#checked) assert.equal(end.signal ?? end.code, 0, `voxeme-switch ended with ${end.signal ?? end.code}:\n${this.stderr}`);
    } finally {
      if (this.#dir) await rm(this.#dir, { recursive: true, force: true });
    }
  }

  checkLog() {
    assert.doesNotMatch(this.stderr, SANITIZER, 'sanitizer report');
    const tokens = [...(this.spec.adminTokens ?? []), ...(this.spec.accounts ?? []).flatMap((a) => a.tokens)];
    for (const token of tokens) {
      assert.ok(!this.stderr.includes(token), `a token is in the log:\n${this.stderr}`);
      assert.ok(!this.stderr.includes(sha256(token)), `the hash of a token is in the log:\n${this.stderr}`);
    }
    assert.doesNotMatch(this.stderr, /Bearer [0-9a-f]/i, 'an Authorization header is in the log');
  }
}

// Runs voxeme-switch to its end: {code, signal, stdout, stderr}.
export async function run(args, { input } = {}) {
  const child = spawn(BINARY, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '', stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => { stdout += chunk; });
  child.stderr.setEncoding('utf8').on('data', (chunk) => { stderr += chunk; });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    const end = await deadline(new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    }), `voxeme-switch ${args.join(' ')}`);
    assert.doesNotMatch(stderr, SANITIZER, 'sanitizer report');
    return { ...end, stdout, stderr };
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
