// Conferences: whoever is in one is a call of its own, whoever they dial is one that nobody's leg dialled.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { ANSWERED, call, callee, completed, OVER, UP, UPRIGHT } from './lib/calls.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const owner = account('owner', { sources: ['127.0.0.0/8'] });
const named = account('named');

describe('conferences', () => {
  let fs;
  before(async () => { fs = await FreeSwitch.start({ spec: { accounts: [owner, named] } }); });
  after(() => fs?.stop());
  const watch = (who = owner) => new Watch(fs.client(who.token), callsOf(who));
  const members = (room, count) => fs.until(async () => (await fs.api(`conference ${room} list`)).split('\n').filter((line) => /sofia/.test(line)).length === count,
    `${count} members of ${room}`);

  it('two callers, one is thrown out, the other hangs up', async (t) => {
    const calls = watch();
    const a = await call(t, fs, owner, 'c1', UPRIGHT);
    const b = await call(t, fs, owner, 'c1', [s.invite(), s.trying(), s.answered(), s.report('up'), s.hungUp()]);
    await Promise.all([a.sipp.at('up'), b.sipp.at('up')]);
    await members(1, 2);
    a.check(await calls.call(a.callId, 'in-progress'), UP, ANSWERED);
    const out = await calls.call(b.callId, 'in-progress');
    b.check(out, UP, ANSWERED);
    assert.deepEqual((await fs.client(owner.token).get(`/v1/Accounts/${owner.sid}/CallCount`)).json, { inbound: 2, outbound: 0 });
    const id = (await fs.api('conference 1 list')).split('\n').find((line) => line.includes(out.call_sid)).split(';')[0];
    await fs.api(`conference 1 hup ${id}`);
    await b.sipp.finished();
    b.check(await calls.call(b.callId, 'completed'), completed(), OVER);
    await a.over();
    a.check(await calls.call(a.callId, 'completed'), completed(), OVER);
    assert.match(await fs.api('voxeme audit'), /\+OK \d+ channels, 0 taken in, 0 lost/);
  });

  it('a party that the conference dials has no parent; its account is what its variables say', async (t) => {
    const calls = watch(named);
    const b = await callee(t, fs, named, [s.accept(), s.gate('up'), s.calleeBye()]);
    const answer = fs.api(`conference 2 dial {voxeme_account_sid=${named.sid}}sofia/internal/777@127.0.0.1:${b.port} 4711 Room`);
    const invite = await b.invite();
    await b.sipp.at('up');
    assert.match(await answer, /SUCCESS/);
    await members(2, 1);
    const live = await calls.call(invite.callId, 'in-progress');
    assert.deepEqual([live.direction, live.from, live.caller_name, live.to, live.parent_call_sid], ['outbound', '4711', 'Room', '777', undefined]);
    b.sipp.go(invite.callId);
    await b.sipp.finished();
    const { duration, terminated_at: terminated, ...rest } = await calls.call(invite.callId, 'completed');
    assert.deepEqual(rest, { ...live, ...completed() });
    assert.ok(terminated >= live.answered_at && duration >= 0);
  });
});
