// Programs of the bench: started on a given core, spoken to in lines, ended by their own pid.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const BUILD = process.env.VOXEME_BENCH_BUILD;
export const SERVER_CORE = 0, CLIENT_CORE = 1;

const running = new Set();
const dirs = new Set();

// Nothing is left behind, however the bench ends.
export async function cleanUp() {
  await Promise.all([...running].map((p) => p.stop()));
  await Promise.all([...dirs].map((dir) => rm(dir, { recursive: true, force: true })));
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => cleanUp().finally(() => process.exit(1)));

export async function tempDir() {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-bench-'));
  dirs.add(dir);
  return dir;
}

export class Program {
  #child; #exit; #lines; #stderr = '';

  // core: the one it is kept on; undefined: any.
  constructor(command, args, { core, cwd } = {}) {
    const [file, ...rest] = core === undefined ? [command, ...args] : ['taskset', '-c', String(core), command, ...args];
    this.#child = spawn(file, rest.map(String), { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (chunk) => { this.#stderr = (this.#stderr + chunk).slice(-4000); });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve({ code: -1, error }));
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.name = command.split('/').pop();
    running.add(this);
  }

  get pid() { return this.#child.pid; }
  get stderr() { return this.#stderr; }
  exited() { return this.#exit; }

  async line() {
    const { value, done } = await this.#lines.next();
    if (!done) return value;
    const { code, signal, error } = await this.#exit;
    throw new Error(`${this.name} ended with ${error?.message ?? signal ?? code}: ${this.#stderr.trim()}`);
  }

  async json() { return JSON.parse(await this.line()); }

  async ask(line) {
    this.#child.stdin.write(`${line}\n`);
    return this.json();
  }

  async text() {
    let text = '';
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) return text;
      text += `${value}\n`;
    }
  }

  signal(name) { this.#child.kill(name); }

  // Lets it end by itself at the end of its stdin or by SIGTERM; after five seconds it is killed.
  async stop() {
    if (!running.delete(this)) return;
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.pid) {
      this.#child.stdin.end();
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      await this.#exit;
      clearTimeout(late);
    }
  }

  // Seconds of processor time, children included.
  cpu() { return cpuOf(this.pid); }
}

function cpuOf(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ')) {
        if (child) ns += cpuOf(child) * 1e9;
      }
    } catch { /* has ended */ }
  }
  return ns / 1e9;
}

export const residentOf = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

export const bench = (name, args, options) => new Program(`${BUILD}/tests/bench/bench_${name}`, args, options);

// bench_host, with what it says of itself: {port, accounts: [{sid, token, calls, path, url}]}.
export async function host(calls, { others, settings = {}, fireCore = CLIENT_CORE, netCore = SERVER_CORE } = {}) {
  const program = bench('host', [calls.join(','), ...(others ? [`others=${others}`] : []), `net-core=${netCore}`, `fire-core=${fireCore}`,
    ...Object.entries(settings).map(([name, value]) => `setting=${name}=${value}`)]);
  const { port, accounts } = await program.json();
  const base = `${settings['tls-cert'] ? 'https' : 'http'}://127.0.0.1:${port}`;
  return Object.assign(program, {
    port,
    // Each event must have changed something: what changes nothing is quick and tells nobody.
    fire: async (order) => {
      const fired = await program.ask(order);
      if (!(fired.changed > 0.999 * fired.events)) throw new Error(`${order}: ${fired.changed} of ${fired.events} events changed something`);
      return fired;
    },
    accounts: accounts.map((a) => ({
      ...a, path: `/v1/Accounts/${a.sid}/Calls`, url: `${base}/v1/Accounts/${a.sid}/Calls`, headers: { Authorization: `Bearer ${a.token}` },
    })),
  });
}
