// The calls that pass the filter, kept as the store changes.

import { Ordered } from './ordered.js';

export class VisibleCalls {
  #store;
  #passes = () => true;
  order = new Ordered();

  constructor(store) {
    this.#store = store;
    store.listen(this);
  }

  get length() { return this.order.length; }

  show(passes) {
    this.#passes = passes;
    this.order.clear();
    for (const entry of this.#store.order) if (passes(entry)) this.order.add(entry);
  }

  entered(entry) { if (this.#passes(entry)) this.order.add(entry); }

  changed(entry) {
    if (this.#passes(entry)) this.order.add(entry);
    else this.order.remove(entry);
  }

  left(entry) { this.order.remove(entry); }
}
