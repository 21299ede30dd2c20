// Clients of the live feed: WebSocket by the `ws` package, server-sent events by hand. Both keep what
// they have been told, call by call, the way any client of the feed would.

import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import WebSocket from 'ws';
import { deadline } from './wait.mjs';

export const SUBPROTOCOL = 'voxeme.calls.v1';

// What a client knows: calls by sid, and every message in the order it came.
class Known {
  #wake = () => {};
  calls = new Map(); messages = []; revision; ended;

  take(message) {
    this.messages.push(message);
    this.revision = message.revision;
    if (message.type === 'snapshot') {
      this.calls = new Map(message.calls.map((call) => [call.call_sid, call]));
    } else {
      assert.equal(message.type, 'changes');
      const seen = new Set();
      for (const { event, call, call_sid: sid } of message.changes) {
        assert.ok(!seen.has(call?.call_sid ?? sid), 'each call at most once in a message');
        seen.add(call?.call_sid ?? sid);
        if (event === 'removed') this.calls.delete(sid);
        else this.calls.set(call.call_sid, call);
      }
    }
    this.wake();
  }

  end(why) { this.ended = why; this.wake(); }
  wake() { const wake = this.#wake; this.#wake = () => {}; wake(); }

  // Resolves with what test(this) gives once that is truthy.
  until(test, what = String(test)) {
    return deadline((async () => {
      for (;;) {
        const result = test(this);
        if (result) return result;
        if (this.ended) throw new Error(`the feed has ended (${JSON.stringify(this.ended)}) before ${what}`);
        await new Promise((resolve) => { this.#wake = resolve; });
      }
    })(), `${what}; the calls are ${JSON.stringify([...this.calls.values()], null, 1)}`);
  }

  call(callId, status) {
    return this.until((k) => [...k.calls.values()].find((c) => c.call_id === callId && (!status || c.call_status === status)), `call ${callId} to be ${status}`);
  }

  // The events told of one call, in order.
  events(sid) {
    return this.messages.flatMap((m) => (m.type === 'snapshot' ? [] : m.changes))
      .filter((c) => (c.call?.call_sid ?? c.call_sid) === sid).map((c) => c.event);
  }
}

export class Feed extends Known {
  // options: {token, since, query, protocols, headers, ws: options of the package}
  static async open(base, path, { token, protocols = [SUBPROTOCOL], headers = {}, ws = {} } = {}) {
    const feed = new Feed();
    feed.socket = new WebSocket(`${base.replace(/^http/, 'ws')}${path}`, protocols, {
      headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers }, perMessageDeflate: false, ...ws,
    });
    feed.socket.on('message', (data) => feed.take(JSON.parse(data)));
    feed.socket.on('close', (code, reason) => feed.end({ code, reason: String(reason) }));
    feed.socket.on('error', () => {});
    await deadline(new Promise((resolve, reject) => {
      feed.socket.once('open', resolve);
      feed.socket.once('unexpected-response', (_, response) => reject(Object.assign(new Error(`upgrade refused: ${response.statusCode}`), { status: response.statusCode, response })));
      feed.socket.once('error', reject);
    }), 'the upgrade');
    return feed;
  }

  // The status with which the upgrade is refused.
  static async refused(base, path, options) {
    try {
      (await Feed.open(base, path, options)).close();
    } catch (error) {
      if (error.status) return error.status;
      throw error;
    }
    throw new Error('the upgrade was not refused');
  }

  closed() { return deadline(new Promise((resolve) => { if (this.ended) resolve(this.ended); else this.socket.once('close', (code) => resolve({ code })); }), 'the feed to be closed'); }
  close() { this.socket.terminate(); }
}

export class Events extends Known {
  static async open(base, path, { token, headers = {}, tls = {} } = {}) {
    const feed = new Events();
    const library = base.startsWith('https:') ? https : http;
    const response = await deadline(new Promise((resolve, reject) => {
      feed.request = library.get(base + path, { agent: false, ...tls, headers: { Accept: 'text/event-stream', ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers } }, resolve);
      feed.request.on('error', reject);
    }), 'an event stream');
    feed.response = response;
    response.on('error', () => {});
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk) => {
      rest += chunk;
      for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) feed.#event(rest.slice(0, end));
    });
    response.on('close', () => feed.end({ code: 'closed' }));
    return feed;
  }

  #event(text) {
    if (text.startsWith(':')) return;
    const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
    const message = JSON.parse(field('data'));
    assert.equal(field('id'), message.revision, 'the id of an event is its revision');
    this.take(message);
  }

  close() { this.request.destroy(); }
}
