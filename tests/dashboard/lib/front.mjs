// Stands in front of a voxeme-switch that has the list but neither page nor feed: serves the page, passes requests on,
// and makes a feed of the list's own ?since= and ?wait=.

import { createServer, request as httpRequest, STATUS_CODES } from 'node:http';
import { WebSocketServer } from 'ws';
import { servePage } from './page.mjs';

const PROTOCOL = 'voxeme.calls.v1';
const ENDED = new Set(['completed', 'busy', 'no-answer', 'failed']);

export class Front {
  #http; #feed; #sockets = new Set(); #target; #port;

  static async start(t, target) {
    const front = new Front();
    front.#target = target;
    await front.#listen();
    t.after(() => front.stop());
    return front;
  }

  async #listen() {
    this.#feed = new WebSocketServer({ noServer: true, handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL });
    this.#http = createServer((request, response) => this.#pass(request, response));
    this.#http.on('connection', (socket) => { this.#sockets.add(socket); socket.on('close', () => this.#sockets.delete(socket)); });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head).catch(() => socket.destroy()));
    await new Promise((resolve) => this.#http.listen(this.#port ?? 0, '127.0.0.1', resolve));
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

  async #pass(request, response) {
    if (await servePage(request, response)) return;
    const target = new URL(request.url, this.#target);
    const onward = httpRequest(target, { method: request.method, headers: { ...request.headers, host: target.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  }

  async #upgrade(request, socket, head) {
    socket.on('error', () => {});
    const url = new URL(request.url, this.#target);
    const token = (request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/).find((name) => name.startsWith('bearer.'))?.slice(7);
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const since = url.searchParams.get('since');
    url.search = '';
    const first = await this.#ask(url, headers, since);
    if (!first.ok) {
      socket.end(`HTTP/1.1 ${first.status} ${STATUS_CODES[first.status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.#feed.handleUpgrade(request, socket, head, (client) => this.#follow(client, url, headers, first).catch(() => client.terminate()));
  }

  async #ask(url, headers, since) {
    const answer = await fetch(`${url}${since ? `?since=${since}` : ''}`, { headers });
    if (!answer.ok) return { ok: false, status: answer.status };
    const body = await answer.json();
    return { ok: true, ...(since ? body : { reset: true, calls: body, revision: /^W\/"(.+)"$/.exec(answer.headers.get('etag'))[1] }) };
  }

  async #follow(client, url, headers, first) {
    const known = new Map(); // call_sid -> answered
    let { revision } = first;
    this.#send(client, known, first);
    while (client.readyState === 1) {
      const answer = await fetch(`${url}?since=${revision}&wait=5`, { headers });
      if (!answer.ok) {
        client.close(answer.status === 401 ? 4401 : 1011);
        return;
      }
      const next = await answer.json();
      if (next.revision !== revision) this.#send(client, known, next);
      ({ revision } = next);
    }
  }

  #send(client, known, { revision, reset, calls, removed = [] }) {
    const changes = calls.map((call) => ({ event: eventOf(known, call), call }));
    if (reset) known.clear();
    for (const call of calls) known.set(call.call_sid, 'answered_at' in call);
    for (const sid of removed) known.delete(sid);
    client.send(JSON.stringify(reset ? { type: 'snapshot', revision, calls }
      : { type: 'changes', revision, changes: [...changes, ...removed.map((sid) => ({ event: 'removed', call_sid: sid }))] }));
  }
}

function eventOf(known, call) {
  if (!known.has(call.call_sid)) return 'created';
  if (ENDED.has(call.call_status)) return 'ended';
  return 'answered_at' in call && !known.get(call.call_sid) ? 'answered' : 'updated';
}
