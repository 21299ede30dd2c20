// How long to wait before the next attempt: doubling up to a limit, half of it by chance, so that a thousand pages do
// not come back to a restarted server in the same moment.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

export class Backoff {
  #attempt = 0;
  #random;

  constructor(random = Math.random) { this.#random = random; }

  next() {
    const span = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#attempt++, 16));
    return span / 2 + (this.#random() * span) / 2;
  }

  reset() { this.#attempt = 0; }
}
