// What happened in the last ten minutes, in steps of five seconds, and how many calls are there now. It is put together
// from the calls' own times: a page that has just been opened shows what was before, as far back as the server
// remembers; what the server forgets earlier than that is remembered here.

import { accountOf, isLive, timeOf } from './calls.js';

export const STEP_MS = 5000;
export const STEPS = 120;
const STEPS_A_MINUTE = 60_000 / STEP_MS;
const KEPT = STEPS + STEPS_A_MINUTE; // the first point of "a minute" looks one minute further back

const nothing = () => ({ started: 0, live: 0, ended: 0, answered: 0, failures: new Map(), sip: new Map() });

const count = (map, key, by = 1) => {
  const n = (map.get(key) ?? 0) + by;
  if (n) map.set(key, n);
  else map.delete(key);
};

export class Activity {
  #store; #clock;
  #account = '';
  #steps = new Map(); // number of the step since 1970 -> what happened in it
  live = { inbound: 0, outbound: 0, all: 0 };
  byStatus = new Map();

  constructor(store, clock) {
    this.#store = store;
    this.#clock = clock;
    store.listen(this);
  }

  // Counts the calls of one account, or with '' all.
  show(account) {
    this.#account = account;
    this.#steps.clear();
    this.live = { inbound: 0, outbound: 0, all: 0 };
    this.byStatus.clear();
    for (const entry of this.#store.order) this.entered(entry);
  }

  entered(entry) {
    if (!this.#counts(entry.call)) return;
    this.#present(entry.call, 1);
    const start = this.#step(entry.started);
    if (start) {
      start.started++;
      start.live++;
    }
    if (!isLive(entry.call)) this.#end(entry.call);
  }

  changed(entry, before) {
    const counted = this.#counts(before), counts = this.#counts(entry.call);
    if (counted !== counts) {
      this.show(this.#account); // a call that moved to another account takes its past along
      return;
    }
    if (!counts) return;
    this.#present(before, -1);
    this.#present(entry.call, 1);
    if (isLive(before) && !isLive(entry.call)) this.#end(entry.call);
  }

  left({ call }) {
    if (!this.#counts(call)) return;
    this.#present(call, -1);
    // It was live when it was last heard of: how it ended nobody has told.
    if (isLive(call)) this.#step(this.#clock.now()).live--;
  }

  // {live, perMinute, failures}: STEPS points each, oldest first, the last one being now. A point of `failures` is a
  // Map of status to count.
  series() {
    const last = this.#forget();
    const live = [], perMinute = [], failures = [];
    let up = this.live.all, minute = 0;
    for (let i = last - KEPT + 1; i <= last; i++) {
      minute += this.#started(i) - this.#started(i - STEPS_A_MINUTE);
      if (i > last - STEPS) {
        perMinute.push(minute);
        failures.push(this.#steps.get(i)?.failures ?? new Map());
      }
    }
    // The present step is not over: the rest of a minute is taken from the step that it is about to push out.
    const rest = 1 - (this.#clock.now() % STEP_MS) / STEP_MS;
    perMinute[STEPS - 1] += Math.round(rest * this.#started(last - STEPS_A_MINUTE));
    for (let i = last; i > last - STEPS; i--) {
      live.unshift(Math.max(0, up));
      up -= this.#steps.get(i)?.live ?? 0;
    }
    return { live, perMinute, failures };
  }

  // What ended in the last ten minutes: {ended, answered, failures: Map of status, sip: Map of SIP status}.
  outcome() {
    const last = this.#forget();
    const sum = { ended: 0, answered: 0, failures: new Map(), sip: new Map() };
    for (const [at, step] of this.#steps) {
      if (at <= last - STEPS) continue;
      sum.ended += step.ended;
      sum.answered += step.answered;
      for (const [status, n] of step.failures) count(sum.failures, status, n);
      for (const [status, n] of step.sip) count(sum.sip, status, n);
    }
    return sum;
  }

  #started(number) { return this.#steps.get(number)?.started ?? 0; }

  #counts(call) { return !this.#account || accountOf(call) === this.#account; }

  #present(call, by) {
    count(this.byStatus, call.call_status, by);
    if (!isLive(call)) return;
    this.live.all += by;
    if (call.direction in this.live) this.live[call.direction] += by;
  }

  #end(call) {
    const at = timeOf(call, 'terminated_at');
    const step = this.#step(Number.isNaN(at) ? this.#clock.now() : at);
    if (!step) return;
    step.live--;
    step.ended++;
    if (call.call_status === 'completed') {
      step.answered++;
    } else {
      count(step.failures, call.call_status);
      count(step.sip, Number(call.sip_status) || 0);
    }
  }

  // The step of a time, or nothing when it lies too far back. The future is now.
  #step(at) {
    const now = Math.floor(this.#clock.now() / STEP_MS);
    const number = Math.min(now, Math.floor(at / STEP_MS));
    if (number <= now - KEPT) return undefined;
    if (!this.#steps.has(number)) this.#steps.set(number, nothing());
    return this.#steps.get(number);
  }

  // Drops what has become too old; the number of the present step.
  #forget() {
    const now = Math.floor(this.#clock.now() / STEP_MS);
    for (const number of this.#steps.keys()) if (number <= now - KEPT) this.#steps.delete(number);
    return now;
  }
}
