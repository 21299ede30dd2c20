// The command line of voxeme-switch.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { BUSY, busyCall } from './lib/calls.mjs';
import { account, configXml, demo, element, route, set, sha256 } from './lib/config.mjs';
import { ROOT, run, Switch } from './lib/switch.mjs';
import { callsOf, Watch } from './lib/watch.mjs';

async function file(t, text) {
  const dir = await mkdtemp(join(tmpdir(), 'voxeme-check-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'voxeme.conf.xml');
  await writeFile(path, text);
  return path;
}

const check = async (t, text) => run(['--config', await file(t, text), '--check']);

test('--version', async () => {
  const { code, stdout } = await run(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^voxeme-switch \d+\.\d+\.\d+\n/);
});

test('--help names every option', async () => {
  const { code, stdout } = await run(['--help']);
  assert.equal(code, 0);
  for (const option of ['--config', '--check', '--make-token', '--settings', '--version', '--help']) assert.ok(stdout.includes(option), option);
});

test('a wrong command line', async () => {
  for (const args of [['--no-such-option'], [], ['--config'], ['--config', '/nonexistent/voxeme.conf.xml']]) {
    const { code, stderr } = await run(args);
    assert.notEqual(code, 0, args.join(' '));
    assert.ok(stderr.trim().length > 0, 'says why');
  }
});

test('--make-token: the token works with the line it prints', async (t) => {
  const { code, stdout } = await run(['--make-token']);
  assert.equal(code, 0);
  const [, token, hash] = /^(\S+)\n<token sha256="([0-9a-f]{64})"\/>$/m.exec(stdout) ?? [];
  assert.ok(token, stdout);
  assert.equal(hash, sha256(token));
  const owner = account('a', { tokens: [token] });
  const sw = await Switch.start(t, { accounts: [owner], routes: [] });
  assert.equal((await sw.client(token).get(callsOf(owner))).status, 200);
  const another = await run(['--make-token']);
  assert.notEqual(another.stdout, stdout);
});

test('--check takes a good file, and starts nothing', async (t) => {
  const owner = demo();
  const { code, stderr } = await check(t, configXml({
    settings: { listen: '127.0.0.1:1' }, accounts: [owner], sip: { 'sip-listen': '127.0.0.1:1' },
    routes: [route('^1\\d+$', 'answer'), route('^2(\\d+)$', 'bridge', { target: 'sip:$1@127.0.0.1:5090' }, [set('accountcode', 'demo')])],
  }));
  assert.equal(code, 0, stderr);
});

test('--check takes the sample configuration', async () => {
  const { code, stderr } = await run(['--config', join(ROOT, 'conf/voxeme.conf.xml'), '--check']);
  assert.equal(code, 0, stderr);
});

test('what may stand in an account is in the sample, the README and the manual page, with its attributes', async () => {
  const text = (file) => readFile(join(ROOT, file), 'utf8');
  const [reader, sample, readme, manual] = await Promise.all(['mod_voxeme/core/config_reader.c', 'conf/voxeme.conf.xml', 'README.md', 'docs/voxeme-switch.8'].map(text));
  const rows = [...reader.matchAll(/\{"([a-z]+)",\s*"account",\s*\{([^}]*)\},\s*\{([^}]*)\}/g)];
  assert.ok(rows.length >= 6, `${rows.length} elements`);
  for (const [, element, required, optional] of rows) {
    const attributes = (list) => [...list.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name);
    const inReadme = readme.split('\n').find((line) => line.startsWith(`| \`<${element}>\``)) ?? '';
    const inSample = new RegExp(`<${element} [^>]*>`).exec(sample)?.[0] ?? '';
    assert.ok(manual.includes(`<${element} `), `the manual page lacks <${element}>`);
    for (const name of attributes(required)) assert.ok(inSample.includes(` ${name}="`), `the sample lacks ${name} of <${element}>`);
    for (const name of [...attributes(required), ...attributes(optional)]) assert.ok(inReadme.includes(`\`${name}\``), `the README lacks ${name} of <${element}>`);
  }
  // What the README calls with is there.
  assert.ok(sample.includes(`<application sid="${/"application_sid":"([^"]+)"/.exec(readme)[1]}"`));
});

// [what, file, line, what the message must hold]
const wrong = (settings, accounts = '', sw = '') =>
  `<configuration name="voxeme.conf">\n<settings>\n${settings}\n</settings>\n<accounts>\n${accounts}\n</accounts>\n<switch>\n${sw}\n</switch>\n</configuration>\n`;
const param = (name, value) => element('param', { name, value });
const SID = '5f8e8f60-4771-44cb-92a6-94ea66df0450';
const BAD = [
  ['an unknown setting', wrong(param('retention', '1')), 3, /'?retention'?/],
  ['a number out of range', wrong(param('retention-seconds', '0')), 3, /retention-seconds.*1/],
  ['somebody else\'s file', '<configuration name="sofia.conf"/>\n', 1, /name.*sofia\.conf.*voxeme\.conf/],
  ['text for a number', wrong(param('max-connections', 'many')), 3, /max-connections.*many/],
  ['a listen address without port', wrong(param('listen', 'localhost')), 3, /listen.*localhost/],
  ['a bad network', wrong(param('trusted-sources', '10.0.0.0/8, 1.2.3.4/99')), 3, /trusted-sources.*1\.2\.3\.4\/99/],
  ['a bad level', wrong(param('log-level', 'loud')), 3, /log-level.*loud/],
  ['a certificate without key', wrong(param('tls-cert', '/x.pem')), 3, /tls-key/],
  ['a default account that is not there', wrong(param('default-account', 'nobody')), 3, /default-account.*nobody/],
  ['a sid that is none', wrong('', '<account sid="7"/>'), 6, /sid.*7/],
  ['a sid given twice', wrong('', `<account sid="${SID}"/>\n<account sid="${SID}"/>`), 7, /twice/],
  ['a token hash that is none', wrong('', `<account sid="${SID}"><token sha256="abc"/></account>`), 6, /sha256/],
  ['a webhook that is a WebSocket', wrong('', `<account sid="${SID}">\n<webhook url="wss://a.example/"/></account>`), 7, /webhook: url.*WebSocket/],
  ['a webhook secret that is too short', wrong('', `<account sid="${SID}">\n<webhook url="https://a.example/" secret="hush"/></account>`), 7, /webhook: secret must have 16(?!.*hush)/],
  ['a webhook secret-file that is not there', wrong('', `<account sid="${SID}">\n<webhook url="https://a.example/" secret-file="/nonexistent/s"/></account>`), 7, /webhook: secret-file.*nonexistent\/s/],
  ['a webhook-ca that cannot be read', wrong(param('webhook-ca', '/nonexistent/ca.pem')), 3, /webhook-ca.*nonexistent\/ca\.pem/],
  ['a webhook-allow with host bits', wrong(param('webhook-allow', '10.0.0.1/8')), 3, /webhook-allow.*10\.0\.0\.0\/8 is meant/],
  ['an unknown element', wrong('', '<acount/>'), 6, /acount/],
  ['an unknown attribute', wrong('', `<account sid="${SID}" colour="red"/>`), 6, /colour/],
  ['an unknown switch setting', wrong('', '', param('sip-listne', '127.0.0.1:5060')), 9, /sip-listne/],
  ['a route without action', wrong('', '', '<routes>\n<route to="^1$"/>\n</routes>'), 10, /action/],
  ['a route with an unknown action', wrong('', '', '<routes>\n<route to="^1$" action="dance"/>\n</routes>'), 10, /action.*dance/],
  ['a bad regular expression', wrong('', '', '<routes>\n<route to="^(1$" action="answer"/>\n</routes>'), 10, /to.*\^\(1\$/],
  ['a reject without status', wrong('', '', '<routes>\n<route to="^1$" action="reject"/>\n</routes>'), 10, /status/],
  ['a status that refuses nothing', wrong('', '', '<routes>\n<route to="^1$" action="reject" status="200"/>\n</routes>'), 10, /status.*200/],
  ['a bridge to nowhere', wrong('', '', '<routes>\n<route to="^1$" action="bridge"/>\n</routes>'), 10, /target/],
  ['a target that is no SIP URI', wrong('', '', '<routes>\n<route to="^1$" action="bridge" target="mailto:x"/>\n</routes>'), 10, /target.*mailto/],
  ['an origin with a space', wrong(param('cors-origin', 'https://a.example https://b.example')), 3, /cors-origin/],
  ['an empty origin', wrong(param('cors-origin', '')), 3, /cors-origin/],
  ['an origin with a line end', wrong(param('cors-origin', 'https://a.example\nX: y')), 3, /cors-origin/],
  ['a network with host bits', wrong(param('trusted-sources', '10.0.0.1/8')), 3, /trusted-sources.*10\.0\.0\.0\/8 is meant/],
  ['a source with host bits', wrong('', `<account sid="${SID}">\n<source cidr="2001:db8::1/32"/></account>`), 7, /2001:db8::\/32 is meant/],
  ['a certificate that cannot be read', wrong(`${param('tls-cert', '/nonexistent/c.pem')}\n${param('tls-key', '/nonexistent/k.pem')}`), 3, /tls-cert.*nonexistent\/c\.pem/],
  ['a key that cannot be read', wrong(`${param('tls-cert', '/dev/null')}\n${param('tls-key', '/nonexistent/k.pem')}`), 4, /tls-key.*nonexistent\/k\.pem/],
  ['settings twice', wrong('</settings><settings>'), 3, /second <settings>/],
  ['accounts twice', wrong('', '</accounts><accounts>'), 6, /second <accounts>/],
  ['admin twice', wrong('', '</accounts>\n<admin/><admin/><accounts>'), 7, /second <admin>/],
  ['a switch twice', wrong('', '', '</switch><switch>'), 9, /second <switch>/],
  ['routes twice', wrong('', '', '<routes/>\n<routes/>'), 10, /second <routes>/],
  ['min-se above session-expires', wrong('', '', `${param('session-expires-seconds', '100')}\n${param('min-se-seconds', '101')}`), 10, /min-se-seconds.*101.*100/],
  ['session-expires below min-se', wrong('', '', `${param('min-se-seconds', '3600')}\n`), 9, /min-se-seconds.*3600.*1800/],
  ['a redirection that no route takes', wrong('', '', `${param('redirect-to', '7')}\n<routes><route to="^1$" action="answer"/></routes>`), 9, /redirect-to.*7/],
  ['a redirection without routes', wrong('', '', param('redirect-to', '7')), 9, /redirect-to.*7/],
  ['a route for an account that is not there', wrong('', `<account sid="${SID}" name="demo"/>`, `<routes><route to="1" action="answer">\n<set name="accountcode" value="dema"/></route></routes>`), 10, /accountcode.*dema/],
  ['a route for a sid that is not there', wrong('', `<account sid="${SID}" name="demo"/>`, `<routes><route to="1" action="answer">\n<set name="voxeme_account_sid" value="${SID.replace('5', '6')}"/></route></routes>`), 10, /voxeme_account_sid.*6f8e/],
  ['a name where a sid is wanted', wrong('', `<account sid="${SID}" name="demo"/>`, `<routes><route to="1" action="answer">\n<set name="voxeme_account_sid" value="demo"/></route></routes>`), 10, /voxeme_account_sid.*demo/],
  ['an application that is no UUID', wrong('', '', `<routes><route to="1" action="answer">\n<set name="voxeme_application_sid" value="app"/></route></routes>`), 10, /voxeme_application_sid.*app/],
  ['a variable set twice', wrong('', `<account sid="${SID}" name="demo"/>`, `<routes><route to="1" action="answer"><set name="accountcode" value="demo"/>\n<set name="accountcode" value="demo"/></route></routes>`), 10, /accountcode.*twice/],
  ['XML that does not close', '<configuration name="voxeme.conf">\n<settings>\n', 3, /./],
  ['another root', '<config/>\n', 1, /config/],
];
for (const [what, text, line, message] of BAD) {
  test(`--check: ${what}`, async (t) => {
    const path = await file(t, text);
    const { code, stderr } = await run(['--config', path, '--check']);
    assert.equal(code, 1, stderr);
    assert.ok(stderr.includes(`voxeme.conf.xml:${line}: `), `names file and line ${line}: ${stderr}`);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1, `one line: ${stderr}`);
  });
}

test('a bad file does not start', async (t) => {
  const { code, stdout, stderr } = await run(['--config', await file(t, wrong(param('retention', '1')))]);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /voxeme\.conf\.xml:3: /);
});

