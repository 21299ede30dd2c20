// A cable between the browser and a server, which a test can cut (connections break, new ones are refused) and hold
// (nothing goes through, nobody is told).

import { connect, createServer } from 'node:net';

export class Cable {
  #server; #target; #pairs = new Set();
  #cut = false; #held = false;

  static async start(t, target) {
    const cable = new Cable();
    cable.#target = Number(new URL(target).port);
    cable.#server = createServer((near) => cable.#join(near));
    await new Promise((resolve) => cable.#server.listen(0, '127.0.0.1', resolve));
    cable.url = `http://127.0.0.1:${cable.#server.address().port}`;
    t.after(() => { cable.cut(); cable.#server.close(); });
    return cable;
  }

  // Another server at the far end, for new connections.
  plug(target) { this.#target = Number(new URL(target).port); }

  cut() {
    this.#cut = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  mend() { this.#cut = false; }

  hold() {
    this.#held = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  // New connections work; those that were held stay dead.
  letNewThrough() { this.#held = false; }

  #join(near) {
    near.on('error', () => {});
    if (this.#cut) {
      near.destroy();
      return;
    }
    const far = connect(this.#target, '127.0.0.1');
    const pair = [near, far];
    this.#pairs.add(pair);
    far.on('error', () => near.destroy());
    const end = () => { this.#pairs.delete(pair); near.destroy(); far.destroy(); };
    near.on('close', end);
    far.on('close', end);
    near.pipe(far);
    far.pipe(near);
    if (this.#held) for (const socket of pair) socket.pause();
  }
}
