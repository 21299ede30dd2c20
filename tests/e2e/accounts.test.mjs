// Whose call is it? Every way to tell, in the order in which they win; and that no account ever sees
// another's calls.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { BUSY, busyCall, liveCall } from './lib/calls.mjs';
import { account, route, set } from './lib/config.mjs';
import * as s from './lib/scenario.mjs';
import { Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';
import { read } from './lib/metrics.mjs';

const busyFor = (to, ...sets) => route(`^${to}$`, 'reject', { status: 486 }, sets);

async function setup(t, { accounts, settings = {}, routes = [] }) {
  const admin = randomUUID();
  const sw = await Switch.start(t, { accounts, settings, adminTokens: [admin], routes: [...routes, BUSY] });
  const owns = (owner) => new Watch(sw.client(owner.token), callsOf(owner));
  // The call has ended in this account, and no other account has it.
  const belongs = async (callId, owner) => {
    const call = await owns(owner).call(callId, 'busy');
    assert.equal(call.account_sid, owner.sid);
    for (const other of accounts.filter((a) => a !== owner)) {
      const { json } = await sw.client(other.token).get(callsOf(other));
      assert.deepEqual(json.filter((c) => c.call_id === callId), [], `${other.name} sees it too`);
    }
    return call;
  };
  const unassigned = async (callId) => {
    const call = await new Watch(sw.client(admin), '/v1/Calls').call(callId, 'busy');
    assert.equal('account_sid' in call, false, 'an unassigned call has no account');
    for (const other of accounts) assert.deepEqual((await sw.client(other.token).get(callsOf(other))).json, []);
    return call;
  };
  return { sw, admin: sw.client(admin), belongs, unassigned };
}

const TRUST = { 'trusted-sources': '127.0.0.1/32' };

test('X-Account-Sid from a trusted source chooses the account', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] }), b = account('b');
  const { sw, belongs } = await setup(t, { accounts: [a, b], settings: TRUST });
  await belongs(await busyCall(t, sw, { headers: [`X-Account-Sid: ${b.sid}`] }), b);
});

test('X-Account-Sid from any other source does not, and is counted', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] }), b = account('b');
  const { sw, admin, belongs } = await setup(t, { accounts: [a, b], settings: TRUST });
  await belongs(await busyCall(t, sw, { host: '127.0.0.2', headers: [`X-Account-Sid: ${b.sid}`] }), a);
  assert.equal(await read(admin, 'voxeme_untrusted_headers_total'), 1);
});

test('a stranger with X-Account-Sid and nothing else stays unassigned', async (t) => {
  const a = account('a');
  const { sw, unassigned } = await setup(t, { accounts: [a], settings: TRUST });
  await unassigned(await busyCall(t, sw, { host: '127.0.0.2', headers: [`X-Account-Sid: ${a.sid}`] }));
});

test('X-Account-Sid of an account that does not exist falls through, and is counted', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] });
  const { sw, admin, belongs } = await setup(t, { accounts: [a], settings: TRUST });
  await belongs(await busyCall(t, sw, { headers: [`X-Account-Sid: ${randomUUID()}`] }), a);
  assert.ok(await read(admin, 'voxeme_unknown_accounts_total') >= 1);
});

test('the domain of the request is an account\'s realm, in any case', async (t) => {
  const a = account('a', { realms: ['sip.a.example'] }), b = account('b', { realms: ['b.example'], sources: ['127.0.0.0/8'] });
  const { sw, belongs } = await setup(t, { accounts: [a, b] });
  await belongs(await busyCall(t, sw, { toHost: 'SIP.A.example' }), a);
  await belongs(await busyCall(t, sw, { toHost: 'elsewhere.example' }), b);
});

test('the longest source that matches wins', async (t) => {
  const wide = account('wide', { sources: ['127.0.0.0/8'] }), host = account('host', { sources: ['127.0.0.2'] });
  const { sw, belongs } = await setup(t, { accounts: [wide, host] });
  await belongs(await busyCall(t, sw, { host: '127.0.0.2' }), host);
  await belongs(await busyCall(t, sw, { host: '127.0.0.3' }), wide);
});

for (const by of ['sid', 'name']) {
  test(`default-account by ${by}`, async (t) => {
    const a = account('a'), b = account('b');
    const { sw, belongs } = await setup(t, { accounts: [a, b], settings: { 'default-account': b[by] } });
    await belongs(await busyCall(t, sw), b);
  });
}

test('without any match a call is unassigned: the admin sees it, nobody else', async (t) => {
  const a = account('a', { realms: ['a.example'], sources: ['127.0.0.9'] });
  const { sw, admin, unassigned } = await setup(t, { accounts: [a] });
  const call = await unassigned(await busyCall(t, sw));
  assert.equal((await sw.client(a.token).get(`${callsOf(a)}/${call.call_sid}`)).status, 404);
  assert.equal(await read(admin, 'voxeme_calls_unassigned'), 1);
});

