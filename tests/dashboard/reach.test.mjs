// What can be reached while something lies over the page, and where the focus goes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn, untilRows, withPage } from './lib/browser.mjs';
import { Mock } from './lib/mock.mjs';

const NARROW = { width: 700, height: 740 }, PHONE = { width: 360, height: 740 };
const REFUSED = /Failed to load resource|WebSocket connection to/;

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.tagName);
const within = (page, root) => page.evaluate((selector) => document.querySelector(selector).contains(document.activeElement), root);
const title = (page, text) => page.waitForFunction((wanted) => document.getElementById('drawer-title').textContent.startsWith(wanted), text);

// Every stop of the Tab key, until it has gone round.
async function stops(page, key = 'Tab') {
  const seen = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press(key);
    const at = await page.evaluate(() => {
      const all = [...document.querySelectorAll('*')];
      return `${all.indexOf(document.activeElement)} ${document.activeElement.id || document.activeElement.textContent.slice(0, 20)}`;
    });
    if (at === seen[0]) return seen;
    seen.push(at);
  }
  throw new Error(`the Tab key does not go round: ${seen.join(', ')}`);
}

// A page with two answered calls; nothing is open.
async function start(t, page) {
  const mock = await Mock.start(t);
  for (const from of ['1', '2']) mock.answer(mock.create({ from }).call_sid);
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list.length === 2 && list.every((row) => row['call-status'] === 'in-progress'));
  await page.waitForSelector('#new-call-open');
  return mock;
}

const row = (from) => `#calls-body .row:has(.from:text-is("${from}"))`;

for (const viewport of [NARROW, PHONE]) {
  test(`details that cover a page ${viewport.width} pixels wide keep the focus, whichever way it goes`, withPage({ viewport }, async (t, page) => {
    await start(t, page);
    await page.click(row('1'));
    await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
    for (const key of ['Tab', 'Shift+Tab']) {
      const seen = await stops(page, key);
      assert.ok(seen.length > 6, `only ${seen}`);
      for (let i = 0; i < seen.length; i++, await page.keyboard.press(key)) assert.equal(await within(page, '#drawer'), true, seen[i]);
    }
    // Nothing else takes it, in any way, and no key works behind it.
    const taken = await page.evaluate(() => [...document.querySelectorAll('#dashboard button, #dashboard input, #dashboard select, #calls')].filter((node) => {
      if (node.closest('#drawer')) return false;
      node.focus();
      return document.activeElement === node;
    }).map((node) => node.id || node.textContent));
    assert.deepEqual(taken, []);
    assert.equal(await page.getByRole('dialog', { name: '1 → 12125550187' }).count(), 1);
    assert.equal(await page.locator('#calls').evaluate((node) => Boolean(node.closest('[inert]'))), true);
    for (const key of ['/', 'n']) await page.keyboard.press(key);
    assert.equal(await within(page, '#drawer'), true);
    assert.equal(await page.isVisible('#new-call'), false);
    await page.keyboard.press('Escape');
    assert.equal(await page.isVisible('#drawer'), false);
    assert.equal(await focused(page), 'calls');
    assert.equal(await page.$$eval('[inert]', (all) => all.length), 0);
  }));
}

test('a question over the details gives the focus back to its button; Escape closes one thing at a time', withPage({ viewport: NARROW }, async (t, page) => {
  await start(t, page);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.focus('#control-hangup');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm[open]');
  assert.deepEqual((await stops(page)).length, 2);
  assert.equal(await within(page, '#confirm'), true);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement.id === 'control-hangup');
  assert.equal(await page.isVisible('#drawer'), true);
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'calls');
}));

test('a click beside the details closes them, and does nothing else', withPage({ viewport: NARROW }, async (t, page) => {
  await start(t, page);
  await page.click(row('1'));
  await title(page, '1');
  const { x, y } = await page.$eval(row('2').replace(/:has.*/, ''), (node) => node.getBoundingClientRect());
  await page.mouse.click(x + 20, y + 10);
  assert.equal(await page.isVisible('#drawer'), false);
  assert.equal(await focused(page), 'calls');
  // Not those within it, even on what goes by being clicked.
  await page.click(row('2'));
  await title(page, '2');
  await page.click('#drawer-title');
  assert.equal(await page.isVisible('#drawer'), true);
}));

test('beside the table the details leave it in reach, and a page that gets narrow or wide is arranged anew', withPage({}, async (t, page) => {
  await start(t, page);
  await page.click(row('1'));
  await title(page, '1');
  assert.equal(await focused(page), 'calls');
  assert.equal(await page.getByRole('complementary').count(), 1);
  await page.click(row('2'));
  await title(page, '2');
  await page.focus('#search');
  await page.setViewportSize(NARROW);
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  assert.equal(await page.locator('#calls').evaluate((node) => Boolean(node.closest('[inert]'))), true);
  await page.setViewportSize({ width: 960, height: 740 });
  await page.waitForFunction(() => !document.querySelector('[inert]'));
  await page.click(row('1'));
  await title(page, '1');
  await page.setViewportSize(NARROW);
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'calls');
}));

test('the details of a new call give the focus back to what opened its form, and take it from nobody who types', withPage({ viewport: NARROW }, async (t, page) => {
  const mock = await start(t, page);
  const call = async () => {
    await page.click('#new-call-open');
    const all = { from: '3', to: 'sip:1000@192.0.2.1', application_sid: '9984fdc5-89ec-4ffe-9cee-880255a46253' };
    for (const [name, value] of Object.entries(all)) await page.fill(`#new-call-form [name=${name}]`, value);
    await page.click('#new-call-make');
    await page.waitForSelector('#new-call', { state: 'hidden' });
  };
  mock.perform = () => ({ status: 201, body: { sid: mock.create({ from: '3' }).call_sid } });
  await call();
  await title(page, '3');
  await page.waitForFunction(() => document.activeElement.id === 'drawer-close');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'new-call-open');
  const sid = '11111111-1111-4111-8111-111111111111';
  mock.perform = () => ({ status: 201, body: { sid } });
  await call();
  await page.focus('#search');
  mock.create({ call_sid: sid, from: '4' });
  await untilRows(page, (list) => list[0].from === '4');
  assert.equal(await focused(page), 'search');
  assert.equal(await page.isVisible('#drawer'), false);
}));

test('details that cover the page say that the connection is lost', withPage({ viewport: PHONE, expectErrors: REFUSED }, async (t, page) => {
  const mock = await start(t, page);
  await page.click(row('1'));
  const status = page.locator('#drawer').getByRole('status').first();
  assert.equal(await status.textContent(), '');
  await mock.stop();
  await page.waitForFunction(() => /^Not connected/.test(document.getElementById('drawer-connection').textContent));
  assert.equal(await status.isVisible(), true);
  await mock.listen();
  await page.waitForFunction(() => document.getElementById('drawer-connection').textContent === '');
}));
