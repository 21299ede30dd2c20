// Calls that the API makes and controls, with SIPp as the far end.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { RING } from './lib/calls.mjs';
import { account, demo, route, set } from './lib/config.mjs';
import { freePort } from './lib/ports.mjs';
import * as s from './lib/scenario.mjs';
import { body, header, Sipp } from './lib/sipp.mjs';
import { Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

const jambonz = createRequire(import.meta.url)('@jambonz/node-client');

const speech = {
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};

async function setup(t, ...steps) {
  const owner = demo();
  const sw = await Switch.start(t, { accounts: [owner], routes: [RING] });
  const client = sw.client(owner.token);
  const sipp = steps.length ? await Sipp.start(t, { scenario: s.callee(...steps) }) : null;
  const send = (method, path, content) =>
    client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json' }, body: content && JSON.stringify(content) });
  const watch = new Watch(client, callsOf(owner));
  const create = async (fields) => {
    const answer = await send('POST', '', {
      from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` }, call_hook: 'https://example.com/hook', ...speech, ...fields,
    });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.sid;
  };
  const update = async (sid, change, status = 204) => {
    const answer = await send('PUT', `/${sid}`, change);
    assert.equal(answer.status, status, answer.text);
    return answer;
  };
  const becomes = (sid, status) => watch.until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === status), `${sid} to be ${status}`);
  return { sw, sipp, send, create, update, becomes, watch };
}

const informed = (label) => [s.recv('INFO'), s.report(label), s.okay()];

test('a call is made, held, spoken to and hung up', async (t) => {
  const { sipp, create, update, becomes } = await setup(t,
    s.gate('trying'), s.provisional('180 Ringing'), s.gate('ringing'), s.accept(),
    s.reinvited(), informed('first digit'), informed('second digit'), informed('request'), s.reinvited(), s.hungUp());
  const sid = await create({ headers: { 'X-Custom': 'Hello' }, fromHost: 'blf.example.com', tag: { accountCode: '288' }, timeout: 30 });
  const call = await becomes(sid, 'trying');
  assert.deepEqual([call.direction, call.from, call.to, call.sip_status], ['outbound', '15083728299', 'bob', 100]);
  assert.deepEqual(call.tag, { accountCode: '288' });
  const invite = (await sipp.at('invite')).message;
  assert.equal(header(invite, 'Call-ID'), call.call_id);
  assert.equal(header(invite, 'X-Custom'), 'Hello');
  assert.match(header(invite, 'From'), /<sip:15083728299@blf\.example\.com>/);
  await update(sid, { dtmf: { digit: '1' } }, 422);
  sipp.go(call.call_id);
  await becomes(sid, 'ringing');
  await update(sid, { call_status: 'completed' }, 422);
  sipp.go(call.call_id);
  await becomes(sid, 'in-progress');
  await update(sid, { conf_hold_status: 'hold' });
  assert.match(body((await sipp.at('reinvite')).message), /^a=sendonly\r?$/m);
  await update(sid, { dtmf: { digit: '1#', duration: 120 } });
  assert.match((await sipp.at('first digit')).message, /Signal=1\r?\nDuration=120/);
  assert.match((await sipp.at('second digit')).message, /Signal=#/);
  const answer = await update(sid, { sip_request: { method: 'INFO', content_type: 'text/plain', content: 'hello' } }, 200);
  assert.deepEqual(answer.json, { status: 200, reason: 'OK' });
  assert.equal(header((await sipp.at('request')).message, 'Content-Type'), 'text/plain');
  assert.match((await update(sid, { mute_status: 'mute' }, 501)).json.msg, /no media/);
  await update(sid, { call_status: 'no-answer' }, 422);
  await update(sid, { conf_hold_status: 'unhold' });
  assert.match(body((await sipp.at('reinvite')).message), /^a=sendrecv\r?$/m);
  await update(sid, { call_status: 'completed' });
  await sipp.finished();
  await becomes(sid, 'completed');
  await update(sid, { call_status: 'completed' }, 422);
});

test('a ringing call is given up', async (t) => {
  const { sipp, create, update, becomes } = await setup(t, s.provisional('180 Ringing'), s.cancelled());
  const sid = await create({});
  await becomes(sid, 'ringing');
  await update(sid, { call_status: 'no-answer' });
  await sipp.finished();
  assert.equal((await becomes(sid, 'no-answer')).sip_status, 487);
});

test('a call that is refused, and one that nobody takes', async (t) => {
  const { sipp, create, becomes } = await setup(t, s.decline('486 Busy Here'));
  const sid = await create({});
  await sipp.finished();
  assert.equal((await becomes(sid, 'busy')).sip_status, 486);
  await becomes(await create({ to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1' } }), 'failed');
});

test('an inbound call that rings is declined', async (t) => {
  const { sw, send, becomes, watch } = await setup(t);
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.report('rings'), s.refused(603)), remote: sw.sip,
  });
  const { callId } = await sipp.at('start');
  const { call_sid: sid } = await watch.call(callId, 'ringing');
  assert.equal((await send('DELETE', `/${sid}`)).status, 204);
  await sipp.finished();
  assert.equal((await becomes(sid, 'busy')).sip_status, 603);
});

for (const transport of ['udp', 'tcp']) {
  test(`${transport}: where the far end finds us is where the call began`, async (t) => {
    const owner = demo(), port = await freePort();
    const sw = await Switch.start(t, { accounts: [owner], sip: { 'redirect-to': '1000' }, routes: [route('^1000$', 'answer'),
      route('^2000$', 'bridge', { target: `sip:bob@127.0.0.1:${port};transport=${transport}` })] });
    const client = sw.client(owner.token), watch = new Watch(client, callsOf(owner));
    const send = (method, path, content) => client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });
    const contact = `${sw.sip}${transport === 'tcp' ? ';transport=tcp' : ''}`;
    const callee = await Sipp.start(t, { transport, port, calls: 1, scenario: s.callee(s.accept(), s.hungUp()) });
    for (const to of ['1000', '2000']) {
      const caller = await Sipp.start(t, { transport, remote: sw.sip,
        scenario: s.caller({ from: '1', to }, s.invite(), s.trying(), s.recv(200, { rrs: true }), s.report('ok'), s.acknowledge(), s.bye()) });
      assert.equal(header((await caller.at('ok')).message, 'Contact'), `<sip:${contact}>`);
      await caller.finished();
    }
    assert.equal(header((await callee.at('invite')).message, 'Contact'), `<sip:${contact}>`);
    await callee.finished();
    const phone = await Sipp.start(t, { transport,
      scenario: s.callee(s.accept(), s.recv('REFER'), s.report('refer'), s.reply('202 Accepted'), s.reinvited(), s.hungUp()) });
    const { json: { sid } } = await send('POST', '', { from: '1', to: { type: 'sip', sipUri: `sip:bob@${phone.address};transport=${transport}` }, call_hook: 'https://example.com/', ...speech });
    assert.equal(header((await phone.at('invite')).message, 'Contact'), `<sip:${contact}>`);
    await watch.until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === 'in-progress'), 'the answer');
    for (const change of [{ call_hook: 'https://example.com/' }, { conf_hold_status: 'hold' }, { call_status: 'completed' }])
      assert.equal((await send('PUT', `/${sid}`, change)).status, 204);
    assert.ok(header((await phone.at('refer')).message, 'Refer-To').startsWith(`<sip:1000@${contact}?`));
    assert.equal(header((await phone.at('reinvite')).message, 'Contact'), `<sip:${contact}>`);
    await phone.finished();
  });
}

test('parameters of a target go with the request, and what says who is called with its To', async (t) => {
  const { sipp, create, send, becomes } = await setup(t, s.accept(), s.hungUp());
  const at = (parameters, user = '+15551234') => ({ to: { type: 'sip', sipUri: `sip:${user}@${sipp.address}${parameters}` } });
  const sid = await create(at(';user=phone;Transport=UDP;lr;x-a.b=c%20d:e'));
  const invite = (await sipp.at('invite')).message;
  assert.ok(invite.startsWith(`INVITE sip:+15551234@${sipp.address};transport=udp;user=phone;lr;x-a.b=c%20d:e SIP/2.0`), invite);
  assert.equal(header(invite, 'To'), `<sip:+15551234@${sipp.address};user=phone;x-a.b=c%20d:e>`);
  assert.equal((await becomes(sid, 'in-progress')).to, '+15551234');
  assert.equal((await send('DELETE', `/${sid}`)).status, 204);
  await sipp.finished();
  for (const parameters of [';maddr=127.0.0.2', ';ttl=1', ';method=BYE', ';fs_path=x', ';user=a,b', ';user={a}', ';user=phone|x', ';transport=ws', ';user=a\r\nX: y', ';a=b;A=c', ';']) {
    const answer = await send('POST', '', { from: '1', call_hook: 'https://example.com/', ...speech, ...at(parameters) });
    assert.equal(answer.status, 400, parameters);
    assert.match(answer.json.msg, /^to\.sipUri /);
  }
});

test('a far end that has lost the call: the client hears so, and the call ends for all', async (t) => {
  for (const [method, line] of [['MESSAGE', '481 Call Does Not Exist'], ['INFO', '404 Not Found']]) {
    const { sipp, create, update, becomes } = await setup(t, s.accept(), s.recv(method), s.reply('489 Bad Event'), s.recv(method), s.reply(line), s.hungUp());
    const sid = await create({});
    await becomes(sid, 'in-progress');
    const change = { sip_request: { method, content_type: 'text/plain', content: 'hello' } };
    assert.equal((await update(sid, change, 200)).json.status, 489);
    assert.equal((await update(sid, change, 200)).json.status, Number(line.slice(0, 3)));
    await sipp.finished();
    assert.equal((await becomes(sid, 'completed')).sip_status, 200);
  }
});

test('a header that is refused is named', async (t) => {
  const { sipp, create, send, update, becomes } = await setup(t, s.accept(), s.hungUp());
  const sid = await create({});
  await becomes(sid, 'in-progress');
  const headers = { 'X-Good': '1', 'User-Agent': 'x' };
  const made = await send('POST', '', { from: '1', to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` }, call_hook: 'https://example.com/', ...speech, headers });
  const sent = await update(sid, { sip_request: { method: 'INFO', content_type: 'text/plain', content: 'x', headers } }, 501);
  for (const { status, json } of [made, sent]) assert.deepEqual([status, json.msg], [501, 'headers: User-Agent belongs to the dialog or to the switch']);
  await update(sid, { call_status: 'completed' });
  await sipp.finished();
});

