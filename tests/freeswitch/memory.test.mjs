// One run under valgrind: what memcheck reports in frames of the module or of libwebsockets is an
// error of ours, and so is a block that they allocated and nobody can reach any more.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { account } from '../e2e/lib/config.mjs';
import * as s from '../e2e/lib/scenario.mjs';
import { Sipp } from '../e2e/lib/sipp.mjs';
import { callsOf, Watch } from '../e2e/lib/watch.mjs';
import { extension } from './lib/dialplan.mjs';
import { FreeSwitch } from './lib/freeswitch.mjs';

const SLOW = 6;
const OURS = /mod_voxeme|libwebsockets/;
const have = spawnSync('valgrind', ['--version']).status === 0;

const valgrind = (dir) => ['valgrind', '--quiet', '--xml=yes', `--xml-file=${join(dir, 'valgrind.xml')}`, '--keep-debuginfo=yes',
  '--leak-check=full', '--show-leak-kinds=definite', '--num-callers=30', '--child-silent-after-fork=yes'];

// The errors with a frame of ours, one text each.
function errorsOf(xml) {
  return xml.split('<error>').slice(1).map((text) => text.slice(0, text.indexOf('</error>')))
    .filter((text) => [...text.matchAll(/<obj>(.*?)<\/obj>/g)].some(([, object]) => OURS.test(object)))
    .map((text) => {
      const what = /<(?:what|text)>(.*?)<\//.exec(text)?.[1];
      const frames = [...text.matchAll(/<frame>(.*?)<\/frame>/gs)].map(([, f]) => /<fn>(.*?)<\/fn>/.exec(f)?.[1] ?? /<obj>(.*?)<\/obj>/.exec(f)?.[1] ?? '?');
      return `${what}: ${frames.join(' < ')}`;
    });
}

// A call that the API makes, what may be done to it and what may not, and its end.
async function control(t, client, path) {
  const b = await Sipp.start(t, { scenario: s.callee(s.accept(), s.reinvited(), s.report('held'), s.hungUp()) });
  const send = (method, at, content) => client.request(method, path + at, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });
  const made = await send('POST', '', {
    from: '1', to: { type: 'sip', sipUri: `sip:bob@${b.address}` }, call_hook: 'https://example.com/hook', tag: { a: '$' }, headers: { 'X-A': 'b' }, callerName: '"Z"',
    fromHost: 'a.example', timeLimit: 600, speech_synthesis_vendor: 'a', speech_synthesis_language: 'b', speech_synthesis_voice: 'c', speech_recognizer_vendor: 'd', speech_recognizer_language: 'e',
  });
  assert.equal(made.status, 201, made.text);
  const { sid } = made.json;
  await new Watch(client, path).until((calls) => calls.find((c) => c.call_sid === sid && c.call_status === 'in-progress'), 'the call to be up');
  for (const [change, status] of [[{ call_hook: '/next' }, 204], [{ record: { action: 'startCallRecording' } }, 204], [{ record: { action: 'stopCallRecording' } }, 204],
    [{ mute_status: 'mute' }, 204], [{ child_call_hook: '/c' }, 422], [{ whisper: { verb: 'play', url: 'none.wav' } }, 422], [{ conf_mute_status: 'mute' }, 422],
    [{ conf_hold_status: 'hold' }, 204]]) {
    const answer = await send('PUT', `/${sid}`, change);
    assert.equal(answer.status, status, `${JSON.stringify(change)}: ${answer.text}`);
  }
  await b.at('held');
  assert.equal((await send('DELETE', `/${sid}`)).status, 204);
  await b.finished();
}

test('FreeSWITCH under valgrind', { skip: have ? false : 'valgrind not found' }, async (t) => {
  const owner = account('owner', { sources: ['127.0.0.0/8'] });
  const fs = await FreeSwitch.start({ spec: { settings: { 'freeswitch-profile': 'internal', 'command-timeout-seconds': 30 }, accounts: [owner] }, dialplan: [extension('voxeme', 'park')], wrapper: valgrind, slow: SLOW });
  t.after(() => fs.kill());
  fs.read = (dir) => readFile(join(dir, 'valgrind.xml'), 'utf8');
  const client = fs.client(owner.token);
  for (let round = 0; round < 2; round++) {
    const talk = s.caller({ from: '15083728299', to: '1000', display: '"Zoë \\"Z\\""' }, s.invite(), s.trying(), s.answered(), s.gate('up'), s.bye());
    const up = await Sipp.start(t, { scenario: talk, remote: fs.sip });
    const busy = await Sipp.start(t, { scenario: s.caller({ from: '1', to: '486' }, s.invite(), s.trying(), s.refused(486)), remote: fs.sip, calls: 5, rate: 5 });
    const { callId } = await up.at('up');
    await busy.finished();
    await new Watch(client, callsOf(owner)).call(callId, 'in-progress');
    for (const command of ['status', 'accounts', 'calls owner', 'calls owner live', 'token', 'reload', 'audit', 'nothing']) await fs.api(`voxeme ${command}`);
    await client.get(`${callsOf(owner)}?page=1&page_size=2`);
    await client.get('/healthz');
    await client.get(callsOf(owner), { token: 'wrong' });
    up.go(callId);
    await up.finished();
    await new Watch(client, callsOf(owner)).call(callId, 'completed');
    await control(t, client, callsOf(owner));
    await fs.unload();
    await fs.load();
  }
  // Loads that fail undo all their steps.
  await fs.unload();
  await fs.configure({ accounts: [] });
  await fs.api('reloadxml');
  await fs.api('load mod_voxeme');
  await fs.configure({ accounts: [owner], settings: { listen: `127.0.0.1:${fs.eslPort}` } });
  await fs.api('reloadxml');
  await fs.api('load mod_voxeme');
  await fs.stop();
  assert.match(fs.files, /<\/valgrindoutput>/, 'valgrind came to its end');
  const errors = errorsOf(fs.files);
  t.diagnostic(`${fs.files.split('<error>').length - 1} reports, ${errors.length} of ours`);
  assert.deepEqual(errors, []);
});
