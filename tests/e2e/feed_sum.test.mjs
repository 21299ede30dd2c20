// The sum of a snapshot and its changes is the list at the same revision: checked again and again
// while 500 calls a second come and go, change accounts, are renamed and expire, and clients of every
// kind join, stall, resume and leave at random.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Events, Feed } from './lib/feed.mjs';
import { ALPHA, BETA, certificate, FeedHost, MISSING } from './lib/feed_host.mjs';
import { Client } from './lib/http.mjs';
import { THREADS } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';

const SECONDS = Number(process.env.VOXEME_SOAK_SECONDS ?? 10);
const ENOUGH = 30, STILL = 12; // clients of each list that were held against it, and while the calls held still
const ENDED = ['completed', 'busy', 'no-answer', 'failed'];

const seed = Number(process.env.VX_TEST_SEED ?? Date.now() % 2 ** 31);
function randomOf(state) { // mulberry32
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) % below;
  };
}
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const number = (revision) => Number(revision.split('.')[1]);

// What a client held after each of its last messages.
class History {
  #base = new Map(); #steps = [];

  take(message) {
    this.#steps.push(message);
    if (this.#steps.length > 1000) History.#apply(this.#base, this.#steps.shift());
  }

  static #apply(calls, message) {
    if (message.type === 'snapshot') calls.clear();
    for (const call of message.calls ?? []) calls.set(call.call_sid, call);
    for (const { event, call, call_sid: sid } of message.changes ?? []) {
      if (event === 'removed') calls.delete(sid);
      else calls.set(call.call_sid, call);
    }
  }

  // What was told of a call, and when.
  told(sid) {
    return this.#steps.flatMap((m) => [...(m.calls ?? []).map((call) => ({ event: 'snapshot', call })), ...(m.changes ?? [])]
      .filter((c) => (c.call?.call_sid ?? c.call_sid) === sid).map((c) => `${m.revision} ${c.event} ${c.call?.call_status ?? ''}`));
  }

  // Undefined when no message of that revision came.
  at(revision) {
    const end = this.#steps.findLastIndex((m) => m.revision === revision);
    if (end < 0) return undefined;
    const calls = new Map(this.#base);
    for (let i = 0; i <= end; i++) History.#apply(calls, this.#steps[i]);
    return calls;
  }
}

const FILTERS = [
  ['', () => true], ['', () => true],
  ['state=live', (c) => !ENDED.includes(c.call_status)],
  ['callStatus=in-progress,busy', (c) => ['in-progress', 'busy'].includes(c.call_status)],
];
const LISTS = [
  { path: `/v1/Accounts/${ALPHA}/Calls`, token: 'alpha-token' },
  { path: `/v1/Accounts/${BETA}/Calls`, token: 'beta-token' },
  { path: '/v1/Calls', token: 'admin-token' },
];

// The slower the machine, the more changes a message brings, and the fewer revisions of lists are those of a message. So
// the calls hold still now and then, until clients of each list have caught up with it.
class Soak {
  #begun = Date.now(); #wake = () => {};
  over = false;
  holds = 0;
  still = 0; // the number of the hold that lasts
  counts = LISTS.map(() => ({ lists: 0, equal: 0, still: 0, calls: 0 }));
  sum = { joins: 0, resumes: 0, stalls: 0, caughtUp: 0, conflated: 0 };

  get enough() {
    const { sum } = this;
    return this.counts.every((c) => c.equal >= ENOUGH && c.still >= STILL && c.calls > 100) &&
      sum.joins > 24 && sum.resumes > 12 && sum.stalls > 12 && sum.caughtUp > 0 && sum.caughtUp < sum.resumes && sum.conflated > 0;
  }

  get told() { return `seed ${seed}: ${this.holds} times still, ${JSON.stringify(this.sum)} ${JSON.stringify(this.counts)}`; }

  count(counted, still) {
    counted.equal++;
    if (still) counted.still++;
    this.#wake();
  }

