// POST with an Idempotency-Key: one call on the wire, however often it is sent.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { demo } from './lib/config.mjs';
import { Raw } from './lib/http.mjs';
import { read } from './lib/metrics.mjs';
import * as s from './lib/scenario.mjs';
import { Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function setup(t, settings = {}) {
  const owner = demo(), adminToken = randomUUID();
  const sw = await Switch.start(t, { accounts: [owner], adminTokens: [adminToken], settings, routes: [] });
  const client = sw.client(owner.token);
  const sipp = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()) });
  const body = (fields) => JSON.stringify({
    from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` }, call_hook: 'https://example.com/hook',
    speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
    speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US', ...fields,
  });
  const post = (key, fields) => client.request('POST', callsOf(owner), {
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key }, body: body(fields),
  });
  const watch = new Watch(client, callsOf(owner));
  const list = async () => (await client.get(callsOf(owner))).json;
  return { sw, owner, client, admin: sw.client(adminToken), sipp, body, post, watch, list };
}

test('a request that is sent again makes one call', async (t) => {
  const { sw, admin, sipp, post, client, owner, watch, list } = await setup(t);
  const first = await post('one');
  assert.equal(first.status, 201, first.text);
  assert.equal(first.headers['idempotent-replayed'], undefined);
  for (const key of ['one', '"one"']) {
    const again = await post(key);
    assert.equal(again.status, 201);
    assert.equal(again.text, first.text);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.match(again.headers['content-type'], /^application\/json/);
  }
  assert.equal((await post('one', { from: '1' })).status, 422);
  await sw.reload();
  assert.equal((await post('one')).text, first.text);
  assert.equal((await list()).length, 1);
  const { sid } = first.json;
  await watch.until((calls) => calls.find((call) => call.call_sid === sid && call.call_status === 'in-progress'));
  assert.equal((await client.request('DELETE', `${callsOf(owner)}/${sid}`)).status, 204);
  await sipp.finished(); // of its one call
  assert.equal((await post('one')).text, first.text);
  assert.equal(await read(admin, 'voxeme_idempotency_replayed_total'), 4);
  assert.equal(await read(admin, 'voxeme_idempotency_reused_total'), 1);
});

test('keys that are none, and one given twice', async (t) => {
  const { sw, post, owner, body, list } = await setup(t);
  for (const key of ['', 'a b', '"', 'k'.repeat(256)]) {
    const answer = await post(key);
    assert.equal(answer.status, 400, key);
    assert.match(answer.json.msg, /Idempotency-Key/);
  }
  const raw = await Raw.open(sw.httpPort);
  const text = body();
  raw.write(`POST ${callsOf(owner)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nContent-Type: application/json\r\n` +
    `Idempotency-Key: a\r\nIdempotency-Key: b\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  assert.match(await raw.end(), /^HTTP\/1\.1 400 /);
  assert.equal((await list()).length, 0);
});

// The request may have been dropped, be under way, or be done when it comes again: it is one call in any case.
test('a client that goes at once, and tries again', async (t) => {
  const { sw, owner, body, post, watch, list, client, sipp } = await setup(t);
  const text = body();
  const raw = await Raw.open(sw.httpPort);
  raw.write(`POST ${callsOf(owner)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${owner.token}\r\nContent-Type: application/json\r\n` +
    `Idempotency-Key: gone\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  raw.destroy();
  let answer;
  do answer = await post('gone'); while (answer.status === 409);
  assert.equal(answer.status, 201, answer.text);
  const { sid } = answer.json;
  await watch.until((calls) => calls.find((call) => call.call_sid === sid && call.call_status === 'in-progress'));
  assert.deepEqual((await list()).map((call) => call.call_sid), [sid]);
  await client.request('DELETE', `${callsOf(owner)}/${sid}`);
  await sipp.finished();
});

test('many of the same at once make one call', async (t) => {
  const { post, list, watch, client, owner, sipp } = await setup(t);
  const answers = await Promise.all(Array.from({ length: 8 }, () => post('many')));
  const made = answers.filter(({ status }) => status === 201);
  assert.ok(made.length >= 1);
  assert.equal(new Set(made.map(({ text }) => text)).size, 1);
  for (const { status, headers } of answers) if (status !== 201) assert.deepEqual([status, headers['retry-after']], [409, '1']);
  const { sid } = made[0].json;
  await watch.until((calls) => calls.find((call) => call.call_sid === sid && call.call_status === 'in-progress'));
  assert.deepEqual((await list()).map((call) => call.call_sid), [sid]);
  await client.request('DELETE', `${callsOf(owner)}/${sid}`);
  await sipp.finished();
});

// [what, settings, status, the limit's name in the counter]
for (const [what, settings, status, limit] of [
  ['an account', { 'max-account-idempotency-keys': 1 }, 429, 'account-keys'],
  ['all accounts', { 'max-idempotency-keys': 1 }, 503, 'keys'],
  ['the memory of an account', { 'max-account-idempotency-memory': 4096 }, 429, 'account-memory'],
  ['the memory of all', { 'max-idempotency-memory': 4096 }, 503, 'memory'],
]) {
  test(`keys beyond the limit of ${what}: refused, counted, no call`, async (t) => {
    const { admin, post, list } = await setup(t, settings);
    const fields = { to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1' } };
    let made = 0, answer;
    while ((answer = await post(`k${made}`, fields)).status === 201) made++;
    assert.equal(answer.status, status, answer.text);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    assert.ok(made >= 1 && made < 40);
    assert.equal((await list()).length, made);
    assert.equal(await read(admin, 'voxeme_idempotency_refused_total', `limit="${limit}"`), 1);
    assert.equal((await post('k0', fields)).headers['idempotent-replayed'], 'true');
  });
}
