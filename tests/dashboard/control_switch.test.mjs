// Telling calls something from the page, on a real voxeme-switch with SIPp at the far end: what is pressed is seen on the
// wire.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { ANSWER, liveCall, RING } from '../e2e/lib/calls.mjs';
import { demo, route } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { body, header, Sipp } from '../e2e/lib/sipp.mjs';
import { Switch } from '../e2e/lib/switch.mjs';
import { callsOf } from '../e2e/lib/watch.mjs';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';

const REFUSED = /Failed to load resource/;

async function start(t, { routes = [RING, ANSWER], adminTokens = [] } = {}) {
  const account = demo();
  const sw = await Switch.start(t, { accounts: [account], adminTokens, routes });
  return { sw, account, client: sw.client(account.token) };
}

const until = (page, id, text) => page.waitForFunction(([node, wanted]) => document.getElementById(node).textContent.includes(wanted), [id, text]);
const offered = (page) => page.$$eval('#control-buttons button', (all) => all.filter((node) => node.checkVisibility()).map((node) => node.textContent));

async function fill(page, to, fields = {}) {
  await page.click('#new-call-open');
  await page.check('#new-call-by-hook');
  for (const [name, value] of Object.entries({ from: '15083728299', to, call_hook: 'https://example.com/hook', ...fields })) await page.fill(`#new-call-form [name=${name}]`, value);
}

async function hangUp(page) {
  await page.click('#control-hangup');
  await page.click('#confirm-yes');
}

test('a call is made by a double click, held, dialled on and hung up', withPage({}, async (t, page) => {
  const { sw, account, client } = await start(t);
  const digit = (label) => [s.recv('INFO'), s.report(label), s.okay()];
  const sipp = await Sipp.start(t, {
    scenario: s.callee(s.provisional('180 Ringing'), s.gate('ringing'), s.accept(), s.reinvited(), s.reinvited(), digit('1'), digit('#'), s.hungUp()),
  });
  await signIn(page, sw.url, { account: account.sid, token: account.token });
  await fill(page, `sip:bob@${sipp.address}`, { callerName: '<b>Ada</b>' });
  await page.dblclick('#new-call-make');
  await until(page, 'drawer-title', '15083728299 → bob');
  const { message } = await sipp.at('invite');
  assert.match(header(message, 'From'), /<b>Ada<\/b>.*<sip:15083728299@/);
  assert.equal(await page.$$eval('#dashboard b:not(.parts b)', (all) => all.length), 0);
  await until(page, 'drawer-status', 'ringing');
  assert.deepEqual(await offered(page), ['Hang up']);
  sipp.go((await sipp.at('ringing')).callId);
  await until(page, 'drawer-status', 'in-progress');
  // voxeme-switch has no media that it could mute.
  assert.deepEqual(await offered(page), ['Hang up', 'Hold', 'Unhold', 'Keypad']);
  await page.click('#control-hold');
  assert.match(body((await sipp.at('reinvite')).message), /^a=sendonly\r?$/m);
  await until(page, 'control-done', 'Hold: done.');
  await page.click('#control-unhold');
  assert.match(body((await sipp.at('reinvite')).message), /^a=sendrecv\r?$/m);
  await until(page, 'control-done', 'Unhold: done.');
  await page.click('#control-dtmf');
  await page.click('#keypad [value="1"]');
  await page.keyboard.type('#');
  for (const key of ['1', '#']) assert.match((await sipp.at(key)).message, new RegExp(`Signal=${key}`));
  await until(page, 'control-done', 'Digits #: done.');
  await hangUp(page);
  await sipp.finished(); // of its one call
  await until(page, 'drawer-status', 'completed');
  assert.equal((await client.get(callsOf(account))).json.length, 1);
}));

