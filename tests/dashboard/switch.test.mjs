// The page on a real voxeme-switch, with calls made by SIPp.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANSWER, BUSY, busyCall, liveCall, RING } from '../e2e/lib/calls.mjs';
import { demo } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { Switch } from '../e2e/lib/switch.mjs';
import { callsOf } from '../e2e/lib/watch.mjs';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { Cable } from './lib/cable.mjs';

const BROKEN = /Failed to load resource|WebSocket connection to/;

// A switch with its page behind a cable: {sw, account, cable, url, restarted()}. After a restart the cable leads to where
// it is then.
async function start(t, { settings = {}, adminTokens = [] } = {}) {
  const account = demo();
  const sw = await Switch.start(t, { accounts: [account], adminTokens, settings, routes: [RING, ANSWER, BUSY] });
  const cable = await Cable.start(t, sw.url);
  return { sw, account, cable, url: cable.url, restarted: () => cable.plug(sw.url) };
}

const shown = (list) => list.map((row) => `${row.from} ${row['call-status']} ${row['sip-status']}`).join(', ');

test('real calls appear, change and leave', withPage({}, async (t, page) => {
  const { sw, account, url } = await start(t, { settings: { 'retention-seconds': 2 } });
  await signIn(page, url, { account: account.sid, token: account.token });
  await untilRows(page, (list) => list.length === 0);
  const ringing = await Sipp.start(t, {
    scenario: s.caller({ from: '15551', to: '180', display: '"<b>Ada</b>"' }, s.invite(), s.trying(), s.recv(180), s.gate('rings'), s.cancel(), s.refused(487)), remote: sw.sip,
  });
  const { callId } = await ringing.at('rings');
  await untilRows(page, (list) => shown(list) === '15551 ringing 180' && list[0]['caller-name'] === '<b>Ada</b>' && list[0].direction === '↘ in');
  const call = await liveCall(t, sw, { from: '15552' });
  await untilRows(page, (list) => shown(list) === '15552 in-progress 200, 15551 ringing 180');
  assert.equal(await textOf(page, '#live-in'), '2');
  await page.click('#calls-body .row:has(.from:text-is("15552"))');
  assert.match(await textOf(page, '#drawer-fields'), new RegExp(call.callId));
  ringing.go(callId);
  await ringing.finished();
  await busyCall(t, sw, { from: '15553' });
  await call.hangUp();
  await untilRows(page, (list) => list.length === 0, 'every row to leave');
  await page.waitForSelector('#drawer-gone:not([hidden])');
  assert.match(await textOf(page, '#drawer-times'), /Started.*Answered.*Ended.*NORMAL_CLEARING/);
  await page.waitForFunction(() => document.getElementById('answered-of').textContent === '1 of 3 ended calls');
  assert.equal(await textOf(page, '#failures-sip'), '486 × 1487 × 1');
  assert.equal(await textOf(page, '#live-all'), '0');
}));

test('the rows are those of the list while many calls come and go', withPage({}, async (t, page) => {
  const { sw, account, url } = await start(t);
  await signIn(page, url, { account: account.sid, token: account.token });
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1[call_number]', to: '1000' }, s.invite(), s.trying(), s.answered(), s.report('up'), s.bye()), remote: sw.sip, calls: 200, rate: 50,
  });
  await sipp.finished();
  await untilRows(page, (list) => list.length > 10 && list.every((row) => row['call-status'] === 'completed'));
  await page.waitForFunction(() => document.getElementById('row-count').textContent === '200 calls');
  const { json } = await sw.client(account.token).get(callsOf(account));
  // Calls that began in the same millisecond may stand in any order.
  const byFrom = new Map(json.map((call) => [call.from, call]));
  await untilRows(page, (list) => list.every((row, i) => {
    const call = byFrom.get(row.from);
    return call.attempted_at === json[i].attempted_at && row.to === call.to && row['sip-status'] === String(call.sip_status);
  }) && new Set(list.map(({ from }) => from)).size === list.length, 'the rows of the list');
}));

test('a cut network and a restarted server leave no wrong row', withPage({ expectErrors: BROKEN }, async (t, page) => {
  const { sw, account, cable, url, restarted } = await start(t, { settings: { 'retention-seconds': 1 } });
  await signIn(page, url, { account: account.sid, token: account.token });
  const gone = await liveCall(t, sw, { from: '15551' });
  const stays = await liveCall(t, sw, { from: '15552' });
  await untilRows(page, (list) => shown(list) === '15552 in-progress 200, 15551 in-progress 200');
  cable.cut();
  await page.waitForSelector('#connection[data-state=waiting]');
  await gone.hangUp();
  const late = await liveCall(t, sw, { from: '15553' });
  const client = sw.client(account.token);
  while ((await client.get(callsOf(account))).json.length !== 2) await new Promise((resolve) => { setTimeout(resolve, 50); });
  cable.mend();
  await page.waitForSelector('#connection[data-state=live]');
  await untilRows(page, (list) => shown(list) === '15553 in-progress 200, 15552 in-progress 200');
  await late.hangUp();
  await stays.hangUp();
  await sw.stop();
  await page.waitForSelector('#connection:not([data-state=live])');
  await sw.restart();
  await restarted();
  await page.waitForSelector('#connection[data-state=live]');
  const after = await liveCall(t, sw, { from: '15554' });
  await untilRows(page, (list) => shown(list) === '15554 in-progress 200');
  assert.equal(await textOf(page, '#live-all'), '1');
  await after.hangUp();
}));

test('an admin token sees every account; taken away, it leads back to the form', withPage({ expectErrors: BROKEN }, async (t, page) => {
  const { sw, account, url } = await start(t, { adminTokens: ['the-admin-token'] });
  await liveCall(t, sw, { from: '15551' });
  await signIn(page, url, { token: 'the-admin-token' });
  await untilRows(page, (list) => shown(list) === '15551 in-progress 200');
  assert.deepEqual(await page.$$eval('#account-picker option', (all) => all.map(({ value }) => value)), ['', account.sid]);
  await sw.reload({ ...sw.spec, adminTokens: ['another-admin-token'] });
  await page.waitForFunction(() => document.getElementById('sign-in-message').textContent.includes('revoked'));
  assert.equal(await page.isVisible('#dashboard'), false);
}));
