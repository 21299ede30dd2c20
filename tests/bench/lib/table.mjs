// The table: one row a figure, beside its reference and its bar.

const units = {
  rate: (v) => (v >= 1e6 ? `${(v / 1e6).toFixed(2)}M/s` : v >= 1e4 ? `${(v / 1e3).toFixed(1)}k/s` : v >= 100 ? `${v.toFixed(0)}/s` : `${v.toFixed(2)}/s`),
  ns: (v) => (v < 1e3 ? `${v.toFixed(0)} ns` : v < 1e6 ? `${(v / 1e3).toFixed(2)} us` : v < 1e9 ? `${(v / 1e6).toFixed(2)} ms` : `${(v / 1e9).toFixed(2)} s`),
  bytes: (v) => (v < 10000 ? `${v.toFixed(0)} B` : `${(v / 1024).toFixed(1)} KiB`),
  count: (v) => v.toFixed(0),
};
export const format = (value, unit) => (value === undefined || value === null ? '-' : units[unit](value));

const judge = ({ bar, ratio, ours }) =>
  (bar.ratio !== undefined ? ratio >= bar.ratio : bar.mostRatio !== undefined ? ratio <= bar.mostRatio : ours <= bar.most);
const barText = (bar, unit) =>
  (!bar ? '' : bar.ratio !== undefined ? `>= ${bar.ratio}` : `<= ${bar.mostRatio ?? format(bar.most, unit)}`);

const number = (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(3));

export class Table {
  rows = [];
  #group; #others;

  // others: how many cores were busy with something else when the group began.
  group(name, others) {
    this.#group = name;
    this.#others = others;
    console.log(`\n-- ${name} (busy elsewhere: ${others.toFixed(1)} cores)`);
  }

  // what; unit; ours; reference: {what, value}; ratio (ours to the reference); spread: [least, most] of the
  // ratio, or of ours where there is no ratio; bar: {ratio: at least},
  // {mostRatio: at most} or {most: of ours}; note.
  add(row) {
    const judged = row.bar && judge(row);
    const full = { group: this.#group, busy_elsewhere: this.#others, ...row, ...(judged === undefined ? {} : { met: judged }) };
    this.rows.push(full);
    this.#print(full);
  }

  // A row that cannot be had here.
  skip(what, why) {
    const row = { group: this.#group, what, skipped: why };
    this.rows.push(row);
    console.log(`${what.padEnd(54)} skipped: ${why}`);
  }

  static head() {
    console.log(`${'what'.padEnd(54)} ${'ours'.padStart(10)}  ${'reference'.padEnd(34)} ${'ratio'.padStart(7)} ${'(least - most)'.padEnd(19)} ${'bar'.padEnd(11)} met`);
  }

  #print({ what, unit, ours, reference, ratio, spread, bar, met, note }) {
    const ratioText = ratio === undefined ? '' : number(ratio);
    const spreadText = spread ? `(${spread.map((v) => (ratio === undefined ? format(v, unit) : number(v))).join(' - ')})` : '';
    console.log(`${what.padEnd(54)} ${format(ours, unit).padStart(10)}  ${(reference ? `${reference.value === undefined ? '' : `${format(reference.value, reference.unit ?? unit)} `}${reference.what}` : '').padEnd(34)} `
      + `${ratioText.padStart(7)} ${spreadText.padEnd(19)} ${barText(bar, unit).padEnd(11)} ${met === undefined ? '' : met ? 'yes' : 'NO'}`.trimEnd());
    if (note) console.log(`    ${note}`);
  }

  get missed() { return this.rows.filter((row) => row.met === false); }
}
