// Runs SIPp as one party of calls and follows it over the twin socket (see scenario.mjs).

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.mjs';
import { deadline } from './wait.mjs';

const ESC = '\x1b';

export class Sipp {
  #child; #dir; #events = []; #waiters = []; #socket; #heard; #exit; #twin;
  #waiting = new Set(); // calls that stand at a gate
  #let = new Map();     // call -> what it is told at the gates that it may pass

  // options: scenario (XML), remote ("host:port", for callers), transport ("udp" or "tcp"),
  // host (local address), port, calls, rate (calls a second), limit (calls at once).
  static async start(t, options) {
    const sipp = new Sipp();
    try {
      await sipp.#start(options);
    } catch (error) {
      await sipp.stop();
      throw error;
    }
    t.after(() => sipp.stop());
    return sipp;
  }

  async #start({ scenario, remote, transport = 'udp', host = '127.0.0.1', port, calls = 1, rate = 10, limit, args = [] }) {
    this.host = host;
    this.port = port ?? (await freePort(host));
    this.#dir = await mkdtemp(join(tmpdir(), 'voxeme-sipp-'));
    await writeFile(join(this.#dir, 'scenario.xml'), scenario);
    this.#twin = createServer();
    await new Promise((resolve, reject) => this.#twin.once('error', reject).listen(0, '127.0.0.1', resolve));
    const connected = new Promise((resolve) => this.#twin.once('connection', resolve));
    this.#child = spawn('sipp', [
      ...(remote ? [remote] : []), '-sf', 'scenario.xml', '-3pcc', `127.0.0.1:${this.#twin.address().port}`,
      '-i', host, '-p', String(this.port), '-t', transport === 'tcp' ? 't1' : 'u1', '-m', String(calls), '-r', String(rate),
      ...(limit ? ['-l', String(limit)] : []), '-nostdin', '-trace_err', '-trace_logs', '-skip_rlimit',
      '-recv_timeout', '40000', ...args,
    ], { cwd: this.#dir, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    this.#child.stderr.on('data', (chunk) => { stderr = (stderr + chunk).slice(-4000); });
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve({ code, signal, stderr }));
    });
    this.#exit.catch(() => {});
    this.#socket = await deadline(
      Promise.race([connected, this.#exit.then(async (e) => { throw new Error(`sipp ended at its start: ${await this.#why(e)}`); })]),
      'sipp to start');
    this.#heard = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#exit.then(() => this.#fail(), () => this.#fail());
    this.#read();
  }

  get pid() { return this.#child.pid; }
  get address() { return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`; }

  #read() {
    let buffer = '';
    this.#socket.setEncoding('utf8');
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk) => {
      buffer += chunk;
      for (let end; (end = buffer.indexOf(ESC)) >= 0; buffer = buffer.slice(end + 1)) this.#take(buffer.slice(0, end));
    });
  }

  #take(text) {
    const callId = /^Call-ID: *(.*?)\r?$/m.exec(text)?.[1];
    const at = /^At: *(.*?)\r?$/m.exec(text)?.[1];
    const message = text.slice(text.indexOf('\r\n\r\n') + 4);
    if (/^Waits: *yes/m.test(text.slice(0, text.indexOf('\r\n\r\n')))) {
      this.#waiting.add(callId);
      this.#letOn(callId);
    }
    const valid = /^Valid: *(.*?)\r?$/m.exec(text.slice(0, text.indexOf('\r\n\r\n')))?.[1];
    this.#events.push({ callId, at, message, valid, time: Date.now(), taken: false });
    this.#serve();
  }

  #serve() {
    this.#waiters = this.#waiters.filter(({ label, callId, resolve }) => {
      const event = this.#events.find((e) => !e.taken && e.at === label && (!callId || e.callId === callId));
      if (!event) return true;
      event.taken = true;
      resolve(event);
      return false;
    });
  }

  // A short call may be over, and its SIPp with it, before what it has reported is read.
  async #fail() {
    await this.#heard;
    const waiters = this.#waiters;
    this.#waiters = [];
    if (waiters.length === 0) return;
    const why = await this.#why(await this.#exit.catch((e) => ({ code: String(e) })));
    for (const { label, reject } of waiters) reject(new Error(`sipp ended before "${label}": ${why}`));
  }

  async #why({ code, signal, stderr = '' }) {
    const names = await readdir(this.#dir).catch(() => []);
    const logs = await Promise.all(names.filter((n) => /_errors\.log$|_logs\.log$/.test(n))
      .map((n) => readFile(join(this.#dir, n), 'utf8')));
    return `exit code ${code}${signal ? ` (${signal})` : ''}\n${stderr.trim()}\n${logs.join('\n').slice(-6000)}`;
  }

  // Resolves with {callId, at, message, time} (and `valid`, after a challenge) once a call has reported this label.
  at(label, callId) {
    return deadline(new Promise((resolve, reject) => {
      this.#waiters.push({ label, callId, resolve, reject });
      this.#serve();
      if (this.#child.exitCode !== null) this.#fail();
    }), `sipp to reach "${label}"`);
  }

  // Everything reported so far under a label.
  reports(label) { return this.#events.filter((e) => e.at === label); }

  // Lets a call go on that stands at a gate, or through the next one it comes to. (SIPp gives up a
  // call that is told so anywhere else.) What it is told is of use to a gateFor().
  go(callId, told = 'on') {
    this.#let.set(callId, [...(this.#let.get(callId) ?? []), told]);
    this.#letOn(callId);
  }

  #letOn(callId) {
    const told = this.#let.get(callId) ?? [];
    if (told.length === 0 || !this.#waiting.delete(callId)) return;
    this.#socket.write(`Call-ID: ${callId}\r\nGo: ${told.shift()}\r\n\r\n${ESC}`);
  }

  // Waits for its end; every call must have gone as the scenario says.
  async finished({ code = 0, ms } = {}) {
    const end = await deadline(this.#exit, 'sipp to finish', ms);
    if (end.code !== code) throw new Error(`sipp: ${await this.#why(end)}`);
  }

  async stop() {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await this.#exit.catch(() => {});
    }
    this.#socket?.destroy();
    this.#twin?.close();
    if (this.#dir) await rm(this.#dir, { recursive: true, force: true });
  }
}

// The value of a header in a SIP message, as it stands there.
export function header(message, name) {
  return new RegExp(`^${name}[ \\t]*:[ \\t]*(.*?)\\r?$`, 'im').exec(message)?.[1];
}

export function body(message) {
  const at = message.indexOf('\r\n\r\n');
  return at < 0 ? '' : message.slice(at + 4);
}
