// Telling calls something from the page, against a server that does what the test says.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { contrasts, hold } from './lib/contrast.mjs';
import { Mock } from './lib/mock.mjs';

const REFUSED = /Failed to load resource|WebSocket connection to/;
const APPLICATION = '9984fdc5-89ec-4ffe-9cee-880255a46253';
const NASTY = '<img src=x onerror=alert(1)><b>1</b>';

const until = (page, id, text) => page.waitForFunction(([node, wanted]) => document.getElementById(node).textContent.includes(wanted), [id, text]);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.value || document.activeElement.tagName);
const offered = (page) => page.$$eval('#control-buttons button', (all) => all.filter((node) => node.checkVisibility()).map((node) => node.textContent));

// A page that shows the details of an answered call.
async function answered(t, page, { commands, credentials, ...fields } = {}) {
  const mock = await Mock.start(t);
  if (commands !== undefined) mock.commands = commands ?? undefined;
  const { call_sid: sid } = mock.create(fields);
  mock.answer(sid);
  await signIn(page, mock.url, credentials ? credentials(mock) : mock);
  await untilRows(page, (list) => list[0]?.['call-status'] === 'in-progress');
  await page.click('#calls-body .row');
  await page.waitForSelector('#control-hangup');
  return { mock, sid, path: `/v1/Accounts/${mock.calls[0].account_sid}/Calls/${sid}` };
}

// A server that answers when it is told to.
function gated(mock) {
  const waiting = [];
  mock.perform = () => new Promise((resolve) => { waiting.push(resolve); });
  return async (answer) => {
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()(answer);
  };
}

async function fill(page, fields = {}) {
  await page.click('#new-call-open');
  const all = { from: '15083728299', to: 'sip:1000@192.0.2.1', application_sid: APPLICATION, ...fields };
  for (const [name, value] of Object.entries(all)) await page.fill(`#new-call-form [name=${name}]`, value);
}

test('a call is hung up once that is confirmed, and changes when the feed says so', withPage({}, async (t, page) => {
  const { mock, sid, path } = await answered(t, page);
  assert.deepEqual(await offered(page), ['Hang up', 'Hold', 'Unhold', 'Mute', 'Unmute', 'Keypad']);
  await page.click('#control-hangup');
  await page.click('#confirm-no');
  assert.equal(await focused(page), 'control-hangup');
  await page.click('#control-hangup');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#confirm', { state: 'hidden' });
  assert.equal(await page.isVisible('#drawer'), true);
  assert.deepEqual(mock.commanded, []);
  await page.click('#control-hangup');
  await page.click('#confirm-yes');
  await until(page, 'control-done', 'Hang up: done.');
  assert.deepEqual(mock.commanded, [{ method: 'PUT', path, key: undefined, body: { call_status: 'completed' } }]);
  assert.equal(await textOf(page, '#drawer-status'), 'in-progress');
  mock.end(sid);
  await until(page, 'drawer-status', 'completed');
  await page.waitForFunction(() => ![...document.querySelectorAll('#control-buttons button')].some((node) => node.checkVisibility()));
}));

