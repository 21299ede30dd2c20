// The page in a browser, against a server that does what the test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rows, signIn, textOf, untilRows, withPage } from './lib/browser.mjs';
import { Cable } from './lib/cable.mjs';
import { Mock } from './lib/mock.mjs';

const REFUSED = /the server responded with a status of 40[13]|Failed to load resource|WebSocket connection to/;
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const froms = (list) => list.map(({ from }) => from);

const message = (page) => page.waitForFunction(() => document.getElementById('sign-in-message').textContent).then((handle) => handle.jsonValue());

async function attempt(page, { account, token }) {
  await page.setChecked(account === undefined ? '#scope-all' : '#scope-account', true);
  if (account !== undefined) await page.fill('#account-sid', account);
  await page.fill('#token', token);
  await page.click('#sign-in-button');
  return message(page);
}

test('credentials that are not good are told so, each in its way', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  await page.goto(mock.url);
  const { account, token } = mock;
  assert.match(await attempt(page, { account: 'demo', token }), /SID is a UUID/);
  assert.match(await attempt(page, { account, token: '' }), /Give the token/);
  assert.match(await attempt(page, { account, token: 'two words' }), /cannot send/);
  assert.match(await attempt(page, { account, token: 'nobody' }), /does not know this token/);
  assert.match(await attempt(page, { account: '00000000-dead-4bad-8bad-000000000000', token }), /does not belong to this account/);
  assert.match(await attempt(page, { token }), /no admin token/);
  await mock.stop();
  assert.match(await attempt(page, { account, token }), /does not answer/);
  assert.equal(mock.requests.some((request) => request.startsWith('UPGRADE')), false);
}));

test('the token is in no address, survives a reload of the tab, and nothing else', withPage({}, async (t, page, { context, requests }) => {
  const mock = await Mock.start(t);
  await signIn(page, mock.url, mock);
  await page.reload();
  await page.waitForSelector('#connection[data-state=live]');
  assert.ok(!page.url().includes(mock.token));
  assert.ok(![...requests, ...mock.requests].some((url) => url.includes(mock.token)));
  assert.ok(requests.every((url) => url.startsWith(mock.url)), 'a request to somewhere else');
  assert.equal(await page.evaluate((token) => JSON.stringify({ ...localStorage }).includes(token) || document.cookie.includes(token), mock.token), false);
  assert.equal(await page.inputValue('#token'), '');
  const other = await context.newPage();
  await other.goto(mock.url);
  await other.waitForSelector('#sign-in-view:not([hidden])');
  await other.close();
  await page.click('#sign-out');
  await page.reload();
  await page.waitForSelector('#sign-in-view:not([hidden])');
}));

test('calls appear, change and leave', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  mock.create({ from: '100', attempted_at: ago(60) });
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => froms(list).join() === '100');
  const { call_sid: sid } = mock.create({ from: '101', caller_name: 'Ada', originating_sip_trunk_name: 'carrier-a' });
  await untilRows(page, (list) => froms(list).join() === '101,100');
  mock.ring(sid);
  await untilRows(page, ([row]) => row['call-status'] === 'ringing' && row['sip-status'] === '180');
  mock.answer(sid);
  await untilRows(page, ([row]) => row['call-status'] === 'in-progress' && row.talk === '0:00');
  const [row] = await untilRows(page, (list) => list[0].talk === '0:02' && list);
  assert.deepEqual(row, {
    direction: '↘ in', from: '101', to: '12125550187', 'caller-name': 'Ada', 'call-status': 'in-progress', 'sip-status': '200',
    'in-state': '0:02', talk: '0:02', started: row.started, trunk: 'carrier-a',
  });
  assert.match(row.started, /^\d\d:\d\d:\d\d$/);
  assert.equal(await textOf(page, '#live-in'), '2');
  mock.end(sid);
  await untilRows(page, ([first]) => first['call-status'] === 'completed');
  mock.remove(sid);
  await untilRows(page, (list) => froms(list).join() === '100');
}));

test('what a caller says of himself is text', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const name = '<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe "&amp;\'';
  const { call_sid: sid } = mock.create({ caller_name: name, from: '"><b>1</b>', to: 'x'.repeat(900), tag: { '</dd>': '<i>' }, call_status: 'made-up <b>' });
  await signIn(page, mock.url, mock);
  const [row] = await untilRows(page, (list) => list.length === 1 && list);
  assert.equal(row['caller-name'], name);
  assert.equal(row.from, '"><b>1</b>');
  await page.click('#calls-body .row');
  assert.equal(await page.$$eval('#dashboard img, #dashboard script, #dashboard b:not(.parts b), #dashboard i', (all) => all.length), 0);
  assert.match(await textOf(page, '#drawer-fields'), /<img src=x onerror=alert\(1\)>/);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  mock.end(sid, { call_status: 'failed', sip_status: 500 });
  await untilRows(page, ([first]) => first['call-status'] === 'failed');
}));

