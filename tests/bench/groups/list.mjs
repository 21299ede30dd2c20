// Lists over HTTP beside nginx serving the same bytes as files.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { get, nginx, wrk } from '../lib/http.mjs';
import { host, tempDir } from '../lib/process.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

const SIZES = [4, 100, 1000, 10000];
const BARS = { 4: 1, 100: 1, 1000: 0.95 };

async function compare(table, { rounds, seconds }, { what, bar, ours, theirs, note = '' }) {
  const runs = await alternate(rounds, () => wrk(ours.url, { ...ours, seconds }), () => wrk(theirs.url, { ...theirs, seconds }));
  const rates = (of) => of.map((run) => run.rate), cpu = (of) => median(of.map((run) => run.cpu)).toFixed(2);
  const ratios = runs.ours.map((run, i) => run.rate / runs.theirs[i].rate);
  table.add({
    what, unit: 'rate', ours: median(rates(runs.ours)), reference: { what: 'nginx', value: median(rates(runs.theirs)) },
    ratio: median(ratios), spread: spread(ratios), ...(bar ? { bar: { ratio: bar } } : {}),
    note: `server's CPU a request: ${cpu(runs.ours)} us, nginx ${cpu(runs.theirs)} us${note}`,
  });
}

async function certificate() {
  const dir = await tempDir(), key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
    '-days', '2', '-subj', '/CN=localhost'], { stdio: 'ignore' });
  return { cert, key };
}

const GZIP = { 'Accept-Encoding': 'gzip' };

// nginx has the same bytes as a file of their own (gzip_static): it deflates nothing, as we do while nothing changes.
async function gzip(table, plan, { url, headers, calls }, packed, server, files) {
  const theirs = { url: files.url(`gzip/${calls}`), headers: GZIP, server: files };
  assert.deepEqual((await get(theirs.url, GZIP)).body, packed);
  await compare(table, plan, { what: `list of ${calls}, gzip (${packed.length} B)`, ours: { url, headers: { ...headers, ...GZIP }, server }, theirs });
}

async function tls(table, plan, body) {
  const pair = await certificate();
  const server = await host([100], { settings: { 'tls-cert': pair.cert, 'tls-key': pair.key } });
  const files = await nginx({ 100: body }, pair);
  const [{ url, headers }] = server.accounts;
  await compare(table, plan, { what: 'list of 100, TLS', ours: { url, headers, server }, theirs: { url: files.url('100'), server: files } });
}

export default async function list(table, { quick }) {
  const plan = quick ? { rounds: 5, seconds: 0.2 } : { rounds: 5, seconds: 2 };
  const server = await host(SIZES);
  const bodies = {};
  for (const a of server.accounts) bodies[a.calls] = (await get(a.url, a.headers)).body;
  const thousand = server.accounts.find((a) => a.calls === 1000);
  const sid = JSON.parse(bodies[1000])[500].call_sid;
  const single = `${thousand.url}/${sid}`;
  bodies.single = (await get(single, thousand.headers)).body;
  const packed = {};
  for (const a of server.accounts.filter(({ calls }) => calls === 100 || calls === 1000)) {
    const answer = await get(a.url, { ...a.headers, ...GZIP });
    assert.equal(answer.headers['content-encoding'], 'gzip');
    packed[a.calls] = bodies[`${a.calls}.gz`] = answer.body;
  }
  const files = await nginx(bodies);
  for (const { url, headers, calls } of server.accounts) {
    await compare(table, plan, {
      what: `list of ${calls} (${bodies[calls].length} B)`, bar: BARS[calls],
      ours: { url, headers, server }, theirs: { url: files.url(calls), server: files },
    });
  }
  const { etag } = (await get(thousand.url, thousand.headers)).headers;
  const theirs = (await get(files.url('1000'))).headers.etag;
  await compare(table, plan, {
    what: '304 of an unchanged list of 1000', bar: 1,
    ours: { url: thousand.url, headers: { ...thousand.headers, 'If-None-Match': etag }, server },
    theirs: { url: files.url('1000'), headers: { 'If-None-Match': theirs }, server: files },
  });
  await compare(table, plan, {
    what: `one call (${bodies.single.length} B)`,
    ours: { url: single, headers: thousand.headers, server }, theirs: { url: files.url('single'), server: files },
  });
  for (const a of server.accounts) if (packed[a.calls]) await gzip(table, plan, a, packed[a.calls], server, files);
  await tls(table, plan, bodies[100]);
}
