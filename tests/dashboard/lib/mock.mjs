// A server of the API and the feed that does what a test tells it, and as fast: thousands of calls without one phone.

import { randomUUID } from 'node:crypto';
import { createServer, STATUS_CODES } from 'node:http';
import { WebSocketServer } from 'ws';
import { servePage } from './page.mjs';

const PROTOCOL = 'voxeme.calls.v1';

export class Mock {
  #http; #feed; #sockets = new Set(); #clients = new Set();
  #calls = new Map(); // call_sid -> call, oldest first
  #log = [];          // {revision, account, change}
  #revision = 0;
  epoch = Math.floor(Math.random() * 2 ** 32);
  requests = [];      // "METHOD path" of what was asked
  account = randomUUID();
  token = randomUUID();
  adminToken = randomUUID();
  refuseUpgrades = 0; // with this status
  commands = ['originate', 'hangup', 'hold', 'unhold', 'mute', 'unmute', 'dtmf', 'tag']; // undefined: it does not say
  commanded = [];     // {method, path, key, body} of what was to be done to calls
  // Answers those: {status, body}, or a promise of it.
  perform = ({ method }) => (method === 'POST' ? { status: 201, body: { sid: randomUUID() } } : { status: 204 });

  static async start(t, { port = 0 } = {}) {
    const mock = new Mock();
    await mock.listen(port);
    t?.after(() => mock.stop());
    return mock;
  }

