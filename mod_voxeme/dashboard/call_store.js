// The calls that the feed has told of. Listeners hear of each call once it has entered, changed or left:
//
//   {entered(entry), changed(entry, before), left(entry)}      `before` is the call as it was
//
// An entry is the same object for as long as its call is here, across snapshots and reconnections too:
//
//   {call, started, sequence, since, seen: [{status, at}]}     times in ms of the server's clock
//
// `started` and `sequence` are its place in the list and never change; `since` is when its present state began, `seen`
// the states that were watched beginning.

import { isLive, startedAt, timeOf } from './calls.js';
import { Ordered } from './ordered.js';

export class CallStore {
  #entries = new Map(); // call_sid -> entry
  #children = new Map(); // parent_call_sid -> Set of entries
  #listeners = [];
  #sequence = 0;
  #clock;
  order = new Ordered();

  constructor(clock) { this.#clock = clock; }

  get size() { return this.#entries.size; }
  get(callSid) { return this.#entries.get(callSid); }
  childrenOf(callSid) { return [...this.#children.get(callSid) ?? []]; }
  listen(listener) { this.#listeners.push(listener); }

  // A message of the feed. Throws on one that does not make sense.
  take(message) {
    if (message.type === 'snapshot') this.#snapshot(message.calls);
    else if (message.type === 'changes') this.#changes(message.changes);
  }

  clear() { for (const entry of [...this.#entries.values()]) this.#drop(entry); }

  #snapshot(calls) {
    const kept = new Set();
    for (let i = calls.length - 1; i >= 0; i--) {
      this.#put(calls[i], false);
      kept.add(calls[i].call_sid);
    }
    for (const [callSid, entry] of this.#entries) if (!kept.has(callSid)) this.#drop(entry);
  }

  #changes(changes) {
    for (const change of changes) {
      if (change.event === 'removed') {
        const entry = this.#entries.get(change.call_sid);
        if (entry) this.#drop(entry);
      } else {
        this.#put(change.call, true);
      }
    }
  }

  #put(call, watched) {
    if (typeof call?.call_sid !== 'string') throw new TypeError('a call without call_sid');
    if (watched) for (const key of ['attempted_at', 'answered_at', 'terminated_at']) this.#clock.hear(timeOf(call, key));
    const entry = this.#entries.get(call.call_sid);
    if (entry) this.#change(entry, call);
    else this.#enter(call);
  }

  #enter(call) {
    const started = startedAt(call, this.#clock.now());
    const entry = { call, started, sequence: this.#sequence++, since: since(call, started), seen: [] };
    this.#entries.set(call.call_sid, entry);
    this.order.add(entry);
    this.#adopt(entry);
    for (const listener of this.#listeners) listener.entered(entry);
  }

  #change(entry, call) {
    const before = entry.call;
    entry.call = call;
    entry.text = undefined; // what the search made of it
    if (before.call_status !== call.call_status) {
      entry.since = since(call, this.#clock.now());
      entry.seen.push({ status: call.call_status, at: entry.since });
    }
    if (before.parent_call_sid !== call.parent_call_sid) {
      this.#disown(entry, before);
      this.#adopt(entry);
    }
    for (const listener of this.#listeners) listener.changed(entry, before);
  }

  #drop(entry) {
    this.#entries.delete(entry.call.call_sid);
    this.order.remove(entry);
    this.#disown(entry, entry.call);
    for (const listener of this.#listeners) listener.left(entry);
  }

  #adopt(entry) {
    const parent = entry.call.parent_call_sid;
    if (!parent) return;
    if (!this.#children.has(parent)) this.#children.set(parent, new Set());
    this.#children.get(parent).add(entry);
  }

  #disown(entry, { parent_call_sid: parent }) {
    const children = this.#children.get(parent);
    children?.delete(entry);
    if (children?.size === 0) this.#children.delete(parent);
  }
}

// When the state of a call began: told by the call itself, else `otherwise`.
function since(call, otherwise) {
  const key = call.call_status === 'in-progress' ? 'answered_at' : isLive(call) ? '' : 'terminated_at';
  const at = timeOf(call, key);
  return Number.isNaN(at) ? otherwise : at;
}
