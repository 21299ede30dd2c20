// Follows the calls over a WebSocket, and comes back by itself whenever it is lost: at the last revision, so that only
// what was missed is sent.
//
// A connection that died without a word (a cable, a proxy) looks like one on which nothing happens. So after a silence
// the server is asked for its revision over HTTP: when that has gone on and the feed has not, the feed is dead.

import { Backoff } from './backoff.js';

const OPEN_MS = 15_000;     // for a connection to come about and say its first word
const SILENCE_MS = 20_000;  // before the server is asked
const GRACE_MS = 3000;      // for a message that was on its way
const STEADY_MS = 10_000;   // after which a connection counts as a good one

const REVOKED = 4401;

export class Feed {
  #server; #on; #timers; #backoff;
  #socket; #revision; #timer; #silence;
  #opened = false;
  #doubted; // a revision that the server had and a new connection did not bring: nothing of it is for us
  #generation = 0; // what was asked for an earlier connection has nothing to say to this one
  #running = false;

  // server: {open(revision) -> WebSocket, ask(revision) -> {status, revision, retryAfter}}.
  // on: {message(message), state({name, reason, retryInMs}), refused(status)}; state is one of connecting, live and
  // waiting; refused is the end: the credentials are not good (any more).
  constructor(server, on, { timers = globalThis, random } = {}) {
    this.#server = server;
    this.#on = on;
    this.#timers = timers;
    this.#backoff = new Backoff(random);
  }

  get revision() { return this.#revision; }

  start() {
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    this.#leave(1000);
  }

  // Something may have happened (the machine slept, the network is back): look now rather than when it is time.
  wake() {
    if (!this.#running) return;
    if (!this.#socket) {
      this.#connect();
    } else if (this.#opened) {
      this.#timers.clearTimeout(this.#silence);
      this.#check();
    }
  }

  #connect() {
    this.#leave();
    this.#on.state({ name: 'connecting' });
    const generation = ++this.#generation;
    const current = () => this.#generation === generation;
    let socket;
    try {
      socket = this.#server.open(this.#revision);
    } catch {
      this.#refuse(400);
      return;
    }
    this.#socket = socket;
    this.#opened = false;
    this.#timer = this.#timers.setTimeout(() => current() && this.#lost('no answer'), OPEN_MS);
    // Going on from a revision, there may be nothing to say for long.
    socket.onopen = () => { if (current() && this.#revision) this.#alive(); };
    socket.onmessage = ({ data }) => current() && this.#take(data);
    socket.onclose = ({ code, reason }) => current() && this.#closed(code, reason);
  }

  #take(data) {
    try {
      const message = JSON.parse(data);
      this.#on.message(message);
      if (typeof message.revision === 'string') this.#revision = message.revision;
    } catch (error) {
      // What cannot be understood cannot be gone on from.
      console.error('voxeme: a message of the feed was not understood', error);
      this.#revision = undefined;
      this.#lost('a message that was not understood');
      return;
    }
    this.#alive();
  }

  #alive() {
    if (!this.#opened) {
      this.#opened = true;
      this.#timers.clearTimeout(this.#timer);
      this.#timer = this.#timers.setTimeout(() => this.#backoff.reset(), STEADY_MS);
      this.#on.state({ name: 'live' });
    }
    this.#timers.clearTimeout(this.#silence);
    this.#silence = this.#timers.setTimeout(() => this.#check(), SILENCE_MS);
  }

  async #check() {
    const generation = this.#generation;
    const answer = await this.#server.ask(this.#revision);
    if (this.#generation !== generation) return;
    if (answer.status === 401 || answer.status === 403) this.#refuse(answer.status);
    else if (answer.status === 0) this.#lost('no answer');
    else if (answer.status === 304 || answer.status === 429 || !isBehind(this.#revision, answer.revision)) this.#alive();
    else this.#silence = this.#timers.setTimeout(() => this.#compare(answer.revision), GRACE_MS);
  }

  #compare(revision) {
    if (isBehind(this.#revision, revision) && this.#doubted !== revision) {
      this.#doubted = revision;
      this.#lost('the connection had died');
    } else {
      this.#alive();
    }
  }

  #closed(code, reason) {
    this.#socket = undefined;
    if (code === REVOKED) this.#refuse(401);
    else if (this.#opened) this.#lost(reason || (code === 1001 ? 'the server is restarting' : 'the connection was cut'));
    else this.#unopened();
  }

  // A refused upgrade tells a page nothing: ask in another way why.
  async #unopened() {
    const generation = this.#generation;
    this.#timers.clearTimeout(this.#timer);
    const { status, retryAfter } = await this.#server.ask();
    if (this.#generation !== generation) return;
    if (status === 401 || status === 403) this.#refuse(status);
    else this.#lost(status === 429 ? 'too many requests' : 'no answer', retryAfter * 1000);
  }

  #refuse(status) {
    this.stop();
    this.#on.refused(status);
  }

  #lost(reason, atLeastMs = 0) {
    this.#leave();
    if (!this.#running) return;
    const retryInMs = Math.max(atLeastMs, this.#backoff.next());
    this.#timer = this.#timers.setTimeout(() => this.#connect(), retryInMs);
    this.#on.state({ name: 'waiting', reason, retryInMs });
  }

  #leave(code) {
    this.#generation++;
    this.#timers.clearTimeout(this.#timer);
    this.#timers.clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(code);
  }
}

// Whether a revision "epoch.number" lies before another. Another epoch is another run of the server.
function isBehind(mine, theirs) {
  if (!mine || !theirs || mine === theirs) return false;
  const [myEpoch, my] = mine.split('.'), [theirEpoch, their] = theirs.split('.');
  return myEpoch !== theirEpoch || Number(my) < Number(their);
}