test('a variable of the route moves the call, and wins over header, accountcode and source', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] }), b = account('b'), c = account('c');
  const { sw, belongs } = await setup(t, {
    accounts: [a, b, c], settings: TRUST,
    routes: [busyFor('501', set('voxeme_account_sid', b.sid), set('accountcode', c.name)), busyFor('502', set('accountcode', c.name)),
      busyFor('503', set('accountcode', c.sid))],
  });
  await belongs(await busyCall(t, sw, { to: '501', headers: [`X-Account-Sid: ${a.sid}`] }), b);
  await belongs(await busyCall(t, sw, { to: '502', headers: [`X-Account-Sid: ${b.sid}`] }), b);
  await belongs(await busyCall(t, sw, { to: '502' }), c);
  await belongs(await busyCall(t, sw, { to: '503' }), c);
});

test('application_sid from the route, or from a trusted header only', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] });
  const ours = randomUUID(), theirs = randomUUID();
  const { sw, belongs } = await setup(t, { accounts: [a], settings: TRUST, routes: [busyFor('501', set('voxeme_application_sid', ours))] });
  assert.equal((await belongs(await busyCall(t, sw, { to: '501' }), a)).application_sid, ours);
  assert.equal((await belongs(await busyCall(t, sw, { headers: [`X-Application-Sid: ${theirs}`] }), a)).application_sid, theirs);
  assert.equal((await belongs(await busyCall(t, sw, { host: '127.0.0.2', headers: [`X-Application-Sid: ${theirs}`] }), a)).application_sid, undefined);
  assert.equal((await belongs(await busyCall(t, sw), a)).application_sid, undefined);
});

test('a dialled leg belongs to its parent\'s account', async (t) => {
  const a = account('a', { sources: ['127.0.0.0/8'] }), b = account('b');
  const callee = await Sipp.start(t, { scenario: s.callee(s.decline('486 Busy Here')) });
  const { sw, belongs } = await setup(t, {
    accounts: [a, b], settings: TRUST, routes: [route('^2$', 'bridge', { target: `sip:9@${callee.address}` })],
  });
  const parent = await belongs(await busyCall(t, sw, { to: '2', headers: [`X-Account-Sid: ${b.sid}`] }), b);
  const child = await belongs((await callee.at('invite')).callId, b);
  assert.equal(child.parent_call_sid, parent.call_sid);
});

test('two accounts never see each other\'s calls', async (t) => {
  const a = account('a', { sources: ['127.0.0.1'] }), b = account('b', { sources: ['127.0.0.2'] });
  const { sw, admin } = await setup(t, { accounts: [a, b], routes: [route('^1$', 'answer')] });
  const forA = sw.client(a.token), forB = sw.client(b.token);
  const before = await forB.get(callsOf(b));
  const cursor = /"(.*)"/.exec(before.headers.etag)[1];
  // Held by b while a's call comes and goes: nothing must wake it.
  const held = forB.get(`${callsOf(b)}?wait=2`, { headers: { 'If-None-Match': before.headers.etag } });

  const live = await liveCall(t, sw, { to: '1' });
  const call = await new Watch(forA, callsOf(a)).call(live.callId, 'in-progress');

  await t.test('list', async () => {
    assert.deepEqual((await forB.get(callsOf(b))).json, []);
    assert.equal((await forB.get(callsOf(a))).status, 403);
    assert.equal((await forA.get(callsOf(a))).json.length, 1);
  });
  await t.test('single call', async () => {
    assert.equal((await forA.get(`${callsOf(a)}/${call.call_sid}`)).json.call_id, live.callId);
    assert.equal((await forB.get(`${callsOf(b)}/${call.call_sid}`)).status, 404);
    assert.equal((await forB.get(`${callsOf(a)}/${call.call_sid}`)).status, 403);
  });
  await t.test('count', async () => {
    assert.deepEqual((await forA.get(`/v1/Accounts/${a.sid}/CallCount`)).json, { inbound: 1, outbound: 0 });
    assert.deepEqual((await forB.get(`/v1/Accounts/${b.sid}/CallCount`)).json, { inbound: 0, outbound: 0 });
    assert.equal((await forB.get(`/v1/Accounts/${a.sid}/CallCount`)).status, 403);
  });
  await t.test('the answers to another account and to one that is not there are the same', async () => {
    const other = await forB.get(callsOf(a)), nobody = await forB.get(`/v1/Accounts/${randomUUID()}/Calls`);
    assert.deepEqual([other.status, other.text], [nobody.status, nobody.text]);
    assert.deepEqual(other.json, { msg: 'insufficient permissions' });
  });
  await t.test('all calls are for the admin', async () => {
    assert.equal((await forA.get('/v1/Calls')).status, 403);
    assert.equal((await admin.get('/v1/Calls')).json.length, 1);
    assert.equal((await admin.get(callsOf(a))).json.length, 1, 'an admin may read any account');
    assert.deepEqual((await admin.get(callsOf(b))).json, []);
  });
  await live.hangUp();
  await t.test('since', async () => {
    const since = (await forB.get(`${callsOf(b)}?since=${cursor}`)).json;
    assert.deepEqual(since, { revision: cursor, calls: [], removed: [] });
  });
  await t.test('long poll', async () => {
    const answer = await held;
    assert.equal(answer.status, 304);
    assert.equal(answer.headers.etag, before.headers.etag);
  });
});
