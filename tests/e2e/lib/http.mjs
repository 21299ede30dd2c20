// A small HTTP client with keep-alive, and raw sockets for what a client must not do.

import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { deadline } from './wait.mjs';

export class Client {
  constructor(base, token, options = {}) {
    this.base = base;
    this.token = token;
    this.options = options;
    const { Agent } = base.startsWith('https:') ? https : http;
    this.agent = new Agent({ keepAlive: true, maxSockets: options.maxSockets ?? 8, ...options.tls });
  }

  // Resolves with {status, headers, text, json}; a status is never an error.
  request(method, path, { headers = {}, body, token = this.token, signal } = {}) {
    const library = this.base.startsWith('https:') ? https : http;
    return deadline(new Promise((resolve, reject) => {
      const request = library.request(this.base + path, {
        method, agent: this.agent, signal, localAddress: this.options.localAddress,
        headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
      }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode, headers: response.headers, text, socket: response.socket,
            get json() { return JSON.parse(text); },
          });
        });
      });
      request.on('error', reject);
      request.end(body);
    }), `${method} ${path}`, this.options.patience ?? 90_000);
  }

  get(path, options) { return this.request('GET', path, options); }
  close() { this.agent.destroy(); }
}

// A TCP connection that writes bytes as they are and collects what comes back.
export class Raw {
  #chunks = []; #wake = () => {};
  closed = false;

  static async open(port, { host = '127.0.0.1', localAddress, paused = false } = {}) {
    const raw = new Raw();
    raw.socket = connect({ port, host, localAddress });
    raw.socket.on('error', () => {});
    raw.socket.on('close', () => { raw.closed = true; raw.#wake(); });
    raw.socket.on('end', () => { raw.ended = true; raw.#wake(); });
    await deadline(new Promise((resolve, reject) => {
      raw.socket.once('connect', resolve);
      raw.socket.once('error', reject);
    }), 'a connection');
    if (!paused) raw.resume();
    return raw;
  }

  resume() {
    this.socket.on('data', (chunk) => { this.#chunks.push(chunk); this.#wake(); });
  }

  write(data) { this.socket.write(data); }

  get text() { return Buffer.concat(this.#chunks).toString('latin1'); }

  // Waits until what was read matches, or the other side has closed.
  async until(test, what = 'bytes') {
    await deadline((async () => {
      while (!test(this.text) && !this.closed && !this.ended) await new Promise((resolve) => { this.#wake = resolve; });
    })(), what);
    return this.text;
  }

  // Waits for the other side to close.
  async end() {
    await this.until(() => false, 'the connection to be closed');
    return this.text;
  }

  destroy() { this.socket.destroy(); }
}
