// The far end of webhooks: keeps every request, and answers as the test says.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { deadline } from './wait.mjs';

export class Receiver {
  #server; #waiting = []; #sockets = new Set();
  requests = [];

  // `answer(request, index)` returns a status, an array [status, headers, body], or a promise of either.
  static async start(t, { answer = () => 200, tls, port = 0, host = '127.0.0.1' } = {}) {
    const receiver = new Receiver();
    receiver.answer = answer;
    receiver.#server = tls ? https.createServer(tls, (...args) => receiver.#take(...args)) : http.createServer((...args) => receiver.#take(...args));
    receiver.#server.on('connection', (socket) => { receiver.#sockets.add(socket); socket.on('close', () => receiver.#sockets.delete(socket)); });
    await new Promise((resolve, reject) => receiver.#server.once('error', reject).listen(port, host, resolve));
    receiver.port = receiver.#server.address().port;
    receiver.url = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${receiver.port}/status`;
    t.after(() => receiver.stop());
    return receiver;
  }

  async #take(request, response) {
    let body = '';
    request.setEncoding('utf8');
    request.on('error', () => {});
    response.on('error', () => {});
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    const query = new URL(url, 'http://x').search.slice(1);
    const kept = { method, url, headers, body, query, said: method === 'GET' ? Object.fromEntries(new URLSearchParams(query)) : JSON.parse(body) };
    const index = this.requests.push(kept) - 1;
    for (const resolve of this.#waiting.splice(0)) resolve();
    const [status, more = {}, text] = [await this.answer(kept, index)].flat();
    response.writeHead(status, more);
    response.end(text);
  }

  // Resolves with what `test(requests)` returns once that is truthy.
  until(test, what = String(test)) {
    return deadline((async () => {
      for (;;) {
        const result = test(this.requests);
        if (result) return result;
        await new Promise((resolve) => this.#waiting.push(resolve));
      }
    })(), what).catch((error) => { throw new Error(`${error.message}; there were ${JSON.stringify(this.statuses(), null, 1)}`); });
  }

  // The statuses told of a call (of all calls), in the order in which they came.
  statuses(sid) {
    return this.requests.filter((r) => !sid || r.said.call_sid === sid).map((r) => r.said.call_status);
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

// As the README has it.
export function verify(header, body, secret) {
  const { t, v1 } = Object.fromEntries(header.split(',').map((part) => part.split('=')));
  const expected = createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
  assert.equal(v1, expected, 'the signature is right');
  assert.ok(Math.abs(Date.now() / 1000 - Number(t)) < 60, `signed just now: ${t}`);
}

// A promise and what settles it.
export function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { opened, open };
}
