// The state of the feed, in words; a screen reader hears of it when it changes.

import { find, setText } from './dom.js';

export class ConnectionView {
  #root = find('connection');
  #state = find('connection-state');
  #detail = find('connection-detail');
  #retry = find('retry');
  #until = 0;

  constructor(retry) { this.#retry.addEventListener('click', retry); }

  show({ name, reason, retryInMs }) {
    this.#root.dataset.state = name;
    setText(this.#state, { connecting: 'Connecting', live: 'Live', waiting: `Not connected: ${reason}` }[name]);
    this.#retry.hidden = name !== 'waiting';
    this.#until = name === 'waiting' ? performance.now() + retryInMs : 0;
    find('dashboard').classList.toggle('stale', name !== 'live');
    // For who cannot see the rest of the page, and does not know that a call looks as it did a while ago.
    if (name === 'waiting') setText(find('drawer-connection'), 'Not connected: this is what was last heard.');
    if (name === 'live') setText(find('drawer-connection'), '');
    this.tick();
  }

  tick() {
    const left = Math.ceil((this.#until - performance.now()) / 1000);
    setText(this.#detail, this.#until ? `next attempt in ${Math.max(0, left)} s` : '');
  }
}