  async listen(port = this.port ?? 0) {
    this.#feed = new WebSocketServer({ noServer: true, handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL });
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    await new Promise((resolve, reject) => this.#http.once('error', reject).listen(port, '127.0.0.1', resolve));
    this.port = this.#http.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    if (!this.#http.listening) return;
    for (const { socket } of this.#clients) socket.close(1001, '');
    const closed = new Promise((resolve) => this.#http.close(resolve));
    setTimeout(() => { for (const socket of this.#sockets) socket.destroy(); }, 50);
    await closed;
  }

  // The same address, another run: nothing of before is known.
  async restart() {
    await this.stop();
    this.#calls.clear();
    this.#log = [];
    this.#revision = 0;
    this.epoch++;
    await this.listen();
  }

  get clients() { return this.#clients.size; }
  closeClients(code, reason) { for (const { socket } of this.#clients) socket.close(code, reason); }
  revoke() {
    this.token = randomUUID();
    this.closeClients(4401, 'token revoked');
  }

  get calls() { return [...this.#calls.values()].reverse(); }

  // A new call; what is not given is made up.
  create(fields = {}) {
    const call = {
      account_sid: this.account, attempted_at: new Date().toISOString(), call_id: randomUUID(), call_sid: randomUUID(),
      call_status: 'trying', caller_name: '', direction: 'inbound', from: '15083728299', service_url: this.url,
      sip_status: 100, to: '12125550187', ...fields,
    };
    this.#calls.set(call.call_sid, call);
    this.#tell(call.account_sid, { event: 'created', call });
    return call;
  }

  update(callSid, fields, event = 'updated') {
    const call = { ...this.#calls.get(callSid), ...fields };
    this.#calls.set(callSid, call);
    this.#tell(call.account_sid, { event, call });
    return call;
  }

  ring(callSid) { return this.update(callSid, { call_status: 'ringing', sip_status: 180 }); }

  answer(callSid) {
    return this.update(callSid, { call_status: 'in-progress', sip_status: 200, answered_at: new Date().toISOString() }, 'answered');
  }

  end(callSid, fields = { call_status: 'completed', sip_status: 200, sip_reason: 'OK', termination_reason: 'NORMAL_CLEARING' }) {
    return this.update(callSid, { duration: 0, terminated_at: new Date().toISOString(), ...fields }, 'ended');
  }

  remove(callSid) {
    const call = this.#calls.get(callSid);
    this.#calls.delete(callSid);
    this.#tell(call.account_sid, { event: 'removed', call_sid: callSid });
  }

  // A text as it stands, to everybody.
  say(text) { for (const { socket } of this.#clients) socket.send(text); }

  get #cursor() { return `${this.epoch}.${this.#revision}`; }

  #tell(account, change) {
    this.#log.push({ revision: ++this.#revision, account, change });
    if (this.#log.length > 20_000) this.#log.splice(0, 10_000);
    for (const client of this.#clients) {
      if (client.account && client.account !== account) continue;
      if (client.pending.size === 0) setImmediate(() => this.#flush(client));
      merge(client.pending, change);
    }
  }

  #flush(client) {
    const changes = [...client.pending.values()];
    client.pending.clear();
    if (client.socket.readyState === 1) client.socket.send(JSON.stringify({ type: 'changes', revision: this.#cursor, changes }));
  }

  // {status, account}; account is '' for all.
  #authorize(path, token) {
    const sid = /^\/v1\/Accounts\/([^/]+)\/Calls(?:\/[^/]+)?$/.exec(path)?.[1];
    if (!sid && path !== '/v1/Calls') return { status: 404 };
    if (![this.token, this.adminToken].includes(token)) return { status: 401 };
    if (token !== this.adminToken && sid !== this.account) return { status: 403 };
    return { status: 200, account: sid ?? '' };
  }

  async #answer(request, response) {
    this.requests.push(`${request.method} ${request.url}`);
    if (await servePage(request, response)) return;
    const url = new URL(request.url, this.url);
    if (url.pathname === '/v1/openapi.json') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ 'x-voxeme-commands': this.commands }));
      return;
    }
    const { status, account } = this.#authorize(url.pathname, /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]);
    if (status === 200 && request.method !== 'GET') {
      await this.#command(request, response, url.pathname);
      return;
    }
    const etag = `W/"${this.#cursor}"`;
    if (status === 200 && request.headers['if-none-match'] === etag) {
      response.writeHead(304, { ETag: etag }).end();
      return;
    }
    const calls = this.calls.filter((call) => !account || call.account_sid === account);
    const size = Number(url.searchParams.get('page_size')) || 50;
    const body = status === 200 ? { total: calls.length, page: 1, page_size: size, data: calls.slice(0, size) } : { msg: STATUS_CODES[status] };
    response.writeHead(status, { 'Content-Type': 'application/json', ...(status === 200 ? { ETag: etag } : {}) }).end(JSON.stringify(body));
  }

  async #command(request, response, path) {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const command = { method: request.method, path, key: request.headers['idempotency-key'], body: JSON.parse(text) };
    this.commanded.push(command);
    const { status, body } = await this.perform(command);
    response.writeHead(status, body ? { 'Content-Type': 'application/json' } : {}).end(body && JSON.stringify(body));
  }

  #upgrade(request, socket, head) {
    this.requests.push(`UPGRADE ${request.url}`);
    const url = new URL(request.url, this.url);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
    const token = offered.find((name) => name.startsWith('bearer.'))?.slice(7);
    const { status, account } = this.#authorize(url.pathname, token);
    const refused = this.refuseUpgrades || (status === 200 ? 0 : status);
    if (refused) {
      socket.end(`HTTP/1.1 ${refused} ${STATUS_CODES[refused]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.#feed.handleUpgrade(request, socket, head, (client) => this.#join({ socket: client, account, pending: new Map() }, url.searchParams.get('since')));
  }

  #join(client, since) {
    client.socket.on('error', () => {});
    client.socket.on('close', () => this.#clients.delete(client));
    this.#clients.add(client);
    const [epoch, revision] = (since ?? '').split('.').map(Number);
    const mine = ({ account }) => !client.account || account === client.account;
    const first = this.#log[0]?.revision ?? this.#revision + 1;
    if (epoch === this.epoch && revision >= first - 1) {
      const missed = new Map();
      for (const entry of this.#log) if (entry.revision > revision && mine(entry)) merge(missed, entry.change);
      // Who has missed nothing is sent nothing.
      if (missed.size) client.socket.send(JSON.stringify({ type: 'changes', revision: this.#cursor, changes: [...missed.values()] }));
    } else {
      const calls = this.calls.filter((call) => mine({ account: call.account_sid }));
      client.socket.send(JSON.stringify({ type: 'snapshot', revision: this.#cursor, calls }));
    }
  }
}

// Each call at most once, in its newest state: created as long as nobody was told of it.
function merge(pending, change) {
  const sid = change.call_sid ?? change.call.call_sid;
  const created = pending.get(sid)?.event === 'created' && change.event !== 'removed';
  pending.set(sid, created ? { ...change, event: 'created' } : change);
}
