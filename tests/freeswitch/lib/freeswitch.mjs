// Starts a FreeSWITCH of its own for a test file: configuration, logs and databases in a temporary
// directory, loopback only, every port a free one; with the mod_voxeme.so of the build tree beside
// FreeSWITCH's own modules.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configXml, sha256 } from '../../e2e/lib/config.mjs';
import { Client } from '../../e2e/lib/http.mjs';
import { freePort } from '../../e2e/lib/ports.mjs';
import { deadline } from '../../e2e/lib/wait.mjs';
import { DIALPLAN, freeswitchXml } from './dialplan.mjs';
import { Esl } from './esl.mjs';

const { VOXEME_FREESWITCH: PREFIX, VOXEME_FREESWITCH_MODULES: MODULES, VOXEME_MODULE: MODULE, VOXEME_HEAP_MODULE: HEAP } = process.env;
export const PATIENCE_MS = 30_000;
const DIRECTORIES = ['conf', 'log', 'db', 'run', 'mod', 'temp', 'storage', 'cache', 'recordings', 'sounds', 'certs'];

export class FreeSwitch {
  #child; #dir; #command; #env; #exit; #clients = []; #slow = 1; #tokens = new Set();

  // spec: see configXml(); autoload: the module is in modules.conf, else it is loaded unless `load` is
  // false; directory: domains and their users; profile: further parameters of the SIP profile; wrapper: a command and its arguments to run FreeSWITCH
  // under, given the directory; slow: how many times the usual patience it needs.
  static async start({ spec, dialplan = [], directory = [], profile = {}, autoload = false, load = !autoload, wrapper = () => [], slow = 1, env = {} }) {
    const fs = new FreeSwitch();
    fs.#slow = slow;
    fs.#dir = await mkdtemp(join(tmpdir(), 'voxeme-fs-'));
    try {
      await fs.#prepare(spec, { dialplan: [...dialplan, ...DIALPLAN], directory, profile, autoload });
      fs.#command = [...wrapper(fs.#dir), join(PREFIX, 'bin/freeswitch'), '-nonat', '-nf', '-nc', '-np',
        ...DIRECTORIES.flatMap((name) => [`-${name}`, join(fs.#dir, name)])];
      fs.#env = env;
      await fs.#spawn();
      if (load) await fs.load();
    } catch (error) {
      const log = await fs.logFile();
      await fs.kill();
      throw new Error(`${error.message}\n${fs.output}\n${log.slice(-4000)}`);
    }
    return fs;
  }

  async #prepare(spec, parts) {
    for (const name of DIRECTORIES) await mkdir(join(this.#dir, name));
    for (const name of await readdir(MODULES)) {
      if (name.endsWith('.so') && name !== 'mod_voxeme.so') await symlink(join(MODULES, name), join(this.#dir, 'mod', name));
    }
    await symlink(MODULE, join(this.#dir, 'mod', 'mod_voxeme.so'));
    if (HEAP) await symlink(HEAP, join(this.#dir, 'mod', 'mod_heap.so'));
    await this.#makeCertificates();
    this.sipPort = await freePort();
    this.callidPort = await freePort();
    this.usersPort = await freePort();
    this.httpPort = await freePort();
    this.eslPort = await freePort();
    this.password = randomUUID();
    await this.configure(spec);
    await writeFile(join(this.#dir, 'conf', 'freeswitch.xml'), freeswitchXml({ ...this, rtp: 40000, ...parts }));
  }

  // Without them, or with shorter ones, FreeSWITCH makes keys of 4096 bits at each start: 1 to 30 seconds, under valgrind
  // minutes. Of four primes they take a fraction of that.
  async #makeCertificates() {
    const [key, cert] = ['key', 'crt'].map((name) => join(this.#dir, 'certs', name));
    await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:4096', '-pkeyopt', 'rsa_keygen_primes:4', '-nodes', '-days', '2',
      '-subj', '/CN=fs1', '-keyout', key, '-out', cert]);
    const pem = Buffer.concat([await readFile(key), await readFile(cert)]);
    for (const name of ['dtls-srtp.pem', 'wss.pem']) await writeFile(join(this.#dir, 'certs', name), pem);
  }

  async #spawn() {
    const [program, ...args] = this.#command;
    this.#child = spawn(program, args, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.#env } });
    this.output = '';
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => { this.output += chunk; });
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.#exit.catch(() => {});
    this.esl = await Esl.open({ port: this.eslPort, password: this.password, gone: () => !this.running, ms: PATIENCE_MS * this.#slow });
    await this.esl.follow('notice');
    for (const profile of ['internal', 'callid', 'users']) await this.#until(async () => /^Name\s/m.test(await this.api(`sofia status profile ${profile}`)), `profile ${profile}`);
  }

  // What FreeSWITCH tells nobody can only be asked again.
  async #until(test, what) {
    const end = Date.now() + PATIENCE_MS * this.#slow;
    while (!(await test())) {
      if (Date.now() > end) throw new Error(`waited for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  until(test, what) { return this.#until(test, what); }

  get pid() { return this.#child.pid; }
  get dir() { return this.#dir; }
  get running() { return this.#child.exitCode === null && this.#child.signalCode === null; }
  get sip() { return `127.0.0.1:${this.sipPort}`; }
  get url() { return `http://127.0.0.1:${this.httpPort}`; }

  api(command) { return this.esl.api(command, PATIENCE_MS * this.#slow); }

  // Writes voxeme.conf.xml anew; FreeSWITCH reads it at reloadxml.
  async configure(spec) {
    this.spec = { ...spec, settings: { listen: `127.0.0.1:${this.httpPort}`, ...spec.settings } };
    for (const token of [...(spec.adminTokens ?? []), ...(spec.accounts ?? []).flatMap((a) => a.tokens)]) this.#tokens.add(token);
    await this.writeConfig(configXml(this.spec));
  }

  async writeConfig(text) {
    const file = join(this.#dir, 'conf', 'voxeme.conf.xml');
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }

  async load() {
    const answer = await this.api('load mod_voxeme');
    // It says +OK of the configuration that it has read anew first.
    assert.ok(/\+OK/.test(answer) && !/-ERR/.test(answer), `load mod_voxeme: ${answer}\n${this.esl.log.slice(-3000)}`);
  }

  async unload() {
    const answer = await this.api('unload mod_voxeme');
    assert.match(answer, /\+OK/, `unload mod_voxeme: ${answer}`);
  }

  client(token, options) {
    const client = new Client(this.url, token, options);
    this.#clients.push(client);
    return client;
  }

  // KiB resident now.
  rss() { return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]); }

  // KiB that are allocated now; NaN where that cannot be told. mod_heap must have been loaded.
  async heap() { return Number.parseInt(await this.api('heap'), 10) / 1024; }

  // How many there are, and how many there have been.
  async sessions() {
    const status = await this.api('status');
    const [ever, now] = [/(\d+) session\(s\) since startup/, /(\d+) session\(s\) - peak/].map((pattern) => Number(pattern.exec(status)[1]));
    return { ever, now };
  }

  // Seconds of CPU time spent so far.
  cpu() {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  logFile() { return readFile(join(this.#dir, 'log', 'freeswitch.log'), 'utf8').catch(() => ''); }

  closeClients() { for (const client of this.#clients.splice(0)) client.close(); }

  // Ends it as an administrator would, and holds it to what every run must keep.
  async stop() {
    this.closeClients();
    assert.ok(this.running, `FreeSWITCH died:\n${this.output}\n${await this.logFile()}`);
    this.esl.close();
    this.#child.kill('SIGTERM');
    let end;
    try {
      end = await deadline(this.#exit, 'FreeSWITCH to end', PATIENCE_MS * this.#slow);
      const log = await this.logFile() + this.output;
      for (const token of this.#tokens) {
        assert.ok(!log.includes(token), 'a token is in the log');
        assert.ok(!log.includes(sha256(token)), 'the hash of a token is in the log');
      }
    } finally {
      this.files = await this.read?.(this.#dir);
      await this.kill();
    }
    assert.equal(end.signal ?? end.code, 0, `FreeSWITCH ended with ${end.signal ?? end.code}`);
  }

  // Dies at once, and comes up again where it was.
  async crash() {
    await this.#die();
    await this.#spawn();
  }

  async #die() {
    this.closeClients();
    this.esl?.close();
    if (this.#child && this.running) {
      this.#child.kill('SIGKILL');
      await this.#exit.catch(() => {});
    }
  }

  async kill() {
    await this.#die();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
