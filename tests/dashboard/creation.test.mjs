// What stands in the form of a new call, and the keys of its requests: modules alone.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { commandsFor } from '../../mod_voxeme/dashboard/commands.js';
import { creation, SPEECH } from '../../mod_voxeme/dashboard/creation.js';
import { randomKey, RequestKey } from '../../mod_voxeme/dashboard/request_key.js';

// Node 18 has none, and is what Debian 12 has: nothing here may lean on a newer one.
delete globalThis.crypto;

const APPLICATION = '9984fdc5-89ec-4ffe-9cee-880255a46253';
const FIELDS = {
  from: ' 15083728299 ', to: 'sip:1000@192.0.2.1', callerName: '', timeout: '60', control: 'application', application_sid: APPLICATION, call_hook: '',
  speech_synthesis_vendor: 'google', speech_synthesis_language: 'en-US', speech_synthesis_voice: 'en-US-Standard-C',
  speech_recognizer_vendor: 'google', speech_recognizer_language: 'en-US',
};
const made = (fields) => creation({ ...FIELDS, ...fields });

test('the body of a call for an application', () => {
  assert.deepEqual(made({}).body, { from: '15083728299', to: { type: 'sip', sipUri: 'sip:1000@192.0.2.1' }, application_sid: APPLICATION, timeout: 60 });
  assert.equal(made({ application_sid: APPLICATION.toUpperCase() }).body.application_sid, APPLICATION);
});

test('the body of a call for a hook has the speech fields', () => {
  const { body } = made({ control: 'hook', call_hook: 'wss://acme.example/hook', callerName: 'Ada', to: '+1 (508) 372-82.99', timeout: '5' });
  assert.deepEqual(Object.keys(body), ['from', 'to', 'callerName', 'call_hook', ...SPEECH, 'timeout']);
  assert.deepEqual(body.to, { type: 'phone', number: '+15083728299' });
  assert.equal(body.callerName, 'Ada');
});

test('what the server would refuse is refused, and the field named', () => {
  const bad = {
    from: ['', ' ', 'x'.repeat(257), 'é'.repeat(129), 'a\u0007b'],
    to: ['', '+', 'bob', '1'.repeat(40), 'sip:', 'sip:@h', 'sip:a b@h', 'sip:a@h;x=1,2', 'sip:a@h;', 'sip:a@h;user=', 'sip:a@h;user=ip;USER=ip', 'sip:a@h;Maddr=b', 'sip:a@h;user=phone;fs_path=x', 'sip:a@h;transport', 'sip:a@h?X=1', 'sip:a@-h', 'sip:a@h:0', 'sip:a@h:65536', 'sip:a@h:', 'sip:a,b@h',
      'sip:a%0@h', 'sip:a@h;transport=ws', `sip:${'a'.repeat(510)}@h`, '<sip:a@h>', 'tel:+1', 'mailto:a@b', '@b', 'a@', 'a@b@c', 'a b@c', 'a%20b@c', 'a@b:5060', 'a@b;x', `${'a'.repeat(257)}@b`, `${'a'.repeat(256)}@${'b.'.repeat(32)}b`],
    callerName: ['x'.repeat(257), 'a\u007f'],
    timeout: ['', '0', '3601', '1.5', 'x', '-1'],
    application_sid: ['', 'x', APPLICATION.slice(1)],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      const { field: named, why, body } = made({ [field]: value });
      assert.deepEqual([named, body], [field, undefined], `${field}: ${value}`);
      assert.ok(why.endsWith('.'));
    }
  }
  const hook = { control: 'hook', call_hook: 'https://acme.example/hook' };
  for (const value of ['', 'acme.example', 'ftp://acme.example', 'https://', 'https://a b', '/relative', `https://${'a'.repeat(2048)}`]) assert.equal(made({ ...hook, call_hook: value }).field, 'call_hook', value);
  for (const name of SPEECH) assert.equal(made({ ...hook, [name]: ' ' }).field, name);
});

test('targets that may be called', () => {
  for (const to of ['sip:h', 'SIP:a@h', 'sips:a@h.example:5061;transport=tls', 'sip:+1-508@[2001:db8::1]:5060', 'sip:a%20b@h_1.example', 'sip:a#b&c=d@h', 'sip:+1508@h;user=phone', 'sip:a@[::1]:5061;lr;Transport=TCP;x-y.z_1=a%20b:c']) assert.deepEqual(made({ to }).body?.to, { type: 'sip', sipUri: to }, to);
});

test('users that may be called', () => {
  for (const to of ['joe@demo.example', 'J.o_e-1!*+#@demo.example', '1000@192.0.2.1', 'joe@[2001:db8::1]']) assert.deepEqual(made({ to: ` ${to} ` }).body?.to, { type: 'user', name: to }, to);
});

test('a key is that of its body until it is known what became of it', () => {
  const keys = new RequestKey(webcrypto);
  const first = keys.for('a');
  assert.match(first, /^[0-9a-f-]{36}$/);
  for (const status of [0, 409, 500, 503, 504]) {
    keys.answered(status);
    assert.equal(keys.for('a'), first, `after ${status}`);
  }
  const other = keys.for('b');
  assert.notEqual(other, first);
  for (const status of [201, 400, 422]) {
    const before = keys.for('b');
    keys.answered(status);
    assert.notEqual(keys.for('b'), before, `after ${status}`);
  }
});

test('a key without randomUUID() is a UUID of version 4 all the same', () => {
  let n = 0;
  const source = { getRandomValues: (bytes) => bytes.map((_, i) => (n++, bytes[i] = 255 - i)) && bytes };
  assert.equal(randomKey(source), 'fffefdfc-fbfa-49f8-b7f6-f5f4f3f2f1f0');
  assert.equal(n, 16);
  assert.notEqual(randomKey(webcrypto), randomKey(webcrypto));
});

test('what may be done when', () => {
  const call = { account_sid: APPLICATION, call_sid: 'x', call_status: 'ringing' };
  const names = (status, abilities, fields) => commandsFor({ ...call, call_status: status, ...fields }, abilities && new Set(abilities)).map(({ name }) => name);
  assert.deepEqual(names('ringing'), ['hangup']);
  assert.deepEqual(names('in-progress'), ['hangup', 'hold', 'unhold', 'mute', 'unmute', 'dtmf']);
  assert.deepEqual(names('in-progress', ['hangup', 'dtmf', 'originate']), ['hangup', 'dtmf']);
  assert.deepEqual(names('in-progress', []), []);
  assert.deepEqual(names('completed'), []);
  assert.deepEqual(names('in-progress', undefined, { account_sid: undefined }), []);
});
