// How the page follows the feed and comes back to it, without a browser: the socket, the server's answers, time and
// chance are the test's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../mod_voxeme/dashboard/backoff.js';
import { Feed } from '../../mod_voxeme/dashboard/feed.js';

class Timers {
  #now = 0; #next = 1; #due = new Map();
  setTimeout = (run, ms) => { this.#due.set(this.#next, { at: this.#now + ms, run }); return this.#next++; };
  clearTimeout = (id) => { this.#due.delete(id); };

  // Lets time pass, with everything that falls due in it.
  async pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      const [id, next] = [...this.#due].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!next || next.at > end) break;
      this.#due.delete(id);
      this.#now = next.at;
      next.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

const settle = () => new Promise((resolve) => { setImmediate(resolve); });

class World {
  timers = new Timers();
  sockets = []; messages = []; states = []; refused = []; asked = [];
  answer = { status: 200, revision: undefined, retryAfter: 0 };

  constructor({ random = () => 0.5, open } = {}) {
    const server = {
      open: (revision) => {
        open?.();
        const socket = { revision, closed: false, close: (code) => { socket.closed = true; socket.code = code; } };
        this.sockets.push(socket);
        return socket;
      },
      ask: async (revision) => { this.asked.push(revision); return this.answer; },
    };
    this.feed = new Feed(server, {
      message: (message) => this.messages.push(message), state: (state) => this.states.push(state), refused: (status) => this.refused.push(status),
    }, { timers: this.timers, random });
  }

  get socket() { return this.sockets.at(-1); }
  get state() { return this.states.at(-1); }
  say(message) { this.socket.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) }); }
  snapshot(revision = '7.1') { this.say({ type: 'snapshot', revision, calls: [] }); }

  // A feed that is live at revision 7.1.
  live() {
    this.feed.start();
    this.socket.onopen();
    this.snapshot();
    return this;
  }
}

test('connecting, then live with the first message', () => {
  const w = new World();
  w.feed.start();
  assert.equal(w.socket.revision, undefined);
  w.socket.onopen();
  assert.equal(w.state.name, 'connecting');
  w.snapshot();
  assert.equal(w.state.name, 'live');
  assert.equal(w.messages.length, 1);
});

test('a cut is followed by a wait, and that by a connection from the last revision', async () => {
  const w = new World().live();
  w.say({ type: 'changes', revision: '7.5', changes: [] });
  w.socket.onclose({ code: 1006, reason: '' });
  assert.equal(w.state.name, 'waiting');
  assert.equal(w.state.retryInMs, 375);
  await w.timers.pass(374);
  assert.equal(w.sockets.length, 1);
  await w.timers.pass(1);
  assert.equal(w.sockets.length, 2);
  assert.equal(w.socket.revision, '7.5');
  w.socket.onopen(); // there may be nothing to say
  assert.equal(w.state.name, 'live');
});

test('waits double while nothing answers, up to half a minute, and begin anew after a good connection', async () => {
  const w = new World().live();
  w.answer = { status: 0, retryAfter: 0 };
  const waits = [];
  w.socket.onclose({ code: 1006, reason: '' });
  for (let i = 0; i < 9; i++) {
    waits.push(w.state.retryInMs);
    await w.timers.pass(w.state.retryInMs);
    w.socket.onclose({ code: 1006, reason: '' });
    await settle();
  }
  assert.deepEqual(waits, [375, 750, 1500, 3000, 6000, 12000, 22500, 22500, 22500]);
  await w.timers.pass(w.state.retryInMs);
  w.socket.onopen();
  await w.timers.pass(10_000);
  w.socket.onclose({ code: 1006, reason: '' });
  assert.equal(w.state.retryInMs, 375);
});

test('a connection that ends as soon as it has begun does not begin the waits anew', async () => {
  const w = new World().live();
  const waits = [];
  for (let i = 0; i < 3; i++) {
    w.socket.onclose({ code: 1011, reason: '' });
    waits.push(w.state.retryInMs);
    await w.timers.pass(w.state.retryInMs);
    w.socket.onopen();
    await w.timers.pass(100);
  }
  assert.deepEqual(waits, [375, 750, 1500]);
});

test('half of a wait is chance', () => {
  assert.equal(new Backoff(() => 0).next(), 250);
  assert.ok(new Backoff(() => 0.999).next() > 499);
});

for (const status of [401, 403]) {
  test(`a refused upgrade is looked into: ${status} ends it`, async () => {
    const w = new World();
    w.answer = { status, retryAfter: 0 };
    w.feed.start();
    w.socket.onclose({ code: 1006, reason: '' });
    await settle();
    assert.deepEqual(w.refused, [status]);
    await w.timers.pass(120_000);
    assert.equal(w.sockets.length, 1);
  });
}

test('too many requests: not before the server says', async () => {
  const w = new World();
  w.answer = { status: 429, retryAfter: 42 };
  w.feed.start();
  w.socket.onclose({ code: 1006, reason: '' });
  await settle();
  assert.equal(w.state.retryInMs, 42_000);
  await w.timers.pass(41_999);
  assert.equal(w.sockets.length, 1);
  await w.timers.pass(1);
  assert.equal(w.sockets.length, 2);
});

test('a revoked token ends it', async () => {
  const w = new World().live();
  w.socket.onclose({ code: 4401, reason: 'token revoked' });
  assert.deepEqual(w.refused, [401]);
  await w.timers.pass(120_000);
  assert.equal(w.sockets.length, 1);
});

test('a token that cannot be sent ends it', () => {
  const w = new World({ open: () => { throw new SyntaxError('subprotocol'); } });
  w.feed.start();
  assert.deepEqual(w.refused, [400]);
});

test('silence: the server says there is nothing new', async () => {
  const w = new World().live();
  w.answer = { status: 304, revision: '7.1', retryAfter: 0 };
  await w.timers.pass(65_000);
  assert.deepEqual(w.asked, ['7.1', '7.1', '7.1']);
  assert.equal(w.state.name, 'live');
  assert.equal(w.sockets.length, 1);
});

test('silence: the server has gone on and the feed has not', async () => {
  const w = new World().live();
  w.answer = { status: 200, revision: '7.4', retryAfter: 0 };
  await w.timers.pass(23_000);
  assert.equal(w.state.name, 'waiting');
  assert.equal(w.socket.closed, true);
  await w.timers.pass(400);
  assert.equal(w.socket.revision, '7.1');
});

test('silence: a revision that a new connection does not bring either has nothing for us', async () => {
  const w = new World().live();
  w.answer = { status: 200, revision: '7.4', retryAfter: 0 };
  await w.timers.pass(23_500);
  w.socket.onopen();
  await w.timers.pass(120_000);
  assert.equal(w.sockets.length, 2);
  w.answer = { status: 200, revision: '7.5', retryAfter: 0 };
  await w.timers.pass(25_000);
  assert.equal(w.sockets.length, 3);
});

test('silence: the message was only on its way', async () => {
  const w = new World().live();
  w.answer = { status: 200, revision: '7.4', retryAfter: 0 };
  await w.timers.pass(21_000);
  w.say({ type: 'changes', revision: '7.4', changes: [] });
  await w.timers.pass(10_000);
  assert.equal(w.state.name, 'live');
  assert.equal(w.sockets.length, 1);
});

test('silence: another run of the server, or none at all', async () => {
  for (const answer of [{ status: 200, revision: '8.1', retryAfter: 0 }, { status: 0, retryAfter: 0 }]) {
    const w = new World().live();
    w.answer = answer;
    await w.timers.pass(24_000);
    assert.equal(w.sockets.length, 2);
    assert.equal(w.sockets[0].closed, true);
  }
});

test('a server that accepts and says nothing is left', async () => {
  const w = new World();
  w.feed.start();
  w.socket.onopen();
  await w.timers.pass(15_000);
  assert.equal(w.state.name, 'waiting');
  assert.equal(w.socket.closed, true);
});

test('what cannot be understood is followed by a snapshot', async (t) => {
  t.mock.method(console, 'error', () => {});
  const w = new World().live();
  w.say('{"type":"chan');
  assert.equal(w.state.name, 'waiting');
  assert.equal(w.socket.closed, true);
  await w.timers.pass(375);
  assert.equal(w.socket.revision, undefined);
});

test('an old connection has nothing to say any more', async () => {
  const w = new World().live();
  const old = w.socket;
  old.onclose({ code: 1006, reason: '' });
  await w.timers.pass(375);
  old.onmessage({ data: JSON.stringify({ type: 'snapshot', revision: '7.9', calls: [] }) });
  old.onclose({ code: 1006, reason: '' });
  assert.equal(w.messages.length, 1);
  assert.equal(w.feed.revision, '7.1');
  assert.equal(w.sockets.length, 2);
});

test('woken up while it waits, it connects; woken up while live, it asks', async () => {
  const w = new World().live();
  w.answer = { status: 304, revision: '7.1', retryAfter: 0 };
  w.feed.wake();
  await settle();
  assert.deepEqual(w.asked, ['7.1']);
  w.socket.onclose({ code: 1001, reason: '' });
  assert.equal(w.state.reason, 'the server is restarting');
  w.feed.wake();
  assert.equal(w.sockets.length, 2);
  await w.timers.pass(60_000);
  assert.equal(w.sockets.filter(({ closed }) => !closed).length <= 2, true);
});

test('stopped, it stays so', async () => {
  const w = new World().live();
  w.feed.stop();
  assert.equal(w.socket.code, 1000);
  w.socket.onclose({ code: 1000, reason: '' });
  w.feed.wake();
  await w.timers.pass(60_000);
  assert.equal(w.sockets.length, 1);
});