test('search and filters', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  mock.create({ from: '111', caller_name: 'Ada', attempted_at: ago(9) });
  mock.create({ from: '222', direction: 'outbound', call_status: 'ringing', sip_status: 180, attempted_at: ago(8) });
  mock.create({ from: '333', call_status: 'busy', sip_status: 486, terminated_at: ago(1), attempted_at: ago(7) });
  await signIn(page, mock.url, mock);
  const shows = (...wanted) => untilRows(page, (list) => froms(list).join() === wanted.join(), `the rows ${wanted}`);
  await shows('333', '222', '111');
  await page.keyboard.press('/');
  await page.keyboard.type('ADA');
  await shows('111');
  assert.equal(await textOf(page, '#row-count'), '1 of 3 calls');
  mock.create({ from: '444', caller_name: 'adam' });
  await shows('444', '111');
  await page.fill('#search', 'sip:486');
  await shows('333');
  await page.fill('#search', 'nobody');
  await shows();
  assert.equal(await page.isVisible('#no-calls'), true);
  await page.click('#clear-filters');
  await shows('444', '333', '222', '111');
  await page.click('#directions [value=outbound]');
  await shows('222');
  await page.click('#directions [value=inbound]');
  await shows('444', '333', '111');
  await page.click('#only-live');
  await shows('444', '111');
  await page.click('#only-ended');
  await shows('333');
  await page.click('#clear-filters');
  await page.click('#statuses .ringing');
  await page.click('#statuses .busy');
  await shows('333', '222');
  assert.equal(await page.getAttribute('#statuses .busy', 'aria-pressed'), 'true');
  assert.equal(await textOf(page, '#statuses .trying .count'), '2');
}));

test('the keyboard does it all', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  for (let i = 0; i < 300; i++) mock.create({ from: String(i), attempted_at: ago(300 - i) });
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list[0]?.from === '299');
  const active = () => page.evaluate(() => {
    const grid = document.getElementById('calls');
    const row = document.getElementById(grid.getAttribute('aria-activedescendant'));
    return row && { from: row.querySelector('.from').textContent, index: row.getAttribute('aria-rowindex'), selected: row.getAttribute('aria-selected') };
  });
  const isActive = async (from) => {
    await page.waitForFunction((wanted) => {
      const row = document.getElementById(document.getElementById('calls').getAttribute('aria-activedescendant'));
      const box = row?.getBoundingClientRect(), grid = document.getElementById('calls').getBoundingClientRect();
      return row?.querySelector('.from').textContent === wanted && box.top >= grid.top + 28 - 1 && box.bottom <= grid.bottom + 1;
    }, from);
  };
  assert.equal(await page.getAttribute('#calls', 'role'), 'grid');
  assert.equal(await page.getAttribute('#calls', 'aria-rowcount'), '301');
  assert.equal(await page.getAttribute('#calls', 'aria-colcount'), '10');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'calls');
  await page.keyboard.press('ArrowDown');
  await isActive('299');
  await page.keyboard.press('ArrowDown');
  await isActive('298');
  assert.equal(await page.$eval('#calls .row[aria-selected]', (row) => getComputedStyle(row).outlineStyle), 'solid');
  assert.deepEqual(await active(), { from: '298', index: '3', selected: 'true' });
  await page.keyboard.press('End');
  await isActive('0');
  await page.keyboard.press('PageUp');
  await page.waitForFunction(() => document.querySelector('#calls [aria-selected] .from')?.textContent > 10);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  const { from } = await page.waitForFunction(() => {
    const row = document.querySelector('#calls [aria-selected]'), from = row?.querySelector('.from').textContent;
    return document.getElementById('drawer-title').textContent.startsWith(`${from} `) && { from };
  }).then((handle) => handle.jsonValue());
  assert.match(await textOf(page, '#drawer-title'), new RegExp(`^${from} → `));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'drawer-close');
  await page.keyboard.press('Escape');
  assert.equal(await page.isVisible('#drawer'), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'calls');
  await page.keyboard.press('Home');
  await page.waitForFunction(() => document.getElementById('calls').scrollTop === 0);
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'calls');
  // With the drawer open, moving takes it along.
  await page.click('#calls-body .row:has(.from:text-is("290"))');
  await page.waitForFunction(() => document.getElementById('drawer-title').textContent.startsWith('290 '));
  await page.keyboard.press('ArrowDown');
  await isActive('289');
  await page.waitForFunction(() => document.getElementById('drawer-title').textContent.startsWith('289 '));
}));

