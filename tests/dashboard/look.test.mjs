// How the page looks: contrast, widths, themes, names.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { contrasts, hold } from './lib/contrast.mjs';
import { Mock } from './lib/mock.mjs';

const STATUSES = [['trying', 100], ['ringing', 180], ['early-media', 183], ['in-progress', 200], ['completed', 200], ['busy', 486], ['no-answer', 487], ['failed', 404]];
const WIDTHS = [320, 360, 412, 600, 768, 1024, 1440];

// A page with one call of every status, details open.
async function fullPage(t, page) {
  const mock = await Mock.start(t);
  const parent = mock.create({ caller_name: 'Ada Lovelace', from: '15083728299123456789', originating_sip_trunk_name: 'a-trunk-of-some-length' });
  for (const [call_status, sip_status] of STATUSES) {
    const ended = ['completed', 'busy', 'no-answer', 'failed'].includes(call_status);
    mock.create({ call_status, sip_status, parent_call_sid: parent.call_sid, ...(ended ? { terminated_at: new Date().toISOString() } : {}) });
  }
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list.length === STATUSES.length + 1);
  return mock;
}

for (const colorScheme of ['light', 'dark']) {
  describe(`WCAG AA contrast, ${colorScheme}`, () => {
    test('of the form and its complaints', withPage({ colorScheme }, async (t, page) => {
      const mock = await Mock.start(t);
      await page.goto(mock.url);
      await page.click('#sign-in-button');
      await page.waitForFunction(() => document.getElementById('sign-in-message').textContent);
      hold(await contrasts(page), 6);
    }));

    test('of the table in every status, tiles, filters and details', withPage({ colorScheme }, async (t, page) => {
      await fullPage(t, page);
      await page.click('#statuses .ringing');
      await page.click('#statuses .ringing');
      await page.click('#only-live');
      await page.click('#calls-body .row >> nth=1');
      await page.waitForSelector('#drawer-legs button');
      const told = await contrasts(page);
      hold(told, 80);
      await page.click('#only-live');
      await untilRows(page, (list) => list.length === STATUSES.length + 1);
      hold(await contrasts(page), 100);
    }));
  });
}

test('no width makes the page scroll sideways', withPage({}, async (t, page) => {
  await fullPage(t, page);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 740 });
    const { wide, out } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - innerWidth,
      out: [...document.querySelectorAll('button, input, select, h1, .row')].filter((node) => node.checkVisibility() && !node.closest('.statuses') && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.id || node.className),
    }));
    assert.deepEqual({ width, wide, out }, { width, wide: 0, out: [] });
  }
}));

test('on a phone a call has two lines, and its details the whole width', withPage({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }, async (t, page) => {
  await fullPage(t, page);
  assert.equal(await page.$eval('#calls-body .row', (row) => row.offsetHeight), 48);
  const [from, status] = await Promise.all(['.from', '.call-status'].map((cell) => page.$eval(`#calls-body .row ${cell}`, (node) => node.getBoundingClientRect().top)));
  assert.ok(status > from + 10);
  await page.evaluate(() => document.querySelector('.content').scrollIntoView());
  await page.tap('#calls-body .row >> nth=1');
  await page.waitForSelector('#drawer:not([hidden])');
  assert.equal(await page.$eval('#drawer', (node) => node.getBoundingClientRect().width), 360);
  await page.tap('#drawer-close');
  assert.equal(await page.isVisible('#drawer'), false);
}));

test('the theme is the system\'s until another is chosen, and the choice stays', withPage({ colorScheme: 'dark' }, async (t, page) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.click('#theme');
  assert.equal(await textOf(page, '#theme'), 'Theme: light');
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await page.waitForSelector('#dashboard:not([hidden])');
  assert.equal(await ground(), light);
  await page.click('#theme');
  assert.equal(await ground(), dark);
  await page.click('#theme');
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(), light);
}));

test('everything that can be used has a name, and every part a role', withPage({}, async (t, page) => {
  await fullPage(t, page);
  await page.click('#calls-body .row');
  const nameless = await page.$$eval('button, input, select, [role=grid], [role=group], svg[role=img]', (all) => all
    .filter((node) => node.checkVisibility() && !(node.getAttribute('aria-label') || node.labels?.[0]?.textContent.trim() || (node.tagName === 'BUTTON' && node.textContent.trim())))
    .map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
  assert.equal(await page.getByRole('grid', { name: 'Calls, newest first' }).count(), 1);
  assert.equal(await page.getByRole('columnheader').count(), 10);
  assert.equal(await page.getByRole('row').count(), STATUSES.length + 2);
  assert.equal(await page.getByRole('complementary').count(), 1);
  assert.equal(await page.getByRole('searchbox', { name: 'Search' }).count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Close details' }).count(), 1);
}));
