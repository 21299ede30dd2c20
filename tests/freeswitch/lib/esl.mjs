// A client of mod_event_socket: commands to FreeSWITCH and the lines it logs.

import { connect } from 'node:net';
import { deadline } from '../../e2e/lib/wait.mjs';

export class Esl {
  #socket; #buffer = Buffer.alloc(0); #replies = []; #wake = new Set(); #closed = false;
  log = '';

  // Refused connections are tried again: nothing tells that FreeSWITCH is listening but that.
  static async open({ port, password, gone, ms }) {
    const esl = new Esl();
    await deadline(esl.#connect(port, gone), 'FreeSWITCH to listen for commands', ms);
    await esl.#reply(); // auth/request
    esl.#socket.write(`auth ${password}\n\n`);
    const { headers } = await esl.#reply();
    if (!/^\+OK/.test(headers['Reply-Text'])) throw new Error(`FreeSWITCH: ${headers['Reply-Text']}`);
    return esl;
  }

  async #connect(port, gone) {
    for (;;) {
      if (gone?.()) throw new Error('FreeSWITCH ended before it took commands');
      const socket = connect({ port, host: '127.0.0.1' });
      const up = await new Promise((resolve) => { socket.once('connect', () => resolve(true)); socket.once('error', () => resolve(false)); });
      if (up) {
        this.#socket = socket;
        socket.on('error', () => {});
        socket.on('close', () => this.#close());
        socket.on('data', (chunk) => this.#read(chunk));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #close() {
    this.#closed = true;
    for (const { reject } of this.#replies.splice(0)) reject(new Error('FreeSWITCH closed the connection'));
    for (const look of this.#wake) look();
  }

  #read(chunk) {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf('\n\n');
      if (end < 0) return;
      const headers = Object.fromEntries(this.#buffer.subarray(0, end).toString().split('\n').filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf(':')), decodeURIComponent(line.slice(line.indexOf(':') + 1).trim().replace(/%(?![0-9a-f]{2})/gi, '%25'))]));
      const length = Number(headers['Content-Length'] ?? 0);
      if (this.#buffer.length < end + 2 + length) return;
      const body = this.#buffer.subarray(end + 2, end + 2 + length).toString();
      this.#buffer = this.#buffer.subarray(end + 2 + length);
      this.#take(headers, body);
    }
  }

  #early = [];

  #take(headers, body) {
    if (headers['Content-Type'] === 'log/data') {
      this.log += body;
      for (const look of this.#wake) look();
    } else if (headers['Content-Type'] !== 'text/disconnect-notice') {
      const waiter = this.#replies.shift();
      if (waiter) waiter.resolve({ headers, body }); else this.#early.push({ headers, body });
    }
  }

  #reply() {
    const early = this.#early.shift();
    if (early) return early;
    if (this.#closed) throw new Error('FreeSWITCH closed the connection');
    return new Promise((resolve, reject) => this.#replies.push({ resolve, reject }));
  }

  // Answers come in the order of the commands; several may be under way.
  async api(command, ms) {
    const answer = this.#reply();
    this.#socket.write(`api ${command}\n\n`);
    return (await deadline(Promise.resolve(answer), `FreeSWITCH: ${command}`, ms)).body;
  }

  // From now on, lines of this level and worse are in `log`.
  async follow(level) {
    const answer = this.#reply();
    this.#socket.write(`log ${level}\n\n`);
    await answer;
  }

  // Waits until the log holds a match after offset `from`.
  logged(pattern, from = 0) {
    let look;
    return deadline(new Promise((resolve, reject) => {
      look = () => {
        const match = pattern.exec(this.log.slice(from));
        if (match) resolve(match); else if (this.#closed) reject(new Error(`FreeSWITCH is gone before it logged ${pattern}`));
      };
      this.#wake.add(look);
      look();
    }), `FreeSWITCH to log ${pattern}`).finally(() => this.#wake.delete(look));
  }

  close() { this.#socket?.destroy(); }
}
