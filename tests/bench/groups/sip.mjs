// voxeme-switch beside sofia-sip answering calls and keeping nothing.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { account, configXml, route } from '../../e2e/lib/config.mjs';
import { freePort } from '../../e2e/lib/ports.mjs';
import { BUILD, CLIENT_CORE, Program, SERVER_CORE, bench, tempDir } from '../lib/process.mjs';
import { alternate, median, spread } from '../lib/stats.mjs';

const AT_ONCE = 20;

async function voxemeSwitch() {
  const file = join(await tempDir(), 'voxeme.conf.xml');
  await writeFile(file, configXml({
    settings: { listen: '127.0.0.1:0', 'retention-seconds': 600, 'log-level': 'error' },
    accounts: [account('bench', { sources: ['127.0.0.0/8'] })],
    sip: { 'sip-listen': '127.0.0.1:0' }, routes: [route('.*', 'answer')],
  }));
  const program = new Program(`${BUILD}/voxeme-switch`, ['--config', file], { core: SERVER_CORE });
  const port = Number(/sip:.*:(\d+)$/.exec(await program.line())[1]);
  return { program, port };
}

async function empty() {
  const program = bench('uas', [await freePort()], { core: SERVER_CORE });
  return { program, port: (await program.json()).port };
}

// SIPp's own caller: INVITE, ACK, BYE, so many calls at a time as fast as they are answered.
async function run({ program, port }, calls) {
  const cwd = await tempDir(), cpu = program.cpu(), began = process.hrtime.bigint();
  const sipp = new Program('sipp', [`127.0.0.1:${port}`, '-sn', 'uac', '-i', '127.0.0.1', '-p', await freePort(), '-m', calls, '-r', 100000, '-l', AT_ONCE,
    '-d', 0, '-nostdin', '-skip_rlimit', '-recv_timeout', 10000], { core: CLIENT_CORE, cwd });
  await sipp.text();
  const { code } = await sipp.exited();
  await sipp.stop();
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (code !== 0) throw new Error(`sipp ended with ${code}: ${sipp.stderr}`);
  return { rate: calls / seconds, cpu: ((program.cpu() - cpu) * 1e6) / calls };
}

export default async function sip(table, { quick }) {
  const calls = quick ? 1000 : 6000, ours = await voxemeSwitch(), bare = await empty();
  await run(ours, 200);
  await run(bare, 200);
  const runs = await alternate(quick ? 3 : 5, () => run(ours, calls), () => run(bare, calls));
  const ratios = runs.ours.map((r, i) => r.rate / runs.theirs[i].rate), cpu = (of) => median(of.map((r) => r.cpu));
  table.add({
    what: 'SIP calls answered and ended', unit: 'rate', ours: median(runs.ours.map((r) => r.rate)),
    reference: { what: 'sofia-sip alone', value: median(runs.theirs.map((r) => r.rate)) }, ratio: median(ratios), spread: spread(ratios),
    note: `CPU a call: ${cpu(runs.ours).toFixed(0)} us, sofia-sip alone ${cpu(runs.theirs).toFixed(0)} us; SIPp, ${AT_ONCE} calls at a time over UDP`,
  });
}
