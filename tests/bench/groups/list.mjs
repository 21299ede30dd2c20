// Lists over HTTP beside nginx serving the same bytes as files.

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

async function gzip(table, plan, account, server, files) {
  const headers = { ...account.headers, 'Accept-Encoding': 'gzip' };
  const answer = await get(account.url, headers);
  if (answer.headers['content-encoding'] !== 'gzip') {
    table.skip('list of 1000, gzip', 'not served compressed');
    return;
  }
  await compare(table, plan, {
    what: 'list of 1000, gzip', ours: { url: account.url, headers, server }, note: '; nginx compresses each answer, at level 1',
    theirs: { url: files.url('gzip/1000'), headers: { 'Accept-Encoding': 'gzip' }, server: files },
  });
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
  await gzip(table, plan, thousand, server, files);
  await tls(table, plan, bodies[100]);
}
