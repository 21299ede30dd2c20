// Clients of the live feed by the thousand. They are the program of the bench: one process, one epoll.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { BUSY, busyCall } from './lib/calls.mjs';
import { demo } from './lib/config.mjs';
import { read } from './lib/metrics.mjs';
import { BINARY, Switch } from './lib/switch.mjs';
import { deadline, SLOW } from './lib/wait.mjs';
import { callsOf } from './lib/watch.mjs';

const PROGRAM = join(dirname(BINARY), 'tests/bench/bench_feed');
const CLIENTS = 10_000;

class Crowd {
  #child; #lines; #stderr = '';

  static async open(t, sw, path, token) {
    const crowd = new Crowd();
    crowd.#child = spawn(PROGRAM, [String(sw.httpPort), path, token, String(CLIENTS)], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(() => crowd.#child.kill());
    crowd.#child.stderr.on('data', (chunk) => { crowd.#stderr += chunk; });
    crowd.#lines = createInterface({ input: crowd.#child.stdout })[Symbol.asyncIterator]();
    crowd.ready = await crowd.#line('all to have a snapshot', 60_000 * SLOW);
    return crowd;
  }

  async #line(what, ms) {
    const { value, done } = await deadline(this.#lines.next(), what, ms);
    assert.ok(!done, `the clients ended: ${this.#stderr}`);
    return JSON.parse(value);
  }

  // What has come when so many changes have.
  count(changes) {
    this.#child.stdin.write(`count ${60 * SLOW} ${changes}\n`);
    return this.#line(`${changes} changes`, 60_000 * SLOW);
  }

  async leave() {
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    await deadline(gone, 'the clients to end');
  }
}

const files = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
const why = !existsSync(PROGRAM) ? 'bench_feed is not built' : files < CLIENTS + 500 && `no more than ${files} open files are allowed (ulimit -Hn)`;

const rssKiB = async (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);

test('10,000 clients: all are told of all calls, others are served, and nothing is left of them', { skip: why }, async (t) => {
  const owner = demo(), adminToken = randomUUID(), path = callsOf(owner);
  const settings = { 'max-connections': CLIENTS + 200, 'max-streams-per-account': CLIENTS, 'rate-limit-per-minute': 0 };
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], settings, routes: [BUSY] });
  const admin = sw.client(adminToken, { maxSockets: 1 }), client = sw.client(owner.token);
  const gone = () => deadline((async () => {
    while (await read(admin, 'voxeme_http_streams') > 0) await new Promise((resolve) => { setImmediate(resolve); });
  })(), 'the streams to be gone');
  await busyCall(t, sw);
  assert.equal((await client.get(path)).json.length, 1);
  const answers = await read(admin, 'voxeme_response_memory_bytes');
  const before = await rssKiB(sw.pid), full = [];
  for (let wave = 0; wave < 2; wave++) {
    const crowd = await Crowd.open(t, sw, path, owner.token);
    assert.equal(await read(admin, 'voxeme_http_streams', 'kind="websocket"'), CLIENTS);
    full.push(await rssKiB(sw.pid));
    const counted = crowd.count(3 * CLIENTS);
    let longest = 0;
    const calls = (async () => { for (let i = 0; i < 3; i++) await busyCall(t, sw); })();
    for (let over = false; !over;) {
      const began = Date.now();
      assert.equal((await client.get(path)).status, 200);
      longest = Math.max(longest, Date.now() - began);
      over = await Promise.race([calls.then(() => true), new Promise((resolve) => { setTimeout(() => resolve(false), 20); })]);
    }
    const { changes, closed, seconds } = await counted;
    assert.equal(closed, 0);
    assert.ok(changes >= 3 * CLIENTS, `${changes} changes came`); // one of each call at the least
    assert.ok(longest < 2000 * SLOW, `a list took ${longest} ms`);
    t.diagnostic(`${CLIENTS} in ${crowd.ready.seconds.toFixed(1)} s, ${((full[wave] - before) / CLIENTS).toFixed(1)} KiB each; ${changes} changes in ${seconds.toFixed(1)} s; a list took ${longest} ms at the most`);
    await crowd.leave();
    await gone();
    assert.ok(await read(admin, 'voxeme_response_memory_bytes') < answers + 65_536);
  }
  if (process.env.VOXEME_TEST_SLOW) return; // a sanitizer has memory of its own
  assert.ok(full[0] - before < CLIENTS * 16, `${full[0] - before} KiB for ${CLIENTS}`);
  assert.ok(full[1] - full[0] < CLIENTS * 2, `${full[1] - full[0]} KiB more the second time`);
});