for (const [setting, where] of [['listen', 'settings'], ['sip-listen', 'sip']]) {
  test(`a port that is taken for ${setting}: it says so and ends, nothing left behind`, async (t) => {
    const taken = createServer();
    await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
    t.after(() => taken.close());
    const spec = { settings: { listen: '127.0.0.1:0' }, sip: { 'sip-listen': '127.0.0.1:0' }, accounts: [demo()] };
    spec[where][setting] = `127.0.0.1:${taken.address().port}`;
    const { code, signal, stdout, stderr } = await run(['--config', await file(t, configXml(spec))]);
    assert.equal(signal, null);
    assert.equal(code, 1, stderr);
    assert.ok(!stdout.includes('ready'), stdout);
    assert.ok(stderr.includes(String(taken.address().port)), stderr);
  });
}

test('all addresses: the ready line, calls and the document of the live feeds have one that can be reached', async (t) => {
  const owner = demo();
  const sw = await Switch.start(t, { settings: { listen: '0.0.0.0:0' }, sip: { 'sip-listen': '0.0.0.0:0' }, accounts: [owner], routes: [BUSY] });
  assert.doesNotMatch(sw.stdout, /0\.0\.0\.0/);
  assert.notEqual(sw.sip.split(':')[0], '');
  sw.sip = `127.0.0.1:${sw.sipPort}`;
  await busyCall(t, sw);
  const client = sw.client(owner.token);
  const watch = new Watch(client, callsOf(owner));
  await watch.until((calls) => calls.some((call) => call.service_url === sw.url), `a call of ${sw.url}`);
  const { servers } = (await client.get('/v1/asyncapi.json')).json;
  assert.deepEqual(servers.this.host, new URL(sw.url).host);
  assert.match(sw.stderr, new RegExp(`0\\.0\\.0\\.0:0 is all addresses.*${sw.url}.*service-url`));
});

