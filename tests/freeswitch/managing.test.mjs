// What may be done to a call when (tests/e2e/lib/control_table.mjs), in FreeSWITCH.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { demo } from '../e2e/lib/config.mjs';
import { Stage, tests } from '../e2e/lib/managing.mjs';
import { freePort } from '../e2e/lib/ports.mjs';
import { body, header } from '../e2e/lib/sipp.mjs';
import { joined } from './lib/calls.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';
import { silence } from './lib/sound.mjs';

const owner = demo();

class FreeSwitchStage extends Stage {
  static async set(t, fs) {
    const calleePort = await freePort(), bridge = `b${calleePort}`;
    const stage = new FreeSwitchStage(t, {
      owner, client: fs.client(owner.token), remote: fs.sip, calleePort,
      dialled: { trying: bridge, ringing: 'r80', 'early-media': 'e83', 'in-progress': '10', held: '10', bridged: bridge, ended: '486' },
    });
    stage.fs = fs;
    return stage;
  }

  joined(own, child) { return joined(this.fs, own, child); }

  #variable(sid, name) { return this.fs.api(`uuid_getvar ${sid} ${name}`); }

  async #isMoved(sid, hook) {
    const place = async () => /^Caller-Destination-Number: (.*)$/m.exec(await this.fs.api(`uuid_dump ${sid}`))?.[1];
    await this.fs.until(async () => await place() === 'voxeme', 'the leg to be moved');
    assert.equal(await this.#variable(sid, 'voxeme_call_hook'), hook);
  }

  async look({ change }, { status, wire }, { sid, partner }, message) {
    if (wire === 'INFO') assert.match(message, /Signal=5/);
    if (wire === 'MESSAGE') assert.deepEqual([header(message, 'Content-Type'), body(message)], ['text/plain', 'hello']);
    if (status !== 204) return;
    // What unmutes comes with the next media: SIPp sends none.
    if (change?.mute_status === 'mute') assert.match(await this.fs.api(`uuid_buglist ${sid}`), /<function>audio/);
    if (change?.record) assert.match(await this.#variable(sid, 'voxeme_recording'), new RegExp(`/${sid}\\.wav$`));
    if (change?.whisper) await this.fs.until(async () => await this.#variable(sid, 'playback_ms') !== '_undef_', 'the file to be played');
    if (change?.call_hook) await this.#isMoved(sid, change.call_hook);
    if (change?.child_call_hook) {
      await this.#isMoved(partner, change.child_call_hook);
      assert.equal((await this.change(partner, null)).status, 204);
    }
  }
}

describe('what may be done to a call when', { concurrency: 4 }, () => {
  let fs;
  before(async () => {
    fs = await FreeSwitch.start({
      spec: { settings: { 'freeswitch-profile': 'internal', 'rate-limit-per-minute': 1000000 }, accounts: [owner] },
      dialplan: [extension('voxeme', 'answer', 'park')],
      profile: { 'dtmf-type': 'info', 'rtp-timer-name': 'soft' }, // SIPp sends no media: FreeSWITCH is not to wait for it.
    });
    await writeFile(join(fs.dir, 'sounds', 'beep.wav'), silence());
  });
  after(() => fs?.stop());

  for (const [name, run] of tests('freeswitch', (t) => FreeSwitchStage.set(t, fs))) it(name, run);
});