test('everything is asked first, by name, until somebody chooses otherwise', withPage({ asked: true }, async (t, page) => {
  const { mock } = await answered(t, page);
  const bodies = [['hold', 'Hold this call?', { conf_hold_status: 'hold' }], ['unhold', 'Take this call off hold?', { conf_hold_status: 'unhold' }],
    ['mute', 'Mute this call?', { mute_status: 'mute' }], ['unmute', 'Unmute this call?', { mute_status: 'unmute' }]];
  for (const [name, question, body] of bodies) {
    await page.focus(`#control-${name}`);
    await page.keyboard.press('Enter');
    await until(page, 'confirm-title', question);
    await until(page, 'confirm-text', '→');
    assert.equal(await focused(page), 'confirm-yes');
    await page.click('#confirm-no');
    assert.equal(await focused(page), `control-${name}`);
    assert.deepEqual(mock.commanded, []);
    await page.keyboard.down('Enter');
    await page.waitForSelector('#confirm[open]');
    await page.keyboard.down('Enter'); // held
    await page.keyboard.up('Enter');
    assert.equal(await page.isVisible('#confirm'), true);
    await page.keyboard.press('Enter');
    await until(page, 'control-done', `${name[0].toUpperCase()}${name.slice(1)}: done.`);
    assert.deepEqual(mock.commanded.splice(0).map((told) => told.body), [body]);
  }
  await page.click('#control-dtmf');
  await until(page, 'confirm-title', 'Send digits');
  await page.keyboard.press('Escape');
  assert.equal(await page.isVisible('#keypad'), false);
  await page.click('#control-dtmf');
  await page.click('#confirm-yes');
  await page.waitForFunction(() => document.activeElement.value === '1');
  await page.keyboard.type('7');
  await until(page, 'control-done', 'Digits 7: done.');
  await page.click('#control-dtmf'); // to close it is asked by nobody
  assert.equal(await page.isVisible('#keypad'), false);
  await page.focus('#confirmed');
  mock.create({ from: '9' }); // the page is drawn anew
  await untilRows(page, (list) => list.length === 2);
  await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
  assert.equal(await focused(page), 'confirmed');
  await page.keyboard.press('Enter');
  assert.equal(await textOf(page, '#confirmed'), 'Confirm: hanging up only');
  await page.click('#control-hold');
  await until(page, 'control-done', 'Hold: done.');
  await page.click('#control-hangup');
  await page.waitForSelector('#confirm[open]');
  assert.equal(await focused(page), 'confirm-no');
}));

test('each command has its body, and is pending until it is answered', withPage({}, async (t, page) => {
  const { mock } = await answered(t, page);
  const answer = gated(mock);
  const bodies = { hold: { conf_hold_status: 'hold' }, unhold: { conf_hold_status: 'unhold' }, mute: { mute_status: 'mute' }, unmute: { mute_status: 'unmute' } };
  for (const [name, body] of Object.entries(bodies)) {
    await page.click(`#control-${name}`);
    await until(page, `control-${name}`, '…');
    assert.equal(await page.getAttribute(`#control-${name}`, 'aria-busy'), 'true');
    for (const other of ['hold', 'mute']) assert.equal(await page.getAttribute(`#control-${other}`, 'aria-disabled'), 'true');
    for (const button of [name, 'hold', 'mute']) await page.$eval(`#control-${button}`, (node) => node.click());
    await answer({ status: 204 });
    await until(page, 'control-done', ': done.');
    assert.equal(await page.getAttribute(`#control-${name}`, 'aria-busy'), 'false');
    assert.deepEqual(mock.commanded.pop().body, body);
    assert.deepEqual(mock.commanded, []);
  }
}));

test('a call can be hung up while something else is on its way, and when that is refused late', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock } = await answered(t, page);
  const answer = gated(mock);
  await page.click('#control-hold');
  await page.click('#control-dtmf');
  await page.keyboard.type('5');
  await page.click('#control-hangup');
  await page.click('#confirm-yes');
  await until(page, 'control-hangup', '…');
  await answer({ status: 504, body: { msg: 'too late' } });
  await until(page, 'control-refusal', 'Hold: too late');
  assert.equal(await page.getAttribute('#control-hangup', 'aria-disabled'), 'true');
  await answer({ status: 204 });
  await until(page, 'control-done', '5 …');
  await answer({ status: 204 });
  await until(page, 'control-done', 'Digits 5: done.');
  assert.deepEqual(mock.commanded.map(({ body }) => body), [{ conf_hold_status: 'hold' }, { call_status: 'completed' }, { dtmf: { digit: '5' } }]);
}));

test('digits that wait when somebody signs out go nowhere', withPage({}, async (t, page) => {
  const { mock } = await answered(t, page);
  const answer = gated(mock);
  await page.click('#control-dtmf');
  await page.keyboard.type('12');
  const told = page.waitForResponse(/Calls\//);
  await page.click('#sign-out');
  await answer({ status: 204 });
  await told;
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve); }));
  assert.equal(mock.commanded.length, 1);
}));

