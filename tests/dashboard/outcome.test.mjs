// That a person learns what became of what he told a call to do: seen, and said by a screen reader.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { contrasts, hold } from './lib/contrast.mjs';
import { Mock } from './lib/mock.mjs';

const REFUSED = /Failed to load resource|WebSocket connection to/;

const until = (page, id, text) => page.waitForFunction(([node, wanted]) => document.getElementById(node).textContent.includes(wanted), [id, text]);
const row = (from) => `#calls-body .row:has(.from:text-is("${from}"))`;

async function open(page, from) {
  await page.click(row(from));
  await page.waitForFunction((wanted) => document.getElementById('drawer-title').textContent.startsWith(`${wanted} `), from);
}

// A page with two answered calls, 1 and 2, the details of 1 open; answer({status, body}) answers the oldest command.
async function start(t, page) {
  const mock = await Mock.start(t);
  const waiting = [];
  mock.perform = () => new Promise((resolve) => { waiting.push(resolve); });
  const sids = ['2', '1'].map((from) => mock.create({ from, to: '9' }).call_sid);
  for (const sid of sids) mock.answer(sid);
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list.length === 2 && list.every((call) => call['call-status'] === 'in-progress'));
  await open(page, '1');
  await page.waitForSelector('#control-hold');
  const answer = async (told) => {
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()(told);
  };
  return { mock, sids, answer };
}

// Keeps what live regions say: a region must be there, and in reach, before it speaks; hidden or inert it is silent.
const listen = (page) => page.evaluate(() => {
  window.said = [];
  const isHeard = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest('[inert], [aria-hidden=true]') &&
    (!document.querySelector('dialog[open]') || node.closest('dialog[open]'));
  const heard = new Map();
  const look = () => { for (const node of document.querySelectorAll('[role=status], [role=alert]')) heard.set(node, isHeard(node)); };
  look();
  new MutationObserver((changes) => {
    for (const region of new Set(changes.filter(({ type }) => type !== 'attributes').map(({ target }) => (target.closest ? target : target.parentElement)?.closest('[role=status], [role=alert]')))) {
      const text = region?.textContent.replace(/✕/g, '').trim();
      if (text && heard.get(region) && isHeard(region)) window.said.push(`${region.getAttribute('role')}: ${text}`);
    }
    look();
  }).observe(document.body, { childList: true, characterData: true, subtree: true, attributes: true });
});
const said = (page) => page.evaluate(() => window.said.splice(0));

test('what is done is said with its time, what is refused stays until the next is pressed', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { answer } = await start(t, page);
  await listen(page);
  for (const [name, label] of [['hold', 'Hold'], ['unhold', 'Unhold'], ['mute', 'Mute'], ['unmute', 'Unmute'], ['unmute', 'Unmute']]) {
    await page.click(`#control-${name}`);
    await answer({ status: 204 });
    await until(page, 'control-done', `${label}: done.`);
    assert.match(await textOf(page, '#control-at'), /^\d\d:\d\d:\d\d$/);
    assert.match(await page.$eval('#control-done', (node) => getComputedStyle(node, '::before').content), /^"✓ "/);
    assert.deepEqual(await said(page), [`status: ${label}: done.`]);
  }
  await page.click('#control-hold');
  await answer({ status: 422, body: { msg: 'the far end does not want it' } });
  await until(page, 'control-refusal', 'Hold: the far end does not want it');
  assert.deepEqual(await said(page), ['alert: Hold: the far end does not want it']);
  assert.equal(await textOf(page, '#control-at'), '');
  await page.click('#control-mute');
  await until(page, 'control-mute', '…');
  assert.equal(await textOf(page, '#control-refusal'), '');
  // Digits that waited for it do not wipe what was said of it.
  await page.click('#control-dtmf');
  await page.keyboard.type('5');
  await answer({ status: 501, body: { msg: 'this server cannot mute calls' } });
  await answer({ status: 204 });
  await until(page, 'control-done', 'Digits 5: done.');
  assert.equal(await textOf(page, '#control-refusal'), 'Mute: this server cannot mute calls');
}));

