// Follows an account's calls with the API's own means: If-None-Match and ?wait=.

import { strict as assert } from 'node:assert';
import { PATIENCE_MS } from './wait.mjs';

export const callsOf = (account) => `/v1/Accounts/${account.sid}/Calls`;

export class Watch {
  #client; #path; #etag; calls = [];

  constructor(client, path) {
    this.#client = client;
    this.#path = path;
  }

  async #read() {
    const waiting = this.#etag ? `${this.#path.includes('?') ? '&' : '?'}wait=20` : '';
    const answer = await this.#client.get(this.#path + waiting, { headers: this.#etag ? { 'If-None-Match': this.#etag } : {} });
    if (answer.status === 304) return;
    assert.equal(answer.status, 200, answer.text);
    this.#etag = answer.headers.etag;
    this.calls = answer.json;
  }

  // Resolves with what `test(calls)` returns once that is truthy; holds a request in between.
  async until(test, what = String(test)) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const result = test(this.calls);
      if (result) return result;
      if (Date.now() > end) throw new Error(`waited for ${what}; the calls are ${JSON.stringify(this.calls, null, 1)}`);
      await this.#read();
    }
  }

  // The call with this SIP Call-ID, once it is in the state; status may be a list.
  call(callId, status) {
    const wanted = [status].flat();
    return this.until((calls) => calls.find((c) => c.call_id === callId && (!status || wanted.includes(c.call_status))),
      `call ${callId} to be ${wanted.join(' or ')}`);
  }
}

// Records every state of every call, by ?since= (which may join several changes into one).
export class Recorder {
  #stop = false; #running;
  states = new Map(); // call_sid -> statuses in the order seen
  removed = [];

  static async start(client, path) {
    const recorder = new Recorder();
    const first = await client.get(path);
    assert.equal(first.status, 200, first.text);
    const epochRevision = /^W\/"(.+)"$/.exec(first.headers.etag)[1];
    recorder.#note(first.json);
    recorder.#running = recorder.#follow(client, path, epochRevision);
    return recorder;
  }

  async #follow(client, path, revision) {
    while (!this.#stop) {
      const answer = await client.get(`${path}?since=${revision}&wait=1`);
      assert.equal(answer.status, 200, answer.text);
      const { revision: next, calls, removed = [], reset } = answer.json;
      assert.ok(!reset, 'the cursor is never too old here');
      this.#note([...calls].reverse());
      this.removed.push(...removed);
      revision = next;
    }
  }

  #note(calls) {
    for (const call of calls) {
      const seen = this.states.get(call.call_sid) ?? [];
      if (seen.at(-1) !== call.call_status) seen.push(call.call_status);
      this.states.set(call.call_sid, seen);
    }
  }

  async stop() {
    this.#stop = true;
    await this.#running;
  }
}