test('a ringing call is given up, and one that ends meanwhile closes the question', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const { call_sid: sid } = mock.create();
  mock.ring(sid);
  await signIn(page, mock.url, mock);
  await page.click('#calls-body .row');
  assert.deepEqual(await offered(page), ['Hang up']);
  await page.click('#control-hangup');
  await page.click('#confirm-yes');
  await until(page, 'control-done', 'done');
  assert.deepEqual(mock.commanded.pop().body, { call_status: 'no-answer' });
  await page.click('#control-hangup');
  await page.waitForSelector('#confirm[open]');
  mock.end(sid, { call_status: 'no-answer', sip_status: 487 });
  await page.waitForSelector('#confirm', { state: 'hidden' });
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  assert.deepEqual(mock.commanded, []);
}));

test('digits: pressed, typed, and in their order while some are on their way', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock } = await answered(t, page);
  const answer = gated(mock);
  await page.click('#control-dtmf');
  assert.equal(await page.getAttribute('#control-dtmf', 'aria-expanded'), 'true');
  await page.click('#keypad [value="1"]');
  await page.keyboard.type('23#a');
  await page.click('#keypad [value="*"]');
  await answer({ status: 204 });
  await until(page, 'control-done', 'Digits 23#a*');
  await answer({ status: 204 });
  await until(page, 'control-done', 'Digits 23#a*: done.');
  assert.deepEqual(mock.commanded.map(({ body }) => body), [{ dtmf: { digit: '1' } }, { dtmf: { digit: '23#a*' } }]);
  // What is refused takes those behind it along.
  await page.keyboard.type('45');
  await answer({ status: 422, body: { msg: 'the call is not answered' } });
  await until(page, 'control-refusal', 'Digits 4: the call is not answered');
  assert.equal(mock.commanded.length, 3);
  await page.click('#control-dtmf');
  assert.equal(await page.isVisible('#keypad'), false);
}));

test('what the server refuses is said in its words, as text', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock, sid } = await answered(t, page, { from: NASTY, caller_name: NASTY });
  for (const [status, msg] of [[422, `the call is not answered ${NASTY}`], [501, 'this server cannot hold calls'], [504, 'the server did not do it in time'], [404, 'no such call']]) {
    mock.perform = () => ({ status, body: { msg } });
    await page.click('#control-hold');
    await until(page, 'control-refusal', `Hold: ${msg}`);
    assert.equal(await textOf(page, '#control-done'), '');
  }
  mock.perform = () => ({ status: 500 });
  await page.click('#control-hold');
  await until(page, 'control-refusal', 'status 500');
  await page.click('#control-hangup');
  await until(page, 'confirm-text', NASTY);
  assert.equal(await page.$$eval('dialog img, dialog b, #drawer img, #drawer dd b, #controls b', (all) => all.length), 0);
  await page.click('#confirm-no');
  await mock.stop();
  await page.click('#control-hold');
  await until(page, 'control-refusal', 'did not answer');
  assert.equal(mock.calls.find((call) => call.call_sid === sid).call_status, 'in-progress');
}));

test('only what the server can do is offered', withPage({}, async (t, page) => {
  await answered(t, page, { commands: ['hangup', 'dtmf'] });
  await page.waitForFunction(() => document.getElementById('control-hold').hidden);
  assert.deepEqual(await offered(page), ['Hang up', 'Keypad']);
  assert.equal(await page.isVisible('#new-call-open'), false);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('n');
  assert.equal(await page.isVisible('#new-call'), false);
}));

