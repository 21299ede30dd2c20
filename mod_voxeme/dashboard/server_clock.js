// The server's time, as far as it can be told from here. What the server dates lies in its past when it arrives, so it
// is a lower bound of how far its clock is ahead of this one; the greatest is off by the way of one message. The Date
// of an answer also bounds it from above, by a second and the time the answer took.

export class ServerClock {
  #local;
  #ahead = 0;

  constructor(local = () => Date.now()) { this.#local = local; }

  now() { return this.#local() + this.#ahead; }

  hear(at) {
    if (Number.isFinite(at)) this.#ahead = Math.max(this.#ahead, at - this.#local());
  }

  // The Date of an answer to what was asked at local time `askedAt`.
  hearDate(date, askedAt) {
    if (!Number.isFinite(date)) return;
    this.#ahead = Math.min(Math.max(this.#ahead, date - this.#local()), date + 1000 - askedAt);
  }
}
