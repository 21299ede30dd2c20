// The server's time, as far as it can be told from here. Everything the server dates lies in its past when it arrives,
// so each date is a lower bound of how far its clock is ahead; the greatest is the best, off by the way of one message.

export class ServerClock {
  #local;
  #ahead = -Infinity;

  constructor(local = () => Date.now()) { this.#local = local; }

  now() { return this.#local() + (this.#ahead === -Infinity ? 0 : this.#ahead); }

  hear(at) {
    if (Number.isFinite(at)) this.#ahead = Math.max(this.#ahead, at - this.#local());
  }

  // A clock that was set makes every bound worthless: each connection begins anew.
  forget() { this.#ahead = -Infinity; }
}