test('shortcuts of a single letter are switched off, and stay so', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  await page.waitForSelector('#new-call-open');
  const keys = () => page.$$eval('[aria-keyshortcuts]', (all) => all.map((node) => node.getAttribute('aria-keyshortcuts')).sort());
  const hints = () => page.$$eval('.letter', (all) => all.filter((node) => node.checkVisibility()).length);
  assert.deepEqual(await keys(), ['/', 'n']);
  assert.equal(await hints(), 3);
  await page.click('#letters');
  assert.equal(await textOf(page, '#letters'), 'Shortcuts: off');
  for (let i = 0; i < 2; i++) {
    await page.focus('#calls');
    for (const key of ['/', 'n']) await page.keyboard.press(key);
    assert.equal(await focused(page), 'calls');
    assert.equal(await page.isVisible('#new-call'), false);
    assert.deepEqual(await keys(), []);
    assert.equal(await hints(), 0);
    if (i) break;
    await page.reload(); // the token is kept by the tab
    await page.waitForSelector('#new-call-open');
  }
  await page.click('#letters');
  await page.focus('#calls');
  await page.keyboard.press('/');
  assert.equal(await focused(page), 'search');
}));

test('a server that comes back and can do less is offered less', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock } = await answered(t, page);
  mock.commands = ['hangup'];
  await mock.restart();
  mock.answer(mock.create({ from: '7' }).call_sid);
  await page.waitForFunction(() => document.getElementById('new-call-open').hidden);
  await untilRows(page, (list) => list[0]?.from === '7');
  await page.click('#calls-body .row');
  await page.waitForSelector('#control-hangup');
  assert.deepEqual(await offered(page), ['Hang up']);
}));

test('of a server that does not say, a 501 is learned from', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock } = await answered(t, page, { commands: null });
  await page.waitForSelector('#new-call-open');
  mock.perform = () => ({ status: 501, body: { msg: 'this server cannot mute calls' } });
  await page.click('#control-mute');
  await until(page, 'control-refusal', 'cannot mute calls');
  assert.deepEqual(await offered(page), ['Hang up', 'Hold', 'Unhold', 'Unmute', 'Keypad']);
}));

test('nothing is offered for a call of no account, or one that is gone', withPage({}, async (t, page) => {
  const credentials = ({ adminToken }) => ({ token: adminToken });
  const mock = await Mock.start(t);
  mock.create({ account_sid: undefined, from: '1' });
  const { call_sid: sid } = mock.create({ from: '2' });
  await signIn(page, mock.url, credentials(mock));
  await page.click('#calls-body .row:has(.from:text-is("1"))');
  assert.equal(await page.isVisible('#controls'), false);
  await page.click('#calls-body .row:has(.from:text-is("2"))');
  await page.waitForSelector('#controls:not([hidden])');
  mock.remove(sid);
  await page.waitForSelector('#drawer-gone:not([hidden])');
  assert.equal(await page.isVisible('#controls'), false);
}));

test('an admin tells a call by its own account, and makes calls for one that is chosen', withPage({}, async (t, page) => {
  const account = '00000000-aaaa-4aaa-8aaa-000000000000';
  const { mock, path } = await answered(t, page, { account_sid: account, credentials: ({ adminToken }) => ({ token: adminToken }) });
  await page.click('#control-hold');
  await until(page, 'control-done', 'Hold: done.');
  assert.equal(path, `/v1/Accounts/${account}/Calls/${mock.calls[0].call_sid}`);
  assert.equal(mock.commanded.pop().path, path);
  await fill(page);
  assert.equal(await page.isVisible('#new-call-form [name=account_sid]'), true);
  await page.click('#new-call-make');
  await until(page, 'new-call-message', 'account SID is a UUID');
  assert.equal(await focused(page), 'account_sid');
  await page.click('#new-call-cancel');
  await page.selectOption('#account-picker', account);
  await page.click('#new-call-open');
  assert.equal(await page.inputValue('#new-call-form [name=account_sid]'), account);
  assert.deepEqual(await page.$$eval('#new-call-accounts option', (all) => all.map(({ value }) => value)), [account]);
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  assert.equal(mock.commanded.pop().path, `/v1/Accounts/${account}/Calls`);
}));