for (const [url, server] of [['https://calls.example:8443', { host: 'calls.example:8443', protocol: 'wss' }], ['http://calls.example/node7', { host: 'calls.example', pathname: '/node7', protocol: 'ws' }]]) {
  test(`service-url ${url}: in calls and in the documents, whatever is listened on`, async (t) => {
    const owner = demo();
    const sw = await Switch.start(t, { settings: { listen: '0.0.0.0:0', 'service-url': url }, accounts: [owner], routes: [BUSY] });
    await busyCall(t, sw);
    const client = sw.client(owner.token);
    const watch = new Watch(client, callsOf(owner));
    await watch.until((calls) => calls.some((call) => call.service_url === url), `a call of ${url}`);
    const { security, ...said } = (await client.get('/v1/asyncapi.json')).json.servers.this;
    assert.deepEqual(said, server);
    assert.deepEqual((await client.get('/v1/openapi.json')).json.servers, [{ url }]);
    assert.doesNotMatch(sw.stderr, /all addresses/);
  });
}

test('the README\'s configuration reference is what --settings prints', async () => {
  const { code, stdout } = await run(['--settings']);
  assert.equal(code, 0);
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, between] = /<!-- settings: begin -->\n([^]*?)<!-- settings: end -->/.exec(readme);
  assert.equal(between.trim(), stdout.trim(), 'run script/update-readme');
});

test('script/update-readme changes nothing when the documents are current', async () => {
  await promisify(execFile)(join(ROOT, 'script/update-readme'), ['--check'], { env: process.env });
});