test('digits are shown while they wait, and said when they are not sent', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock, answer } = await start(t, page);
  await page.click('#control-hold');
  await page.click('#control-dtmf');
  await page.keyboard.type('12');
  assert.equal(await textOf(page, '#control-waiting'), 'then 12');
  await answer({ status: 204 });
  await until(page, 'control-done', 'Digits 12 …');
  await page.keyboard.type('34');
  assert.equal(await textOf(page, '#control-waiting'), 'then 34');
  await answer({ status: 422, body: { msg: 'no' } });
  await until(page, 'control-refusal', 'Digits 12: no (34 not sent)');
  assert.equal(await textOf(page, '#control-waiting'), '');
  assert.equal(mock.commanded.length, 2);
}));

test('of a call that is not in view any more it is said which it was', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { answer } = await start(t, page);
  await listen(page);
  await page.click('#control-hold');
  await open(page, '2');
  await answer({ status: 422, body: { msg: 'not now' } });
  await until(page, 'notices-refused', '1 → 9: Hold: not now');
  assert.deepEqual(await said(page), ['alert: 1 → 9: Hold: not now']);
  assert.equal(await textOf(page, '#control-refusal'), '');
  await page.click('#control-mute');
  await page.keyboard.press('Escape');
  await answer({ status: 204 });
  await until(page, 'notices-done', '2 → 9: Mute: done.');
  assert.deepEqual(await said(page), ['status: 2 → 9: Mute: done.']);
  // The one goes by being seen, the other by being dismissed.
  await open(page, '1');
  assert.equal(await textOf(page, '#notices-refused'), '');
  assert.equal(await textOf(page, '#control-refusal'), 'Hold: not now');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  assert.equal(await textOf(page, '#notices-done'), '');
}));

test('what was done goes by itself, what was refused does not, and there are never many', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { answer } = await start(t, page);
  await page.clock.install();
  await page.click('#control-hold');
  await page.keyboard.press('Escape');
  await answer({ status: 204 });
  await until(page, 'notices-done', 'Hold: done.');
  for (let i = 0; i < 5; i++) {
    await open(page, i % 2 ? '2' : '1');
    await page.click('#control-mute');
    await page.click('#drawer-close');
    await answer({ status: 422, body: { msg: `no ${i}` } });
    await page.waitForFunction((text) => document.getElementById('notices-refused').textContent.includes(text), `no ${i}`);
  }
  await page.clock.runFor(7000);
  assert.equal(await textOf(page, '#notices-done'), '');
  assert.ok(await page.$$eval('#notices-refused .notice', (all) => all.length) <= 3);
  assert.match(await textOf(page, '#notices-refused'), /no 4/);
}));

test('while a question stands open nothing is said behind it, but after it', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { answer } = await start(t, page);
  await listen(page);
  await page.click('#control-hold');
  await page.click('#control-hangup');
  await answer({ status: 422, body: { msg: 'not now' } });
  await until(page, 'control-refusal', 'not now');
  assert.deepEqual(await said(page), []);
  await page.click('#confirm-no');
  await until(page, 'notices-refused', '1 → 9: Hold: not now');
  assert.deepEqual(await said(page), ['alert: 1 → 9: Hold: not now']);
}));

test('who signs in next is told nothing of it', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const { mock, answer } = await start(t, page);
  await page.click('#control-hold');
  await page.keyboard.press('Escape');
  await answer({ status: 422, body: { msg: 'not now' } });
  await until(page, 'notices-refused', 'not now');
  await open(page, '1');
  await page.click('#control-mute');
  const told = page.waitForResponse(/Calls\//);
  await page.click('#sign-out');
  assert.equal((await textOf(page, '.notices')).trim(), '');
  // In the same document: what is on its way comes to an end in it.
  await page.fill('#token', mock.token);
  await page.click('#sign-in-button');
  await page.waitForSelector('#connection[data-state=live]');
  await answer({ status: 422, body: { msg: 'not then' } });
  await told;
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve); }));
  assert.equal((await textOf(page, '.notices')).trim(), '');
}));

for (const colorScheme of ['light', 'dark']) {
  describe(`WCAG AA contrast, ${colorScheme}`, () => {
    test('of notices', withPage({ colorScheme, expectErrors: REFUSED }, async (t, page) => {
      const { answer } = await start(t, page);
      for (const told of [{ status: 204 }, { status: 422, body: { msg: 'no' } }]) {
        await open(page, '1');
        await page.click('#control-hold');
        await open(page, '2');
        await answer(told);
        await until(page, 'notices-refused', told.body ? 'no' : '');
        if (!told.body) await until(page, 'notices-done', 'done');
        hold(await contrasts(page, '.notices'), 2);
      }
    }));
  });
}