test('a double click makes one call, whose details open when the feed brings it', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  mock.create({ from: '1' });
  await signIn(page, mock.url, mock);
  const answer = gated(mock);
  await fill(page, { callerName: NASTY, timeout: '30' });
  await page.dblclick('#new-call-make');
  await page.evaluate(() => { for (let i = 0; i < 3; i++) document.getElementById('new-call-form').requestSubmit(); });
  assert.equal(await page.getAttribute('#new-call-make', 'aria-busy'), 'true');
  const sid = '11111111-1111-4111-8111-111111111111';
  await answer({ status: 201, body: { sid } });
  await page.waitForSelector('#new-call', { state: 'hidden' });
  assert.equal(await page.isVisible('#drawer'), false);
  assert.equal(mock.commanded.length, 1);
  const [{ method, path, key, body }] = mock.commanded;
  assert.deepEqual([method, path], ['POST', `/v1/Accounts/${mock.account}/Calls`]);
  assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(body, { from: '15083728299', to: { type: 'sip', sipUri: 'sip:1000@192.0.2.1' }, callerName: NASTY, application_sid: APPLICATION, timeout: 30 });
  mock.create({ from: '2' });
  await untilRows(page, (list) => list.length === 2);
  assert.equal(await page.isVisible('#drawer'), false);
  mock.create({ call_sid: sid, from: '15083728299', to: '1000', direction: 'outbound', caller_name: NASTY });
  await until(page, 'drawer-title', '15083728299 → 1000');
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  assert.equal(await page.$$eval('#dashboard img', (all) => all.length), 0);
}));

test('a call that the feed brings before the answer opens as well; one that was opened meanwhile stays', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  mock.create({ from: '1' });
  await signIn(page, mock.url, mock);
  mock.perform = () => ({ status: 201, body: { sid: mock.create({ from: '2' }).call_sid } });
  await fill(page);
  await page.click('#new-call-make');
  await until(page, 'drawer-title', '2 →');
  mock.perform = () => ({ status: 201, body: { sid: APPLICATION } });
  await page.click('#new-call-open');
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  await page.click('#calls-body .row:has(.from:text-is("1"))');
  mock.create({ call_sid: APPLICATION, from: '3' });
  await untilRows(page, (list) => list.length === 3);
  assert.match(await textOf(page, '#drawer-title'), /^1 →/);
}));

test('a request whose fate is unknown is sent again with its key; any other has a new one', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  const answers = [{ status: 504, body: { msg: 'the server did not do it in time' } }, { status: 409, body: { msg: 'not answered yet' } },
    { status: 422, body: { msg: 'it failed' } }, { status: 400, body: { msg: 'to.sipUri has no valid host' } }, { status: 201, body: { sid: APPLICATION } }];
  const msgs = answers.map(({ body }) => body.msg);
  mock.perform = () => answers.shift();
  await fill(page);
  for (const msg of msgs.slice(0, 4)) {
    await page.click('#new-call-make');
    await until(page, 'new-call-message', msg);
  }
  assert.equal(await focused(page), 'to');
  assert.equal(await page.getAttribute('#new-call-form [name=to]', 'aria-invalid'), 'true');
  await page.fill('#new-call-form [name=to]', 'sip:1001@192.0.2.1');
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  const keys = mock.commanded.map(({ key }) => key);
  assert.deepEqual(keys.map((key) => keys.indexOf(key)), [0, 0, 0, 3, 4]);
}));

test('a user is called by name', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  const msg = 'to.name has a domain that is no realm of the account';
  const answers = [{ status: 400, body: { msg } }, { status: 201, body: { sid: APPLICATION } }];
  mock.perform = () => answers.shift();
  await fill(page, { to: 'joe@' });
  await page.click('#new-call-make');
  await until(page, 'new-call-message', 'not a user');
  assert.deepEqual(mock.commanded, []);
  await page.fill('#new-call-form [name=to]', 'joe@other.example');
  await page.click('#new-call-make');
  await until(page, 'new-call-message', msg);
  assert.equal(await focused(page), 'to');
  await page.fill('#new-call-form [name=to]', 'joe@demo.example');
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  assert.deepEqual(mock.commanded.map(({ body }) => body.to), [{ type: 'user', name: 'joe@other.example' }, { type: 'user', name: 'joe@demo.example' }]);
}));