test('the details of a call: every field, its time line, its legs, and its end', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const call = mock.create({ from: '100', to: '200', attempted_at: ago(10), tag: { queue: 'sales' } });
  await signIn(page, mock.url, mock);
  await page.click('#calls-body .row');
  mock.ring(call.call_sid);
  await page.waitForFunction(() => document.getElementById('drawer-times').textContent.includes('ringing'));
  const leg = mock.create({ direction: 'outbound', from: '100', to: '201', parent_call_sid: call.call_sid });
  const answered = mock.answer(call.call_sid);
  await page.waitForFunction(() => document.getElementById('drawer-times').textContent.includes('Answered'));
  await page.waitForFunction(() => /^talk 0:0[1-9]$/.test(document.getElementById('drawer-talk').textContent));
  const ended = mock.end(call.call_sid);
  await page.waitForFunction(() => document.getElementById('drawer-times').textContent.includes('NORMAL_CLEARING'));
  const fields = await page.$$eval('#drawer-fields dt', (all) => all.map((dt) => [dt.textContent, dt.nextElementSibling.textContent]));
  assert.deepEqual(fields.map(([key]) => key), Object.keys(ended).sort());
  const shown = Object.fromEntries(fields);
  assert.equal(shown.call_sid, call.call_sid);
  assert.equal(shown.answered_at, answered.answered_at);
  assert.equal(shown.caller_name, '(empty)');
  assert.match(shown.tag, /"queue": "sales"/);
  await page.click('#drawer-legs button');
  await page.waitForFunction((sid) => document.getElementById('drawer-fields').textContent.includes(`call_sid${sid}`), leg.call_sid);
  await page.click('#drawer-legs button');
  await page.waitForFunction((sid) => document.getElementById('drawer-fields').textContent.includes(`call_sid${sid}`), call.call_sid);
  mock.remove(call.call_sid);
  await page.waitForSelector('#drawer-gone:not([hidden])');
  assert.match(await textOf(page, '#drawer-fields'), /NORMAL_CLEARING/);
}));

test('what stands under the eye stays while calls come and go', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const sids = [];
  for (let i = 0; i < 400; i++) sids.push(mock.create({ from: String(i), attempted_at: ago(500 - i) }).call_sid);
  await signIn(page, mock.url, mock);
  await untilRows(page, (list) => list[0]?.from === '399');
  // At the top they flow by.
  mock.create({ from: '400' });
  await untilRows(page, (list) => list[0].from === '400');
  // Scrolled away from it they do not.
  await page.evaluate(() => { document.getElementById('calls').scrollTop = 100 * 28 + 11; });
  const place = (from) => page.evaluate((wanted) => {
    const row = [...document.querySelectorAll('#calls-body .row:not([hidden])')].find((r) => r.querySelector('.from').textContent === wanted);
    return row && Math.round(row.getBoundingClientRect().top);
  }, from);
  await untilRows(page, (list) => list.some(({ from }) => from === '295'));
  const before = await place('295');
  for (let i = 401; i < 460; i++) mock.create({ from: String(i) });
  mock.remove(sids[380]);
  mock.end(sids[295]);
  await page.waitForFunction(() => document.querySelector('#calls').getAttribute('aria-rowcount') === '460');
  await untilRows(page, (list) => list.find(({ from }) => from === '295')?.['call-status'] === 'completed');
  assert.equal(await place('295'), before);
  assert.match(await textOf(page, '#newer'), /^↑ \d+ newer$/);
  await page.click('#newer');
  await untilRows(page, (list) => list[0].from === '459');
  // A pointer that moves on the table holds it too, until it leaves or rests.
  await page.mouse.move(300, 5);
  for (const [from, release] of [['997', () => page.mouse.move(300, 5)], ['998', () => {}]]) {
    let moves = 0;
    const move = () => page.mouse.move(300 + (moves++ % 2), 600);
    await move();
    await move();
    const [top] = await rows(page);
    const still = await place(top.from);
    mock.create({ from });
    while (!await page.evaluate(() => document.getElementById('newer').textContent === '↑ 1 newer' && !document.getElementById('newer').hidden)) await move();
    assert.equal(await place(top.from), still);
    await release();
    await untilRows(page, (list) => list[0].from === from);
  }
  await page.waitForFunction(() => document.getElementById('newer').hidden);
}));

