// One row of the table that stands for one call after another.

import { statusClass } from './calls.js';
import { COLUMNS } from './columns.js';
import { element } from './dom.js';

let rows = 0;

export class Row {
  #cells = COLUMNS.map(({ name }) => element('div', { role: 'gridcell', class: `cell ${name}` }));
  #texts = COLUMNS.map(() => '');
  #class = '';
  #top = -1;
  #index = -1;
  root = element('div', { role: 'row', class: 'row', id: `row-${rows++}` }, ...this.#cells);
  entry;

  show(entry, now) {
    this.entry = entry;
    const { call_status: status } = entry.call;
    for (let i = 0; i < COLUMNS.length; i++) {
      const text = COLUMNS[i].text(entry, now);
      if (text === this.#texts[i]) continue;
      this.#texts[i] = text;
      this.#cells[i].textContent = text;
    }
    const name = `row status ${statusClass(status)}`;
    if (name !== this.#class) this.root.className = this.#class = name;
  }

  place(index, height) {
    if (index !== this.#index) this.root.setAttribute('aria-rowindex', index + 2); // the headings are row 1
    this.#index = index;
    if (index * height === this.#top) return;
    this.#top = index * height;
    this.root.style.transform = `translateY(${this.#top}px)`;
  }

  mark(active) {
    if (this.root.hasAttribute('aria-selected') === active) return;
    if (active) this.root.setAttribute('aria-selected', 'true');
    else this.root.removeAttribute('aria-selected');
  }
}