test('a field may be as long, and a number as large, as the OpenAPI document says', async (t) => {
  const { sw, send } = await setup(t);
  const { Creation: { properties }, Hook, Headers } = (await sw.client().get('/v1/openapi.json')).json.components.schemas;
  const create = (fields) => send('POST', '', { from: '1', to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1' }, call_hook: 'https://example.com/', ...speech, ...fields });
  const taken = async (fields) => {
    const { status, text } = await create(fields);
    assert.equal(status, 201, text);
  };
  const refused = async (name, fields) => {
    const { status, json } = await create(fields);
    assert.equal(status, 400, name);
    assert.ok(json.msg.startsWith(`${name} `) || json.msg.startsWith(`${name}: `), json.msg);
  };
  const long = (n) => 'h.'.repeat(n).slice(0, n), url = (n) => 'https://a.example/'.padEnd(n, 'a');
  const limited = Object.entries(properties).filter(([name, { maxLength, maximum }]) => name !== 'sipRequestWithinDialogHook' && (maxLength ?? maximum));
  assert.ok(limited.length >= 10, JSON.stringify(properties));
  for (const [name, { minimum, maximum, maxLength }] of limited) {
    for (const value of maxLength ? [long(1), long(maxLength)] : [minimum, maximum]) await taken({ [name]: value });
    for (const value of maxLength ? ['', long(maxLength + 1), 1] : [minimum - 1, maximum + 1, 'x']) await refused(name, { [name]: value });
  }
  const [{ maxLength }, { properties: parts }] = Hook.oneOf;
  await taken({ call_hook: url(maxLength), call_status_hook: { url: url(parts.url.maxLength), method: 'get', username: long(parts.username.maxLength), password: long(parts.password.maxLength) } });
  await refused('call_hook', { call_hook: url(maxLength + 1) });
  for (const [name, part] of Object.entries(parts)) {
    await refused(`call_status_hook.${name}`, { call_status_hook: { url: url(20), username: 'a', [name]: part.enum ? 'PUT' : name === 'url' ? url(part.maxLength + 1) : long(part.maxLength + 1) } });
  }
  const headers = (n, length) => ({ headers: Object.fromEntries(Array.from({ length: n }, (_, i) => [`X-${i}`, 'x'.repeat(length)])) });
  await taken(headers(Headers.maxProperties, 1));
  await taken(headers(1, Headers.additionalProperties.maxLength));
  await refused('headers', headers(Headers.maxProperties + 1, 1));
  await refused('headers', headers(1, Headers.additionalProperties.maxLength + 1));
});

test('a call over TLS is turned away, and why', async (t) => {
  const { send } = await setup(t);
  for (const sipUri of ['sips:bob@127.0.0.1', 'sip:bob@127.0.0.1;transport=tls']) {
    const answer = await send('POST', '', { from: '1', to: { type: 'sip', sipUri }, call_hook: 'https://example.com/', ...speech });
    assert.equal(answer.status, 501, answer.text);
    assert.match(answer.json.msg, /no TLS/);
  }
});

test('a call to a user: whom the routes bridge to by that name, within the account', async (t) => {
  const owner = account('owner', { realms: ['demo.example'] }), none = account('none'), port = await freePort();
  const to = (user, of) => route(`^${user}$`, 'bridge', { target: `sip:desk@127.0.0.1:${port}` }, of ? [set('voxeme_account_sid', of.sid)] : []);
  const sw = await Switch.start(t, { accounts: [owner, none], routes: [to('joe'), to('jim', none), route('^ann$', 'answer')] });
  const post = (who, name) => sw.client(who.token).request('POST', callsOf(who),
    { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ from: '1', to: { type: 'user', name }, call_hook: 'https://example.com/', ...speech }) });
  const watch = new Watch(sw.client(owner.token), callsOf(owner));
  const ended = async (name, status) => {
    const answer = await post(owner, name);
    assert.equal(answer.status, 201, answer.text);
    return watch.until((calls) => calls.find((c) => c.call_sid === answer.json.sid && c.call_status === status), `${name} to be ${status}`);
  };
  const phone = await Sipp.start(t, { port, calls: 2, scenario: s.callee(s.decline('486 Busy Here')) });
  for (const name of ['joe', 'joe@Demo.Example']) {
    const call = await ended(name, 'busy');
    assert.deepEqual([call.to, call.sip_status], ['joe', 486]);
  }
  assert.match((await phone.at('invite')).message, /^INVITE sip:desk@/);
  for (const name of ['nobody', 'jim', 'ann']) {
    const call = await ended(name, 'failed');
    assert.deepEqual([call.to, call.sip_status, call.termination_reason, call.call_id], [name, 404, 'NO_ROUTE_DESTINATION', undefined]);
  }
  for (const [who, name, msg] of [[owner, 'joe@other.example', /no realm of the account/], [none, 'jim', /no realm/], [owner, 'a,b', /to\.name/]]) {
    const answer = await post(who, name);
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json.msg, msg);
  }
  await phone.finished();
});

