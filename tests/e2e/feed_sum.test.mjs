// The sum of a snapshot and its changes is the list at the same revision: checked again and again
// while 500 calls a second come and go, change accounts, are renamed and expire, and clients of every
// kind join, stall, resume and leave at random.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { Events, Feed } from './lib/feed.mjs';
import { Client } from './lib/http.mjs';
import { BINARY, THREADS } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';

const HOST = join(dirname(BINARY), 'tests/e2e/feed_host');
const ALPHA = '5f8e8f60-4771-44cb-92a6-94ea66df0450', BETA = 'b7e1f3a0-0d4f-4a57-9c0b-1c2d3e4f5a6b';
const SECONDS = Number(process.env.VOXEME_SOAK_SECONDS ?? 10);
const ENOUGH = 30; // clients of each list that were held against it
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

async function start(t, settings) {
  const child = spawn(HOST, ['500', THREADS ? `threads=${THREADS};${settings}` : settings], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => { stderr += chunk; });
  const ended = new Promise((resolve) => { child.once('close', (code, signal) => resolve(signal ?? code)); });
  t.after(async () => {
    child.stdin.end();
    try {
      assert.equal(await deadline(ended, 'the server to end'), 0, stderr);
      assert.equal(stderr, '');
    } finally {
      if (child.exitCode === null) child.kill('SIGKILL');
    }
  });
  const port = await deadline(new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => { const m = /^ready (\d+)$/m.exec(text); if (m) resolve(m[1]); });
    child.once('error', reject);
    ended.then((code) => reject(new Error(`${HOST} ended with ${code}: ${stderr}`)));
  }), 'the server');
  return `127.0.0.1:${port}`;
}

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

// The slower the machine, the more changes a message brings, and the fewer revisions of lists are those of a message:
// then it takes longer until enough have been compared.
class Soak {
  #begun = Date.now();
  counts = LISTS.map(() => ({ lists: 0, equal: 0, calls: 0 }));

  get over() {
    const seconds = (Date.now() - this.#begun) / 1000;
    return seconds >= SECONDS && (this.counts.every(({ equal }) => equal >= ENOUGH) || seconds >= SECONDS + 20 * SLOW);
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
    this.count = { joins: 0, resumes: 0, stalls: 0, caughtUp: 0, conflated: 0 };
  }

  async open(since) {
    const query = [this.query, since && `since=${since}`].filter(Boolean).join('&');
    const options = { token: this.list.token, ...(this.Kind === Feed ? { ws: { perMessageDeflate: this.deflate, ...this.tls } } : { tls: this.tls }) };
    const { history, count } = this;
    const feed = await this.Kind.open(this.base, this.list.path + (query && `?${query}`), options);
    const take = feed.take.bind(feed);
    feed.take = (message) => {
      if (feed.left) return; // on its way when the client left
      if (feed.messages.length > 10) feed.messages.length = 1;
      if (since && !feed.messages.length && message.type === 'changes') count.caughtUp++;
      if (feed.revision && number(message.revision) > number(feed.revision) + 300) count.conflated++;
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
      this.count[since ? 'resumes' : 'joins']++;
      for (let i = this.random(4); i >= 0 && !this.soak.over; i--) {
        await pause(this.random(500));
        if (this.random(2)) continue;
        const source = this.Kind === Feed ? feed.socket._socket : feed.response;
        source.pause();
        await pause(200 + this.random(1500));
        source.resume();
        this.count.stalls++;
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
    const answer = await client.get(list.path);
    assert.equal(answer.status, 200);
    const revision = /^W\/"(.+)"$/.exec(answer.headers.etag)[1];
    const calls = answer.json;
    count.lists++;
    count.calls = Math.max(count.calls, calls.length);
    await pause(50);
    for (const c of clients) {
      const held = c.history.at(revision);
      if (!held) continue;
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
      count.equal++;
    }
  }
  client.close();
}

async function certificate(t) {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-feed-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem');
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=feed', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  return { settings: `;tls-cert=${cert};tls-key=${key}`, ca: await readFile(cert) };
}

// `max-removed`: so few that a client which stays away for half a second is often too late.
for (const secure of [false, true]) test(`snapshot and changes are the list, at 500 calls a second${secure ? ', over TLS' : ''}`, { skip: !existsSync(HOST) && 'feed_host is not built' }, async (t) => {
  const tls = secure && await certificate(t);
  const at = await start(t, `retention-seconds=1;max-removed=${300 * SLOW};rate-limit-per-minute=0${tls ? tls.settings : ''}`);
  const base = `${tls ? 'https' : 'http'}://${at}`;
  const soak = new Soak();
  const wanderers = Array.from({ length: 24 }, (_, i) => new Wanderer(base, i, soak, tls ? { ca: tls.ca } : {}));
  await deadline(Promise.all([
    ...LISTS.map((list) => compare(new Client(base, list.token, { tls: tls ? { ca: tls.ca } : {} }), list, wanderers.filter((w) => w.list === list), soak)),
    ...wanderers.map((w) => w.run()),
  ]), 'all clients', (SECONDS + 30 * SLOW) * 1000);
  const sum = { joins: 0, resumes: 0, stalls: 0, caughtUp: 0, conflated: 0 };
  for (const w of wanderers) for (const key of Object.keys(sum)) sum[key] += w.count[key];
  const told = `seed ${seed}: ${JSON.stringify(sum)} ${JSON.stringify(soak.counts)}`;
  if (process.env.VOXEME_SOAK_SECONDS) console.error(told);
  for (const count of soak.counts) {
    assert.ok(count.calls > 100, told);
    assert.ok(count.equal >= ENOUGH, told);
  }
  assert.ok(sum.joins > 24 && sum.resumes > 12 && sum.stalls > 12 && sum.caughtUp > 0 && sum.caughtUp < sum.resumes && sum.conflated > 0, told);
});
