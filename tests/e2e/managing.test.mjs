// What may be done to a call when (lib/control_table.mjs), in voxeme-switch.

import assert from 'node:assert/strict';
import test from 'node:test';
import { demo, route } from './lib/config.mjs';
import { Stage, tests } from './lib/managing.mjs';
import { freePort } from './lib/ports.mjs';
import { header } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';

const DIALLED = { trying: '2000', ringing: '180', 'early-media': '183', 'in-progress': '1000', held: '1000', bridged: '2000', ended: '486' };

class SwitchStage extends Stage {
  static async set(t) {
    const owner = demo(), calleePort = await freePort();
    const sw = await Switch.start(t, {
      accounts: [owner], sip: { 'redirect-to': '1000' }, settings: { 'rate-limit-per-minute': 1000000 },
      routes: [route('^1000$', 'answer'), route('^180$', 'ring'), route('^183$', 'answer', { 'early-media': 'true', ring: 60 }),
        route('^486$', 'reject', { status: 486 }), route('^2000$', 'bridge', { target: `sip:bob@127.0.0.1:${calleePort}` })],
    });
    return new SwitchStage(t, { owner, client: sw.client(owner.token), remote: sw.sip, calleePort, dialled: DIALLED });
  }

  async look(line, { wire }, call, message) {
    if (wire === 'REFER') {
      const [, uri] = /^<(.*)\?X-Voxeme-Redirect=[0-9a-f-]{36}>$/.exec(header(message, 'Refer-To'));
      assert.equal(uri, `sip:1000@${this.remote}`);
    }
  }
}

for (const [name, run] of tests('switch', SwitchStage.set)) test(name, run);