test('a call that rings is given up', withPage({}, async (t, page) => {
  const { sw, account } = await start(t);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.provisional('180 Ringing'), s.cancelled()) });
  await signIn(page, sw.url, { account: account.sid, token: account.token });
  await fill(page, `sip:bob@${sipp.address}`);
  await page.click('#new-call-make');
  await until(page, 'drawer-status', 'ringing');
  await hangUp(page);
  await sipp.finished();
  await until(page, 'drawer-status', 'no-answer');
  assert.match(await textOf(page, '#drawer-sip'), /^487/);
}));

test('a user is called by name', withPage({}, async (t, page) => {
  const sipp = await Sipp.start(t, { scenario: s.callee(s.decline('486 Busy Here')) });
  const account = { ...demo(), realms: ['demo.example'] };
  const sw = await Switch.start(t, { accounts: [account], routes: [route('^joe$', 'bridge', { target: `sip:joe.home@${sipp.address}` })] });
  await signIn(page, sw.url, { account: account.sid, token: account.token });
  await fill(page, 'joe@demo.example');
  await page.click('#new-call-make');
  await until(page, 'drawer-title', '15083728299 → joe');
  assert.match((await sipp.at('invite')).message, /^INVITE sip:joe\.home@/);
  await sipp.finished();
  await until(page, 'drawer-status', 'busy');
}));

test('an inbound call that rings is declined, by the keyboard alone', withPage({}, async (t, page) => {
  const { sw, account } = await start(t);
  await signIn(page, sw.url, { account: account.sid, token: account.token });
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '15551', to: '180' }, s.invite(), s.trying(), s.recv(180), s.refused(480)), remote: sw.sip });
  await untilRows(page, (list) => list[0]?.['call-status'] === 'ringing');
  for (const key of ['ArrowDown', 'Enter', 'Tab', 'Enter', 'Tab', 'Enter']) await page.keyboard.press(key);
  await sipp.finished();
  await until(page, 'drawer-status', 'no-answer');
}));

test('what the switch refuses is shown: a number without a gateway, a hold that the far end does not take', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const callee = await Sipp.start(t, { scenario: s.callee(s.accept(), s.recv('INVITE'), s.reply('488 Not Acceptable Here'), s.recv('ACK'), s.hungUp()) });
  const { sw, account } = await start(t, { routes: [route('^1000$', 'bridge', { target: `sip:bob@${callee.address}` })] });
  await signIn(page, sw.url, { account: account.sid, token: account.token });
  await fill(page, '+1 508 372 8299');
  await page.click('#new-call-make');
  await until(page, 'new-call-message', 'no gateway for phone numbers');
  await page.fill('#new-call-form [name=to]', 'sip:bob@127.0.0.1');
  await page.check('#new-call-by-application');
  await page.fill('#new-call-form [name=application_sid]', randomUUID());
  await page.click('#new-call-make');
  await until(page, 'new-call-message', 'names no application of the account');
  await page.waitForFunction(() => document.activeElement.name === 'application_sid');
  await page.click('#new-call-cancel');
  const call = await liveCall(t, sw, { from: '15551' });
  await untilRows(page, (list) => list.length === 2 && list.every((row) => row['call-status'] === 'in-progress'));
  await page.click('#calls-body .row:has(.direction:text-is("↗ out"))');
  await page.click('#control-hold');
  await until(page, 'control-refusal', '488');
  await call.hangUp();
  await callee.finished();
}));

test('an admin hangs up a call of an account', withPage({}, async (t, page) => {
  const { sw, account } = await start(t, { adminTokens: ['the-admin-token'] });
  const sipp = await Sipp.start(t, { scenario: s.caller({ from: '15551', to: '1000' }, s.invite(), s.trying(), s.answered(), s.hungUp()), remote: sw.sip });
  await signIn(page, sw.url, { token: 'the-admin-token' });
  await untilRows(page, (list) => list[0]?.['call-status'] === 'in-progress');
  await page.click('#calls-body .row');
  await hangUp(page);
  await sipp.finished();
  await until(page, 'drawer-status', 'completed');
  assert.equal((await sw.client('the-admin-token').get(callsOf(account))).json[0].call_status, 'completed');
}));