test('a page without randomUUID() sends a key all the same', withPage({}, async (t, page) => {
  await page.addInitScript(() => { delete Crypto.prototype.randomUUID; });
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  assert.equal(await page.evaluate(() => typeof crypto.randomUUID), 'undefined');
  await fill(page);
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  assert.match(mock.commanded[0].key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
}));

test('what is wrong in the form is said at once, and nothing sent', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  await fill(page, { from: '', to: '', application_sid: 'x', timeout: '0' });
  const complains = async (field, pattern) => {
    await page.click('#new-call-make');
    await page.waitForFunction((name) => document.activeElement.name === name && document.activeElement.getAttribute('aria-invalid') === 'true', field);
    assert.match(await textOf(page, '#new-call-message'), pattern);
    assert.equal(await page.$$eval('#new-call-form [aria-invalid]', (all) => all.length), 1);
  };
  await complains('from', /From is missing/);
  await page.fill('[name=from]', '1');
  await complains('to', /missing/);
  await page.fill('[name=to]', 'sip:a b@c');
  await complains('to', /SIP URI/);
  await page.fill('[name=to]', '+1 508');
  await complains('application_sid', /UUID/);
  await page.check('#new-call-by-hook');
  await complains('call_hook', /absolute URL/);
  await page.fill('[name=call_hook]', 'https://acme.example/hook');
  await page.click('#new-call-speech summary');
  await page.fill('[name=speech_recognizer_language]', '');
  await page.click('#new-call-speech summary');
  await complains('speech_recognizer_language', /missing/);
  await page.fill('[name=speech_recognizer_language]', 'en-US');
  await complains('timeout', /3600/);
  assert.deepEqual(mock.commanded, []);
  await page.fill('[name=timeout]', '5');
  await page.click('#new-call-make');
  await page.waitForSelector('#new-call', { state: 'hidden' });
  assert.deepEqual(mock.commanded[0].body.to, { type: 'phone', number: '+1508' });
  assert.equal(mock.commanded[0].body.call_hook, 'https://acme.example/hook');
  // Nothing of it is for who signs in next.
  await page.click('#sign-out');
  assert.equal(await page.inputValue('[name=from]'), '');
  assert.equal(await page.isVisible('#new-call-open'), false);
}));

test('the keyboard does it all: a call is made, held, dialled on and hung up', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  await page.waitForSelector('#new-call-open');
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  mock.perform = ({ method }) => (method === 'POST' ? { status: 201, body: { sid: mock.create({ from: '1' }).call_sid } } : { status: 204 });
  await press('n');
  await page.waitForSelector('#new-call[open]');
  assert.equal(await focused(page), 'from');
  // The focus stays inside, both ways round.
  const stops = [];
  do { await press('Tab'); stops.push(await focused(page)); } while (stops.at(-1) !== 'from' && stops.length < 20);
  assert.deepEqual(stops, ['to', 'callerName', 'timeout', 'new-call-by-application', 'application_sid', 'new-call-cancel', 'new-call-make', 'from']);
  await press('Shift+Tab');
  assert.equal(await focused(page), 'new-call-make');
  await press('Tab');
  await page.keyboard.type('15083728299/n');
  await press('Tab');
  await page.keyboard.type('sip:1000@192.0.2.1');
  await press('Tab', 'Tab', 'Tab', 'Tab');
  await page.keyboard.type(APPLICATION);
  await press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  assert.equal(mock.commanded[0].body.from, '15083728299/n');
  const { call_sid: sid } = mock.calls[0];
  mock.answer(sid);
  await until(page, 'drawer-status', 'in-progress');
  const tabTo = async (id) => { for (let i = 0; i < 20 && await focused(page) !== id; i++) await press('Tab'); };
  await tabTo('control-hold');
  await press('Enter');
  await until(page, 'control-done', 'Hold: done.');
  assert.equal(await focused(page), 'control-hold');
  await tabTo('control-dtmf');
  await press('Enter');
  assert.equal(await focused(page), '1');
  await page.keyboard.type('7');
  await until(page, 'control-done', 'Digits 7: done.');
  await press('Shift+Tab');
  await press('Enter');
  assert.equal(await page.isVisible('#keypad'), false);
  for (let i = 0; i < 20 && await focused(page) !== 'control-hangup'; i++) await press('Shift+Tab');
  await press('Enter');
  assert.equal(await focused(page), 'confirm-no');
  await press('Tab');
  assert.equal(await focused(page), 'confirm-yes');
  await press('Tab');
  assert.equal(await focused(page), 'confirm-no');
  await press('Shift+Tab', 'Enter');
  await until(page, 'control-done', 'Hang up: done.');
  assert.deepEqual(mock.commanded.slice(1).map(({ body }) => body), [{ conf_hold_status: 'hold' }, { dtmf: { digit: '7' } }, { call_status: 'completed' }]);
  await page.waitForFunction(() => document.activeElement.id === 'control-hangup');
  mock.end(sid);
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  await press('Escape');
  assert.equal(await focused(page), 'calls');
}));

