// Two small charts of evenly spaced points, oldest first, with a reading of the point under the pointer. They are drawn
// into a box of WIDTH by HEIGHT that the page stretches as it likes.

import { setText, svg } from './dom.js';
import { roundUp } from './format.js';

const WIDTH = 240;
const HEIGHT = 48;

const round = (n) => Math.round(n * 100) / 100;

class Chart {
  #marker = svg('line', { class: 'marker', y1: 0, y2: HEIGHT });
  #reading;
  #at; // where the pointer is, 0 to 1

  // root: an svg element; reading: where the value under the pointer is written; describe(index) -> text.
  constructor(root, reading, describe) {
    this.root = root;
    this.#reading = reading;
    this.describe = describe;
    root.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    root.setAttribute('preserveAspectRatio', 'none');
    root.append(this.#marker);
    root.addEventListener('pointermove', (event) => {
      const { left, width } = root.getBoundingClientRect();
      this.#at = Math.min(1, Math.max(0, (event.clientX - left) / width));
      this.read();
    });
    root.addEventListener('pointerleave', () => {
      this.#at = undefined;
      this.read();
    });
    this.read();
  }

  read() {
    const shown = this.#at !== undefined && this.length > 0;
    this.#marker.toggleAttribute('hidden', !shown);
    if (!shown) {
      setText(this.#reading, '');
      return;
    }
    const index = this.index(this.#at);
    const x = this.x(index);
    this.#marker.setAttribute('x1', x);
    this.#marker.setAttribute('x2', x);
    setText(this.#reading, this.describe(index));
  }

  describeAll(text) {
    this.root.setAttribute('aria-label', text);
  }
}

export class LineChart extends Chart {
  #area = svg('path', { class: 'area' });
  #line = svg('path', { class: 'line' });
  #points = [];

  constructor(root, reading, describe) {
    super(root, reading, describe);
    root.prepend(this.#area, this.#line);
  }

  get length() { return this.#points?.length ?? 0; }
  index(at) { return Math.round(at * (this.length - 1)); }
  x(index) { return round((index / (this.length - 1)) * WIDTH); }

  // Draws; returns what the top stands for.
  draw(points) {
    this.#points = points;
    const top = roundUp(Math.max(...points));
    const path = points.map((value, i) => `${this.x(i)} ${round(HEIGHT - (value / top) * (HEIGHT - 2) - 1)}`).join('L');
    this.#line.setAttribute('d', `M${path}`);
    this.#area.setAttribute('d', `M0 ${HEIGHT}L${path}L${WIDTH} ${HEIGHT}Z`);
    this.read();
    return top;
  }
}

export class BarChart extends Chart {
  #series = new Map();
  #bars = [];

  // keys: what a bar is made of, from the bottom up; each is drawn in a class of its name.
  constructor(root, reading, describe, keys) {
    super(root, reading, describe);
    for (const key of keys) {
      const path = svg('path', { class: `bar ${key}` });
      this.#series.set(key, path);
      root.prepend(path);
    }
  }

  get length() { return this.#bars?.length ?? 0; }
  index(at) { return Math.min(this.length - 1, Math.floor(at * this.length)); }
  x(index) { return round(((index + 0.5) / this.length) * WIDTH); }

  // bars: a Map of key to number each.
  draw(bars) {
    this.#bars = bars;
    const top = roundUp(Math.max(...bars.map((bar) => [...bar.values()].reduce((a, b) => a + b, 0))));
    const below = bars.map(() => 0);
    const step = WIDTH / bars.length;
    for (const [key, path] of this.#series) {
      let d = '';
      bars.forEach((bar, i) => {
        const value = bar.get(key) ?? 0;
        if (!value) return;
        const y = round(HEIGHT - ((below[i] + value) / top) * HEIGHT);
        d += `M${round(i * step + 0.5)} ${y}h${round(step - 1)}v${round((value / top) * HEIGHT)}h${round(1 - step)}z`;
        below[i] += value;
      });
      path.setAttribute('d', d);
    }
    this.read();
    return top;
  }
}
