// A FreeSWITCH that loads the module at its start, as modules.conf says.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { ANSWERED, call, completed, OVER, UP, UPRIGHT } from './lib/calls.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const owner = account('owner', { sources: ['127.0.0.0/8'] });
const SPEC = { accounts: [owner] };
const watch = (fs) => new Watch(fs.client(owner.token), callsOf(owner));

async function start(t, options) {
  const fs = await FreeSwitch.start({ spec: SPEC, autoload: true, ...options });
  t.after(() => fs.kill());
  return fs;
}

test('loaded at the start, before the modules that make channels; reloaded by FreeSWITCH\'s own command', async (t) => {
  const fs = await start(t);
  const a = await call(t, fs, owner, '1000', UPRIGHT);
  await a.sipp.at('up');
  const before = await watch(fs).call(a.callId, 'in-progress');
  a.check(before, UP, ANSWERED);
  fs.closeClients();
  assert.match(await fs.api('reload mod_voxeme'), /\+OK module unloaded\s+\+OK module loaded/);
  const calls = watch(fs);
  assert.deepEqual(await calls.call(a.callId), before);
  await a.over();
  a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
  await fs.stop();
});

test('a configuration with an error: FreeSWITCH starts without it', async (t) => {
  const fs = await start(t, { spec: { ...SPEC, settings: { 'retention-seconds': 'long' } } });
  const lines = (await fs.logFile()).split('\n').filter((line) => /mod_voxeme[: ]/.test(line) && !/switch_loadable_module/.test(line));
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /\[ERR\] .*mod_voxeme not loaded: voxeme\.conf: .*retention-seconds/);
  const a = await call(t, fs, owner, '1000', UPRIGHT);
  await a.sipp.at('up');
  await a.over();
  await fs.configure(SPEC);
  await fs.api('reloadxml');
  await fs.load();
  assert.deepEqual(await watch(fs).until((all) => all), []);
  await fs.stop();
});

// The channel of a recovered call begins under a uuid of its own and is given its old one: the first that
// is heard of it is CHANNEL_UUID.
test('killed and started again: calls that FreeSWITCH recovers are there by their old uuid, with the time of their answer', async (t) => {
  const fs = await start(t, { profile: { 'track-calls': 'true' } });
  const a = await call(t, fs, owner, '1000', [s.invite(), s.trying(), s.answered(), s.report('up'), ...s.reinvited(), s.gate('again'), s.bye({ cseq: 3 })]);
  await a.sipp.at('up');
  const before = await watch(fs).call(a.callId, 'in-progress');
  // It writes down in its own time what it would recover, and tells nobody.
  await fs.until(async () => (await readFile(join(fs.dir, 'db', 'core.db'))).includes(`<cdr core-uuid=`), 'FreeSWITCH to note the call');
  await fs.crash();
  assert.deepEqual((await fs.client(owner.token).get(callsOf(owner))).json, []);
  assert.match(await fs.api('sofia recover'), /Recovered 1 call/);
  await a.sipp.at('again');
  const calls = watch(fs);
  // Its channel is new, its answer is not.
  const again = { ...before, attempted_at: before.answered_at };
  assert.deepEqual(await calls.call(a.callId, 'in-progress'), again);
  assert.match(await fs.api('voxeme audit'), /\+OK 1 channels, 0 taken in, 0 lost/);
  await a.over();
  const { duration, terminated_at: terminated, ...rest } = await calls.call(a.callId, 'completed');
  assert.deepEqual(rest, { ...again, ...completed() });
  assert.ok(Date.parse(terminated) - Date.parse(before.answered_at) >= duration * 1000);
  assert.equal(calls.calls.length, 1);
  await fs.stop();
});