  async conduct(host) {
    do {
      await pause(1000);
      await host.hold();
      this.still = ++this.holds;
      const before = this.counts.map((c) => c.still);
      while (this.counts.some((c, i) => c.still < before[i] + 4)) await new Promise((resolve) => { this.#wake = resolve; });
      this.still = 0;
      host.goOn();
    } while (Date.now() - this.#begun < SECONDS * 1000 || !this.enough);
    this.over = true;
  }
}

// One client that joins, stalls, resumes and leaves until it is over.
class Wanderer {
  constructor(base, index, soak, tls) {
    this.tls = tls;
    this.random = randomOf(seed + index);
    this.base = base;
    this.soak = soak;
    this.list = LISTS[index % LISTS.length];
    [this.query, this.passes] = FILTERS[(index / LISTS.length | 0) % FILTERS.length];
    this.Kind = index % 4 === 3 ? Events : Feed;
    this.deflate = index % 2 === 0;
    this.history = new History();
  }

  async open(since) {
    const query = [this.query, since && `since=${since}`].filter(Boolean).join('&');
    const options = { token: this.list.token, ...(this.Kind === Feed ? { ws: { perMessageDeflate: this.deflate, ...this.tls } } : { tls: this.tls }) };
    const { history, soak: { sum } } = this;
    const feed = await this.Kind.open(this.base, this.list.path + (query && `?${query}`), options);
    const take = feed.take.bind(feed);
    feed.take = (message) => {
      if (feed.left) return; // on its way when the client left
      if (feed.messages.length > 10) feed.messages.length = 1;
      if (since && !feed.messages.length && message.type === 'changes') sum.caughtUp++;
      if (feed.revision && number(message.revision) > number(feed.revision) + 300) sum.conflated++;
      if (feed.revision) assert.ok(number(message.revision) > number(feed.revision), 'revisions only grow');
      take(message);
      history.take(message);
    };
    for (const message of feed.messages) history.take(message); // came with the answer itself
    await feed.until((f) => f.revision, 'the first message');
    return feed;
  }

  async run() {
    let feed;
    while (!this.soak.over) {
      const since = feed && this.random(3) ? feed.revision : undefined;
      if (feed) this.leave(feed);
      if (since) await pause(this.random(4) * 150);
      else this.history = new History();
      feed = await this.open(since);
      this.soak.sum[since ? 'resumes' : 'joins']++;
      for (let i = this.random(4); i >= 0 && !this.soak.over; i--) {
        await pause(this.random(500));
        if (this.random(2)) continue;
        const source = this.Kind === Feed ? feed.socket._socket : feed.response;
        source.pause();
        await pause(200 + this.random(1500));
        source.resume();
        this.soak.sum.stalls++;
      }
      assert.ok(!feed.ended, JSON.stringify(feed.ended));
    }
    this.leave(feed);
  }

  leave(feed) {
    feed.left = true;
    feed.close();
  }
}

const sorted = (calls) => [...calls].sort((a, b) => (a.call_sid < b.call_sid ? -1 : 1));

// Fetches the list again and again, and holds every client of it against each.
async function compare(client, list, clients, soak) {
  const count = soak.counts[LISTS.indexOf(list)];
  while (!soak.over) {
    const { still } = soak;
    const answer = await client.get(list.path);
    assert.equal(answer.status, 200);
    const revision = /^W\/"(.+)"$/.exec(answer.headers.etag)[1];
    const calls = answer.json;
    count.lists++;
    count.calls = Math.max(count.calls, calls.length);
    await pause(50);
    for (const c of clients) {
      const held = c.compared !== `${revision} ${still}` && c.history.at(revision);
      if (!held) continue;
      c.compared = `${revision} ${still}`;
      const expected = calls.filter(c.passes);
      try {
        assert.deepEqual(sorted(held.values()), sorted(expected));
      } catch {
        const sids = new Set(expected.map((x) => x.call_sid));
        const more = [...held.values()].filter((x) => !sids.has(x.call_sid)), less = expected.filter((x) => !held.has(x.call_sid));
        const other = expected.filter((x) => held.has(x.call_sid) && JSON.stringify(held.get(x.call_sid)) !== JSON.stringify(x));
        assert.fail(`seed ${seed}: ${list.path}?${c.query} at ${revision}: ${more.length} more, ${less.length} less, ${other.length} other of ${expected.length}\n` +
          JSON.stringify({ more: more.slice(0, 2), listed: more.slice(0, 2).map((x) => calls.find((y) => y.call_sid === x.call_sid)), told: more.slice(0, 2).map((x) => c.history.told(x.call_sid)), less: less.slice(0, 2), list: other.slice(0, 2), held: other.slice(0, 2).map((x) => held.get(x.call_sid)) }, null, 1));
      }
      soak.count(count, still);
    }
  }
  client.close();
}

// `max-removed`: so few that a client which stays away for half a second is often too late.
for (const secure of [false, true]) test(`snapshot and changes are the list, at 500 calls a second${secure ? ', over TLS' : ''}`, { skip: MISSING }, async (t) => {
  const { ca, settings } = secure ? await certificate(t) : { settings: '' };
  const host = await FeedHost.start(t, 500, `${THREADS ? `threads=${THREADS};` : ''}retention-seconds=1;max-removed=${300 * SLOW};rate-limit-per-minute=0${settings}`);
  const base = `${secure ? 'https' : 'http'}://127.0.0.1:${host.port}`;
  const soak = new Soak();
  const wanderers = Array.from({ length: 24 }, (_, i) => new Wanderer(base, i, soak, { ca }));
  try {
    await deadline(Promise.all([
      soak.conduct(host),
      ...LISTS.map((list) => compare(new Client(base, list.token, { tls: { ca } }), list, wanderers.filter((w) => w.list === list), soak)),
      ...wanderers.map((w) => w.run()),
    ]), 'enough to be compared', (SECONDS + 60 * SLOW) * 1000);
  } finally {
    t.diagnostic(soak.told);
  }
});
