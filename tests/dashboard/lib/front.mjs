// Stands in front of a voxeme-switch that does not serve the page: serves it, and passes all else on, the feed too.

import { createServer, request as httpRequest } from 'node:http';
import { servePage } from './page.mjs';

export class Front {
  #http; #sockets = new Set(); #target; #port;

  static async start(t, target) {
    const front = new Front();
    front.#target = target;
    await front.#listen();
    t.after(() => front.stop());
    return front;
  }

  async #listen() {
    this.#http = createServer((request, response) => this.#pass(request, response));
    this.#http.on('connection', (socket) => this.#keep(socket));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    await new Promise((resolve) => { this.#http.listen(this.#port ?? 0, '127.0.0.1', resolve); });
    this.#port = this.#http.address().port;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => { this.#http.close(resolve); });
  }

  // The switch was started anew.
  async plug(target) {
    await this.stop();
    this.#target = target;
    await this.#listen();
  }

  #keep(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #onward(request) {
    const target = new URL(request.url, this.#target);
    return httpRequest(target, { method: request.method, headers: { ...request.headers, host: target.host } });
  }

  async #pass(request, response) {
    if (await servePage(request, response)) return;
    const onward = this.#onward(request);
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  }

  #upgrade(request, near, head) {
    const onward = this.#onward(request);
    const lines = ({ statusCode, statusMessage, rawHeaders }) =>
      `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${rawHeaders.map((text, i) => text + (i % 2 ? '\r\n' : ': ')).join('')}\r\n`;
    onward.on('upgrade', (answer, far, first) => {
      this.#keep(far);
      near.write(lines(answer));
      near.write(first);
      far.write(head);
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    onward.on('response', (answer) => {
      near.write(lines(answer));
      answer.pipe(near);
    });
    onward.on('error', () => near.destroy());
    onward.end();
  }
}