for (const colorScheme of ['light', 'dark']) {
  describe(`WCAG AA contrast, ${colorScheme}`, () => {
    test('of the controls, the keypad, what is said of them, and the dialogs', withPage({ colorScheme, expectErrors: REFUSED }, async (t, page) => {
      const { mock } = await answered(t, page);
      await page.click('#control-dtmf');
      await page.click('#control-hold');
      await until(page, 'control-done', 'done');
      hold(await contrasts(page, '#drawer'), 40);
      mock.perform = () => ({ status: 422, body: { msg: 'not now' } });
      await page.click('#control-hold');
      await until(page, 'control-refusal', 'not now');
      hold(await contrasts(page, '#drawer'), 40);
      const answer = gated(mock);
      await page.click('#control-mute');
      await until(page, 'control-mute', '…');
      hold(await contrasts(page, '#drawer'), 40);
      await answer({ status: 204 });
      await until(page, 'control-done', 'done');
      await page.click('#control-hangup');
      await page.waitForSelector('#confirm[open]');
      hold(await contrasts(page, '#confirm'), 4);
      await page.click('#confirm-no');
      await page.click('#new-call-open');
      await page.click('#new-call-make');
      await until(page, 'new-call-message', 'missing');
      hold(await contrasts(page, '#new-call'), 10);
      await page.check('#new-call-by-hook');
      await page.click('#new-call-speech summary');
      hold(await contrasts(page, '#new-call'), 15);
    }));
  });
}

test('on a phone the dialogs and the controls fit', withPage({ viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }, async (t, page) => {
  const mock = await Mock.start(t);
  mock.answer(mock.create({ from: 'x'.repeat(250) }).call_sid);
  await signIn(page, mock.url, mock);
  const outside = (root) => page.$eval(root, (node) => [...node.querySelectorAll('button, input, summary, p, h2')]
    .filter((part) => part.checkVisibility() && (part.getBoundingClientRect().right > innerWidth + 1 || part.getBoundingClientRect().left < -1)).map((part) => part.id || part.name || part.tagName));
  await page.tap('#new-call-open');
  await page.check('#new-call-by-hook');
  await page.tap('#new-call-speech summary');
  assert.deepEqual(await outside('#new-call'), []);
  await page.tap('#new-call-make');
  await page.waitForFunction(() => {
    const { top, bottom } = document.getElementById('new-call-message').getBoundingClientRect();
    return document.activeElement.name === 'from' && bottom > top && bottom <= innerHeight;
  });
  await page.$eval('#new-call-make', (node) => node.scrollIntoView());
  await page.tap('#new-call-cancel');
  await page.evaluate(() => document.querySelector('.content').scrollIntoView());
  await page.tap('#calls-body .row');
  await page.tap('#control-dtmf');
  assert.deepEqual(await outside('#drawer'), []);
  await page.tap('#control-hangup');
  await page.waitForSelector('#confirm[open]');
  assert.deepEqual(await outside('#confirm'), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
}));