test('what is asked for with the target and cannot be done is not passed over', async (t) => {
  const { send } = await setup(t);
  const answer = await send('POST', '', { from: '1', call_hook: 'https://example.com/', ...speech,
    to: { type: 'sip', sipUri: 'sip:bob@127.0.0.1:1', overrideTo: 'x' } });
  assert.equal(answer.status, 501, answer.text);
  assert.match(answer.json.msg, /to\.overrideTo/);
});

test('a call shows whom it is for as one that comes in does: not escaped', async (t) => {
  const { sipp, create, becomes } = await setup(t, s.decline('486 Busy Here'));
  const sid = await create({ to: { type: 'sip', sipUri: `sip:%2B1508%20x@${sipp.address}` } });
  assert.match((await sipp.at('invite')).message, /^INVITE sip:\+1508%20x@/);
  assert.equal((await becomes(sid, 'busy')).to, '+1508 x');
  await sipp.finished();
});

test('a call that comes in from a gateway of the account names it', async (t) => {
  const port = await freePort();
  const owner = account('owner', { sources: ['127.0.0.0/8'], gateways: [
    { name: 'by name', address: 'localhost' }, { name: 'another port', address: '127.0.0.1:1' }, { name: 'cheaprates', address: `127.0.0.1:${port}` }] });
  const sw = await Switch.start(t, { accounts: [owner], routes: [RING] });
  const watch = new Watch(sw.client(owner.token), callsOf(owner));
  const from = async (options) => {
    const sipp = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.gate('rings'), s.cancel(), s.refused(487)), remote: sw.sip, ...options });
    const { callId } = await sipp.at('rings');
    const { originating_sip_trunk_name: trunk } = await watch.call(callId, 'ringing');
    sipp.go(callId);
    await sipp.finished();
    assert.equal((await watch.call(callId, 'no-answer')).originating_sip_trunk_name, trunk);
    return trunk;
  };
  assert.equal(await from({ port }), 'cheaprates');
  assert.equal(await from({}), 'another port', 'the address decides where no port does');
});

