// A browser for the tests: one process a file, a fresh context a test. A test that fails leaves a picture of its page in
// the build directory; an error on the page's console fails the test.

import assert from 'node:assert/strict';
import { accessSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { BINARY } from '../../e2e/lib/switch.mjs';
import { PATIENCE_MS } from '../../e2e/lib/wait.mjs';

const PICTURES = join(dirname(BINARY), 'dashboard');
const CHROMIUM = process.env.VOXEME_CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let running;

async function browser() {
  accessSync(CHROMIUM);
  running ??= (async () => {
    // Debian's wrapper keeps crash reports and caches there: not in anybody's home.
    const home = await mkdtemp(join(tmpdir(), 'voxeme-chromium-'));
    const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
    return { home, instance: await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS, env, chromiumSandbox: false }) };
  })();
  return (await running).instance;
}

after(async () => {
  if (!running) return;
  const { home, instance } = await running;
  await instance.close();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

// The body of a test with a page: body(t, page, {context, errors, requests}). options: those of playwright's newContext,
// `expectErrors`, a pattern of console messages that belong to what is tested, and `asked`, whether the page asks before it
// holds, mutes and sends digits, as it does unless somebody chooses otherwise.
export const withPage = ({ expectErrors, asked = false, ...options }, body) => async (t) => {
  const context = await (await browser()).newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  if (!asked) await page.addInitScript(() => { localStorage['voxeme.confirmed'] ??= 'hanging up only'; });
  const errors = [], requests = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  try {
    await body(t, page, { context, errors, requests });
    assert.deepEqual(errors.filter((text) => !expectErrors?.test(text)), [], 'errors on the console');
    for (const url of requests) assert.doesNotMatch(url, /[?&](token|bearer)/i);
  } catch (error) {
    await mkdir(PICTURES, { recursive: true });
    const path = join(PICTURES, `${t.name.replace(/[^a-z0-9]+/gi, '-')}.png`);
    await page.screenshot({ path }).then(() => t.diagnostic(`the page: ${path}`), () => {});
    throw error;
  } finally {
    await context.close();
  }
};

// Fills the form in and waits for the table.
export async function signIn(page, url, { account, token }) {
  await page.goto(url);
  if (account) await page.fill('#account-sid', account);
  else await page.check('#scope-all');
  await page.fill('#token', token);
  await page.click('#sign-in-button');
  await page.waitForSelector('#dashboard:not([hidden])');
  await page.waitForSelector('#connection[data-state=live]');
}

// What the table shows, top down: [{direction, from, to, "call-status", ...}].
export const rows = (page) => page.$$eval('#calls-body .row:not([hidden])', (all) => all
  .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
  .map((row) => Object.fromEntries([...row.children].map((cell) => [cell.classList[1], cell.textContent]))));

// Waits until what `look` makes of the rows is true, and hands it out.
export async function untilRows(page, look, what = String(look)) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const now = await rows(page);
    const seen = look(now);
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited for ${what}; the rows are ${JSON.stringify(now, null, 1)}`);
    await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(resolve); }));
  }
}

export const textOf = (page, selector) => page.$eval(selector, (node) => node.textContent);
