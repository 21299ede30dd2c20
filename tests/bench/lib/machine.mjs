// What the figures were taken on, and how quiet it was.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

function busy() {
  const fields = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number);
  const [user, nice, system, idle, iowait, irq, softirq, steal] = fields;
  return { busy: user + nice + system + irq + softirq + steal, all: user + nice + system + idle + iowait + irq + softirq + steal };
}

// Cores that others keep busy, looked at while the bench itself does nothing.
export async function busyElsewhere(ms = 500) {
  const before = busy();
  await new Promise((resolve) => { setTimeout(resolve, ms); });
  const after = busy();
  return (cpus().length * (after.busy - before.busy)) / Math.max(1, after.all - before.all);
}

const version = (command, args, pattern) => {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return pattern.exec(text)?.[1] ?? '?';
  } catch { return 'none'; }
};
const package_ = (name) => version('dpkg-query', ['-W', '-f', '${Version}', name], /^(.*)$/m);

export function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(), system: /^PRETTY_NAME="(.*)"/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
    load: loadavg().map((v) => Number(v.toFixed(2))),
    commit: version('git', ['describe', '--always', '--dirty'], /^(.*)$/m),
    versions: {
      node: process.version, nginx: package_('nginx'), wrk: package_('wrk'), redis: package_('redis-server'),
      hiredis: package_('libhiredis-dev'), libwebsockets: package_('libwebsockets-dev'), 'sofia-sip': package_('libsofia-sip-ua-dev'),
      sipp: package_('sip-tester'),
    },
  };
}
