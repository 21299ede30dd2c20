// script/server: what it prints works, and it leaves nothing behind.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { checkList } from './lib/schema.mjs';
import { Client } from './lib/http.mjs';
import { ROOT } from './lib/switch.mjs';
import { deadline } from './lib/wait.mjs';
import { Watch } from './lib/watch.mjs';

// Process ids of all descendants.
async function descendants(pid) {
  const children = new Map();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => null);
    if (!stat) continue;
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const all = [];
  for (const queue = [pid]; queue.length;) for (const child of children.get(queue.shift()) ?? []) { all.push(child); queue.push(child); }
  return all;
}

const alive = async (pid) => readFile(`/proc/${pid}/stat`, 'utf8').then((s) => !/\) [ZX] /.test(s), () => false);

async function start(t, args, dir) {
  if (!dir) {
    dir = await mkdtemp(join(tmpdir(), 'voxeme-scripts-'));
    t.after(() => rm(dir, { recursive: true, force: true }));
  }
  // In another directory than the checkout: it must not care.
  const child = spawn(join(ROOT, 'script/server'), args, { cwd: dir, env: { ...process.env, TMPDIR: dir }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  t.after(() => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* gone, as it should be */ } });
  let stdout = '', stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => { stderr += chunk; });
  const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const ready = new Promise((resolve) => child.stdout.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk;
    if (/^Stop with .*\n/m.test(stdout)) resolve();
  }));
  // It may have to build first.
  await deadline(Promise.race([ready, exit.then((e) => { throw new Error(`ended with ${e.code}: ${stdout}${stderr}`); })]), 'script/server to be ready', 300_000);
  return { child, dir, exit, get stdout() { return stdout; }, get stderr() { return stderr; } };
}

async function output(command) {
  const shell = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  let body = '';
  for await (const chunk of shell.stdout) body += chunk;
  return body;
}

// The README's line that makes a call, against this server.
async function postOfReadme(base, token) {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [line] = /^curl -s -X POST [^`]*/m.exec(readme);
  return line.replace('TOKEN', token).replace('http://127.0.0.1:3000', base).replace('192.0.2.1', '127.0.0.1:9');
}

for (const [signal, args] of [['SIGTERM', []], ['SIGINT', []], ['SIGTERM', ['--no-demo']]]) {
  test(`script/server ${args.join(' ')}: the curl line works, ${signal} leaves nothing behind`, async (t) => {
    const server = await start(t, args);
    assert.match(server.stdout, /^voxeme-switch ready: http:\/\/127\.0\.0\.1:\d+ sip:127\.0\.0\.1:\d+$/m);
    const line = /^ *(curl .*)$/m.exec(server.stdout)[1];
    checkList(JSON.parse(await output(line)));

    if (args.length === 0) {
      const [, token, base, path] = /Bearer ([^']+)' (http:\/\/[^/]+)(\/\S+)/.exec(line);
      const client = new Client(base, token);
      t.after(() => client.close());
      const watch = new Watch(client, path);
      const seen = new Set();
      await watch.until((calls) => {
        for (const call of calls) seen.add(`${call.direction} ${call.call_status}`);
        return ['inbound ringing', 'inbound in-progress', 'inbound busy', 'outbound ringing', 'outbound in-progress'].every((kind) => seen.has(kind));
      }, 'demo calls of several kinds');
      checkList(watch.calls);

      const posts = [[...server.stdout.matchAll(/^ *(curl .*)$/mg)].map(([, command]) => command).find((command) => command.includes(' POST ')), await postOfReadme(base, token)];
      const [made, ofReadme] = await Promise.all(posts.map(async (command) => JSON.parse(await output(command))));
      assert.match(ofReadme.sid ?? JSON.stringify(ofReadme), /^[0-9a-f-]{36}$/);
      await watch.until((calls) => calls.some((call) => call.call_sid === made.sid && call.call_status === 'in-progress'), `the call made by ${posts[0]} (${JSON.stringify(made)})`);
      const hold = posts[0].replace('-X POST', "-o /dev/null -w '%{http_code}' -X PUT")
        .replace(/-d '[^']*' (\S+)/, `-d '{"conf_hold_status":"hold"}' $1/${made.sid}`);
      assert.equal(await output(hold), '204', hold);
    }
    const processes = await descendants(server.child.pid);
    assert.ok(processes.length >= (args.length ? 1 : 8), `${processes.length} processes`);
    // Ctrl-C reaches the whole foreground group.
    process.kill(signal === 'SIGINT' ? -server.child.pid : server.child.pid, signal);
    const end = await deadline(server.exit, 'script/server to end').catch(async (error) => {
      const left = await Promise.all((await descendants(server.child.pid)).map((pid) =>
        readFile(`/proc/${pid}/cmdline`, 'utf8').then((text) => `${pid} ${text.replaceAll('\0', ' ')}`, () => `${pid}`)));
      throw new Error(`${error.message}; still there:\n${left.join('\n')}\n${server.stderr}`);
    });
    assert.equal(end.code, 0, server.stderr);
    for (const pid of processes) assert.equal(await alive(pid), false, `process ${pid} is still there`);
    assert.deepEqual(await readdir(server.dir), [], 'the temporary directory is gone');
  });
}

test('script/server killed outright takes its children with it, and the next one clears up after it', async (t) => {
  const server = await start(t, []);
  // A child that has not got as far as its own program is not bound to the script's life yet.
  let processes;
  const program = (pid) => readFile(`/proc/${pid}/comm`, 'utf8').then((text) => text.trim(), () => '');
  await deadline((async () => {
    do processes = await descendants(server.child.pid);
    while (!(await Promise.all(processes.map(program))).every((name) => ['sipp', 'voxeme-switch'].includes(name)));
  })(), 'all programs to run');
  server.child.kill('SIGKILL');
  await server.exit;
  await deadline((async () => {
    for (const pid of processes) while (await alive(pid)) await new Promise((resolve) => setImmediate(resolve));
  })(), 'the children to end');
  const [left] = await readdir(server.dir);
  // The next one clears up after it, and not after one that runs.
  const next = await start(t, ['--no-demo'], server.dir);
  const beside = await start(t, ['--no-demo'], server.dir);
  const there = await readdir(server.dir);
  assert.equal(there.length, 2, String(there));
  assert.ok(!there.includes(left), left);
  for (const other of [next, beside]) {
    other.child.kill('SIGTERM');
    assert.equal((await deadline(other.exit, 'script/server to end')).code, 0, other.stderr);
  }
  assert.deepEqual(await readdir(server.dir), []);
});