test('a call is redirected: its far end calls anew, and an application gets the hook', async (t) => {
  const owner = demo(), appPort = await freePort();
  const sw = await Switch.start(t, {
    accounts: [owner], sip: { 'redirect-to': 'apps' }, routes: [route('^apps$', 'bridge', { target: `sip:app@127.0.0.1:${appPort}` })],
  });
  const client = sw.client(owner.token), watch = new Watch(client, callsOf(owner));
  const send = (method, path, content) => client.request(method, callsOf(owner) + path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });
  const app = await Sipp.start(t, { scenario: s.callee(s.accept(), s.hungUp()), port: appPort, calls: 2 });
  const phone = await Sipp.start(t, {
    scenario: s.callee(s.accept(), s.reinvited(s.sdp(8)), s.report('joined'), s.recv('REFER'), s.report('refer'), s.reply('202 Accepted'),
      s.gate('calls anew'), s.notified('SIP/2.0 200 OK'), s.hungUp()),
  });
  const hook = 'https://example.com/next?a=1&b=2';
  const made = await send('POST', '', { from: '1', to: { type: 'sip', sipUri: `sip:bob@${phone.address}` }, call_hook: 'https://example.com/', ...speech });
  const old = await watch.until((calls) => calls.find((c) => c.call_sid === made.json.sid && c.call_status === 'in-progress'), 'the answer');
  assert.equal(header((await app.at('invite')).message, 'X-Voxeme-Hook'), 'https://example.com/', 'it is handed on when it is answered');
  await phone.at('joined');
  assert.equal((await send('PUT', `/${old.call_sid}`, { call_hook: { url: hook, method: 'POST' } })).status, 204);
  const { message } = await phone.at('refer');
  assert.ok(!message.includes('example.com'), 'the far end is not told the hook');
  const [, uri, key] = /^<(sip:apps@[^?]+)\?X-Voxeme-Redirect=([0-9a-f-]{36})>$/.exec(header(message, 'Refer-To'));
  assert.equal(uri, `sip:apps@${sw.sip}`);
  // What a telephone makes of it (RFC 3261, section 19.1.5).
  const anew = await Sipp.start(t, {
    scenario: s.caller({ from: 'bob', to: 'apps', headers: [`X-Voxeme-Redirect: ${key}`] },
      s.invite(), s.trying(), s.answered(), s.report('up'), s.gate('done'), s.bye()), remote: sw.sip,
  });
  assert.equal(header((await app.at('invite')).message, 'X-Voxeme-Hook'), hook);
  const { callId } = await anew.at('up');
  phone.go(old.call_id);
  await phone.finished();
  await watch.call(old.call_id, 'completed');
  await watch.call(callId, 'in-progress');
  anew.go(callId);
  await Promise.all([anew.finished(), app.finished()]);
});

