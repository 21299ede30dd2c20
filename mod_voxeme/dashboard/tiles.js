// The four tiles over the table: what is live, how much comes in, how much of it is answered, and what fails and why.

import { STEP_MS, STEPS } from './activity.js';
import { BarChart, LineChart } from './chart.js';
import { element, find, setText } from './dom.js';
import { number, percent, sipReason, span } from './format.js';

const FAILURES = ['busy', 'no-answer', 'failed'];
const JOINED = 4; // steps of the series in one bar
const SHOWN_SIP = 4;

const ago = (steps) => (steps ? `${span(steps * STEP_MS)} ago` : 'now');

export class Tiles {
  #activity;
  #series;
  #bars = [];
  #live; #rate; #failures;

  constructor(activity) {
    this.#activity = activity;
    const point = (key) => (i) => `${number(this.#series[key][i])} · ${ago(STEPS - 1 - i)}`;
    this.#live = new LineChart(find('live-chart'), find('live-reading'), point('live'));
    this.#rate = new LineChart(find('rate-chart'), find('rate-reading'), point('perMinute'));
    this.#failures = new BarChart(find('failures-chart'), find('failures-reading'), (i) => this.#bar(i), FAILURES);
  }

  // What changes with every call: cheap enough for every frame.
  render() {
    const { live } = this.#activity;
    setText(find('live-all'), number(live.all));
    setText(find('live-in'), number(live.inbound));
    setText(find('live-out'), number(live.outbound));
  }

  // What moves with time: once a second.
  tick() {
    this.#series = this.#activity.series();
    const { live, perMinute, failures } = this.#series;
    setText(find('live-top'), number(this.#live.draw(live)));
    setText(find('rate-top'), number(this.#rate.draw(perMinute)));
    this.#bars = join(failures);
    setText(find('failures-top'), number(this.#failures.draw(this.#bars)));
    setText(find('rate'), number(perMinute.at(-1)));
    this.#live.describeAll(`Live calls in the last ten minutes: ${number(live.at(-1))} now, ${number(Math.max(...live))} at most`);
    this.#rate.describeAll(`Calls a minute in the last ten minutes: ${number(perMinute.at(-1))} now, ${number(Math.max(...perMinute))} at most`);
    this.#outcome();
  }

  #outcome() {
    const { ended, answered, failures, sip } = this.#activity.outcome();
    setText(find('answered'), percent(answered, ended));
    setText(find('answered-of'), ended ? `${number(answered)} of ${number(ended)} ended calls` : 'no call has ended');
    find('answered-bar').style.width = `${ended ? (100 * answered) / ended : 0}%`;
    setText(find('failures'), number(ended - answered));
    for (const status of FAILURES) setText(find(`failures-${status}`), number(failures.get(status) ?? 0));
    this.#failures.describeAll(`Failures in the last ten minutes: ${FAILURES.map((s) => `${number(failures.get(s) ?? 0)} ${s}`).join(', ')}`);
    this.#sip([...sip].sort(([a, n], [b, m]) => m - n || a - b).slice(0, SHOWN_SIP));
  }

  #sip(statuses) {
    const list = find('failures-sip');
    const wanted = statuses.map(([status, n]) => `${status || 'unknown'} × ${number(n)}`);
    if (list.dataset.shown === wanted.join()) return;
    list.dataset.shown = wanted.join();
    list.replaceChildren(...wanted.map((text, i) => element('li', { title: sipReason(statuses[i][0]) || undefined }, text)));
  }

  #bar(index) {
    const bar = this.#bars[index];
    const told = FAILURES.filter((status) => bar.get(status)).map((status) => `${number(bar.get(status))} ${status}`);
    return `${told.join(', ') || '0'} · ${ago((this.#bars.length - 1 - index) * JOINED)}`;
  }
}

function join(points) {
  const bars = [];
  for (let i = 0; i < points.length; i += JOINED) {
    const bar = new Map();
    for (const point of points.slice(i, i + JOINED)) for (const [key, n] of point) bar.set(key, (bar.get(key) ?? 0) + n);
    bars.push(bar);
  }
  return bars;
}
