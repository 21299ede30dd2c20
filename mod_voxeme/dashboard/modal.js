// A dialog over the page: the focus goes in, goes round inside, and returns to where it was, or near it when that has gone.
// Keys pressed in it are its own.

import { find } from './dom.js';

const FOCUSABLE = 'button, input, select, textarea, summary';

export class Modal {
  #root; #before;

  // closed(): it has gone, by whatever way.
  constructor(root, closed = () => {}) {
    this.#root = root;
    root.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Tab') this.#goRound(event);
    });
    root.addEventListener('close', () => {
      // Whoever closed it may have sent the focus on already.
      if (document.activeElement === document.body || root.contains(document.activeElement)) {
        [this.#before, find('drawer-close'), find('calls')].find((node) => node?.checkVisibility())?.focus();
      }
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

  #goRound(event) {
    const all = [...this.#root.querySelectorAll(FOCUSABLE)].filter((node) => node.checkVisibility() && !node.disabled && this.#isStop(node));
    const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
    if (!all.includes(document.activeElement) || this.#same(document.activeElement, from)) {
      event.preventDefault();
      to?.focus();
    }
  }

  // Radio buttons of a group are one stop.
  #isStop(node) { return node.type !== 'radio' || node.checked; }
  #same(a, b) { return a === b || (a.type === 'radio' && b.type === 'radio' && a.name === b.name); }
}