test('a call that goes another way has what its new route sets', async (t) => {
  const owner = demo(), other = account('other', { sources: [] });
  const sw = await Switch.start(t, {
    accounts: [owner, other], sip: { 'redirect-to': '1000' }, routes: [RING, route('^1000$', 'answer', {}, [set('voxeme_account_sid', other.sid)])],
  });
  const client = sw.client(owner.token), before = new Watch(client, callsOf(owner)), after = new Watch(sw.client(other.token), callsOf(other));
  const sipp = await Sipp.start(t, {
    scenario: s.caller({ from: '1', to: '180' }, s.invite(), s.trying(), s.recv(180), s.answered(), s.gate('up'), s.bye()), remote: sw.sip,
  });
  const { callId } = await sipp.at('start');
  const { call_sid: sid } = await before.call(callId, 'ringing');
  const answer = await client.request('PUT', `${callsOf(owner)}/${sid}`, { headers: { 'Content-Type': 'application/json' }, body: '{"call_hook":"/next"}' });
  assert.equal(answer.status, 204, answer.text);
  assert.equal((await after.call(callId, 'in-progress')).call_sid, sid);
  await before.until((calls) => calls.length === 0, 'the call to move');
  sipp.go(callId);
  await sipp.finished();
  await after.call(callId, 'completed');
});

test('a client of the family, unchanged: creates, retrieves, lists, updates, deletes', async (t) => {
  const { sw, sipp, becomes } = await setup(t, s.provisional('180 Ringing'), s.accept(), s.hungUp());
  const [owner] = sw.spec.accounts;
  const { calls } = jambonz(owner.sid, owner.token, { baseUrl: sw.url });
  const sid = await calls.create({ from: '15083728299', to: { type: 'sip', sipUri: `sip:bob@${sipp.address}` },
    call_hook: 'https://example.com/hook', call_status_hook: 'https://example.com/status', ...speech });
  await becomes(sid, 'in-progress');
  assert.equal((await calls.retrieve(sid)).call_sid, sid);
  assert.deepEqual((await calls.list()).map((call) => call.call_sid), [sid]);
  await calls.update(sid, { call_status: 'completed' });
  assert.equal((await becomes(sid, 'completed')).sip_status, 200);
  await assert.rejects(calls.update(sid, { call_status: 'completed' }), { statusCode: 422 });
  await calls.delete(sid);
  assert.deepEqual(await calls.list(), []);
  await assert.rejects(calls.retrieve(sid), /not found/);
});
