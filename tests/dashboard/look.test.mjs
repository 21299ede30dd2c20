// How the page looks: contrast, widths, themes, names.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
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

// WCAG 2 contrast of every text in sight with what it stands on, as the browser paints it: {text, ratio, large}.
// Colours are read through a canvas, which knows every notation.
const contrasts = (page) => page.evaluate(() => {
  const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const told = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement, style = getComputedStyle(parent);
    if (!node.textContent.trim() || !parent.checkVisibility() || parent.closest('.visually-hidden, noscript, option')) continue;
    const behind = ground(parent);
    const [light, dark] = [luminance(over(rgba(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    told.push({ text: node.textContent.trim().slice(0, 40), of: parent.className || parent.tagName, ratio: (light + 0.05) / (dark + 0.05), large: size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) });
  }
  return told;
});

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

function hold(told, atLeast) {
  assert.ok(told.length >= atLeast, `only ${told.length} texts`);
  const bad = told.filter(({ ratio, large }) => ratio < (large ? 3 : 4.5));
  assert.deepEqual(bad.map(({ text, of, ratio }) => `${text} (${of}): ${ratio.toFixed(2)}`), []);
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
