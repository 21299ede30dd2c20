// Reads Prometheus text.

import assert from 'node:assert/strict';

// Sum of all samples of a metric, whatever their labels; with `labels` (a string such as
// 'reason="idle"') only of those that carry it. Undefined when there is none.
export function metric(text, name, labels = '') {
  let sum;
  for (const line of text.split('\n')) {
    const m = /^([a-zA-Z_:][\w:]*)(\{(.*)\})? ([-+0-9.eE]+|NaN)$/.exec(line);
    if (m && m[1] === name && (m[3] ?? '').includes(labels)) sum = (sum ?? 0) + Number(m[4]);
  }
  return sum;
}

export async function read(client, name, labels) {
  const answer = await client.get('/metrics');
  assert.equal(answer.status, 200, answer.text);
  const value = metric(answer.text, name, labels);
  assert.notEqual(value, undefined, `no metric ${name}${labels ? `{${labels}}` : ''} in\n${answer.text}`);
  return value;
}
