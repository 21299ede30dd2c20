// What became of a command to a call that is not in view any more, said at the foot of the page: what was done for a while,
// what was refused until it is dismissed or the details of its call are opened.

import { element, find } from './dom.js';

const DONE_MS = 6000;
const MOST = 3; // of either kind; the oldest make room

export class Notices {
  #shown = []; // {entry, root, timer}
  #waiting = []; // what is told while a dialog is open: all else is out of reach then, for a screen reader too

  constructor() {
    for (const dialog of document.querySelectorAll('dialog')) {
      dialog.addEventListener('close', () => this.#waiting.splice(0).forEach((told) => this.tell(...told)));
    }
  }

  tell(entry, text, refused) {
    if (document.querySelector('dialog[open]')) {
      this.#waiting.push([entry, text, refused]);
      return;
    }
    const list = find(refused ? 'notices-refused' : 'notices-done');
    const notice = { entry };
    notice.root = element('p', { class: 'notice' }, element('span', { class: refused ? 'refused' : 'confirmed' }, text), ' ',
      element('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', onclick: () => this.#drop(notice) }, '✕'));
    if (!refused) notice.timer = setTimeout(() => this.#drop(notice), DONE_MS);
    list.append(notice.root);
    this.#shown.push(notice);
    if (list.childElementCount > MOST) this.#drop(this.#shown.find(({ root }) => root.parentElement === list));
  }

  // The details of the call are open: they say it, too.
  seen(entry) { this.#shown.filter((notice) => notice.entry === entry).forEach((notice) => this.#drop(notice)); }

  clear() {
    this.#waiting = [];
    [...this.#shown].forEach((notice) => this.#drop(notice));
  }

  #drop(notice) {
    clearTimeout(notice.timer);
    notice.root.remove();
    this.#shown = this.#shown.filter((other) => other !== notice);
  }
}