test('tiles and charts of the last ten minutes', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const over = (status, sip, fields) => mock.create({ call_status: status, sip_status: sip, attempted_at: ago(120), terminated_at: ago(100), ...fields });
  over('completed', 200, { answered_at: ago(110) });
  over('completed', 200, { answered_at: ago(110) });
  over('completed', 200, { answered_at: ago(110) });
  over('busy', 486);
  mock.create({ direction: 'outbound' });
  await signIn(page, mock.url, mock);
  await page.waitForFunction(() => document.getElementById('answered').textContent.startsWith('75'));
  assert.equal(await textOf(page, '#live-all'), '1');
  assert.equal(await textOf(page, '#live-out'), '1');
  assert.equal(await textOf(page, '#answered-of'), '3 of 4 ended calls');
  assert.equal(await textOf(page, '#failures'), '1');
  assert.equal(await textOf(page, '#failures-busy'), '1');
  assert.equal(await textOf(page, '#failures-sip'), '486 × 1');
  const failed = mock.create();
  mock.end(failed.call_sid, { call_status: 'failed', sip_status: 503 });
  await page.waitForFunction(() => document.getElementById('failures-sip').textContent.includes('503 × 1'));
  await page.waitForFunction(() => document.getElementById('rate').textContent === '2');
  assert.match(await page.getAttribute('#failures-chart', 'aria-label'), /1 busy, 0 no-answer, 1 failed/);
  assert.match(await page.getAttribute('#live-chart', 'aria-label'), /1 now, \d+ at most/);
  await page.hover('#rate-chart', { position: { x: 1, y: 20 } });
  assert.match(await textOf(page, '#rate-reading'), /^0 · 9:5\d ago$/);
}));

test('an admin token sees all accounts and chooses among them', withPage({}, async (t, page) => {
  const mock = await Mock.start(t);
  const other = '9984fdc5-89ec-4ffe-9cee-880255a46253';
  mock.create({ from: '1', attempted_at: ago(5) });
  mock.create({ from: '2', account_sid: other, attempted_at: ago(4) });
  mock.create({ from: '3', account_sid: '00000000-0000-0000-0000-000000000000', attempted_at: ago(3) });
  await signIn(page, mock.url, { token: mock.adminToken });
  await untilRows(page, (list) => froms(list).join() === '3,2,1');
  assert.deepEqual((await page.$$eval('#account-picker option', (all) => all.map(({ value }) => value))).sort(), ['', mock.account, other, 'unassigned'].sort());
  await page.selectOption('#account-picker', other);
  await untilRows(page, (list) => froms(list).join() === '2');
  assert.equal(await textOf(page, '#live-all'), '1');
  await page.selectOption('#account-picker', 'unassigned');
  await untilRows(page, (list) => froms(list).join() === '3');
  await page.selectOption('#account-picker', '');
  await untilRows(page, (list) => list.length === 3);
}));

test('a cut and a restart are survived without a wrong row', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  const cable = await Cable.start(t, mock.url);
  const stays = mock.create({ from: '1', attempted_at: ago(5) });
  const leaves = mock.create({ from: '2', attempted_at: ago(4) });
  await signIn(page, cable.url, mock);
  await untilRows(page, (list) => froms(list).join() === '2,1');
  cable.cut();
  await page.waitForFunction(() => /^Not connected: ./.test(document.getElementById('connection-state').textContent));
  assert.equal(await page.getAttribute('#connection-state', 'role'), 'status');
  assert.equal(froms(await rows(page)).join(), '2,1');
  mock.remove(leaves.call_sid);
  mock.answer(stays.call_sid);
  mock.create({ from: '3' });
  cable.mend();
  await page.waitForSelector('#connection[data-state=live]');
  await untilRows(page, (list) => froms(list).join() === '3,1' && list[1]['call-status'] === 'in-progress');
  assert.match(mock.requests.findLast((request) => request.startsWith('UPGRADE')), /\?since=\d+\.\d+$/);
  await mock.restart();
  await page.waitForSelector('#connection[data-state=live]');
  mock.create({ from: '4' });
  await untilRows(page, (list) => froms(list).join() === '4');
  assert.equal(await textOf(page, '#live-all'), '1');
}));

test('a connection that died without a word is found out', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  const cable = await Cable.start(t, mock.url);
  await page.clock.install();
  await signIn(page, cable.url, mock);
  cable.hold();
  cable.letNewThrough();
  mock.create({ from: '7' });
  for (let i = 0; i < 12 && mock.requests.filter((request) => request.startsWith('UPGRADE')).length < 2; i++) await page.clock.runFor(5000);
  await untilRows(page, (list) => froms(list).join() === '7');
}));

test('a revoked token leads back to the form', withPage({ expectErrors: REFUSED }, async (t, page) => {
  const mock = await Mock.start(t);
  mock.create();
  await signIn(page, mock.url, mock);
  mock.revoke();
  assert.match(await message(page), /revoked/);
  assert.equal(await page.isVisible('#dashboard'), false);
  assert.equal(await page.$$eval('#calls-body .row:not([hidden])', (all) => all.length), 0);
  await page.reload();
  await page.waitForSelector('#sign-in-view:not([hidden])');
}));
