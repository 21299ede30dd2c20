// Entries in the order of their start, newest first. New ones come in at the newer end and old ones leave at the older
// one, so inside they stand oldest first: both ends are cheap.

const SWEEP = 32; // from so many removals on, one pass over all is cheaper than as many cuts

const compare = (a, b) => a.started - b.started || a.sequence - b.sequence;

export class Ordered {
  #items = [];
  #members = new Set();
  #leaving = []; // no members any more, but still among the items

  get length() { return this.#members.size; }
  has(entry) { return this.#members.has(entry); }

  // The entry at an index, 0 being the newest.
  at(index) {
    const items = this.#settled();
    return items[items.length - 1 - index];
  }

  add(entry) {
    if (this.#members.has(entry)) return;
    const items = this.#settled();
    this.#members.add(entry);
    if (items.length === 0 || compare(items[items.length - 1], entry) < 0) items.push(entry);
    else items.splice(this.#below(entry), 0, entry);
  }

  remove(entry) {
    if (this.#members.delete(entry)) this.#leaving.push(entry);
  }

  clear() {
    this.#items = [];
    this.#members.clear();
    this.#leaving = [];
  }

  // The index of an entry, or the one it would have.
  rank(entry) {
    const items = this.#settled();
    const below = this.#below(entry);
    return Math.max(0, items.length - 1 - below + (items[below] === entry ? 0 : 1));
  }

  // Oldest first.
  [Symbol.iterator]() { return this.#settled()[Symbol.iterator](); }

  // How many entries are older.
  #below(entry) {
    let low = 0, high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#items[middle], entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #settled() {
    if (this.#leaving.length > SWEEP) this.#items = this.#items.filter((entry) => this.#members.has(entry));
    else for (const entry of this.#leaving) this.#items.splice(this.#below(entry), 1);
    this.#leaving = [];
    return this.#items;
  }
}
