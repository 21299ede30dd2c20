// Medians, spreads, and how a cost grows.

export const median = (values) => {
  const v = [...values].sort((a, b) => a - b), middle = v.length >> 1;
  return v.length % 2 ? v[middle] : (v[middle - 1] + v[middle]) / 2;
};

export const spread = (values) => [Math.min(...values), Math.max(...values)];

// The exponent k of cost = c * size^k that fits best (least squares of the logarithms).
export function exponent(sizes, costs) {
  const x = sizes.map(Math.log), y = costs.map(Math.log);
  const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
  const mx = mean(x), my = mean(y);
  return x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0) / x.reduce((sum, v) => sum + (v - mx) ** 2, 0);
}

// Runs a and b turn about, `rounds` times each, so that whatever drifts does so for both.
export async function alternate(rounds, a, b) {
  const ours = [], theirs = [];
  for (let round = 0; round < rounds; round++) {
    for (const first of round % 2 ? [false, true] : [true, false]) {
      if (first) ours.push(await a());
      else theirs.push(await b());
    }
  }
  return { ours, theirs };
}
