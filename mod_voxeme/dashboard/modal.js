// A dialog over the page: the focus goes in, goes round inside, and returns to where it was, or near it when that has gone.
// Keys pressed in it are its own.

import { giveBack, goRound } from './focus.js';

export class Modal {
  #root; #before;

  // closed(): it has gone, by whatever way.
  constructor(root, closed = () => {}) {
    this.#root = root;
    root.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Tab') goRound(root, event);
    });
    root.addEventListener('close', () => {
      // Whoever closed it may have sent the focus on already.
      if (document.activeElement === document.body || root.contains(document.activeElement)) giveBack(this.#before);
      closed();
    });
  }

  get isOpen() { return this.#root.open; }

  // The focus goes to `first`, else to the first thing that takes it; on the way back to `before`.
  open(first, before = document.activeElement) {
    if (this.isOpen) return;
    this.#before = before;
    this.#root.showModal();
    first?.focus();
  }

  close() { if (this.isOpen) this.#root.close(); }
}
