// The table of calls. Only the rows in sight exist; each stays the row of its call for as long as that is in sight.
//
// At its top the table lets new calls come in. It holds still, and says how many calls are newer, while it is scrolled
// away from the top, a row was chosen, or the pointer moves on it and for a little after: then what stands under the eye
// (or the pointer) stays where it is.

import { COLUMNS } from './columns.js';
import { element, find, setText } from './dom.js';
import { number } from './format.js';
import { Row } from './row.js';

const MARGIN = 6; // rows kept beyond each edge
const AIM_MS = 4000; // a pointer that has not moved for so long aims at nothing

export class CallTable {
  #grid = find('calls');
  #body = find('calls-body');
  #newer = find('newer');
  #empty = find('no-calls');
  #visible; #clock; #open; #request;
  #rows = new Map(); // entry -> Row
  #spare = [];
  #active; // the entry that keys move from
  #anchor; // {entry, offset, scrollTop}: the first row in sight, as last drawn
  #newest; // the entry on top when the table began to hold still
  #aiming = 0; // the timer that ends it
  #scrolled = false;
  #scrollTop = 0;
  #rowHeight = 28;
  #headHeight = 28;
  #height = 0;

  // open(entry, byKey): shows the details; request(): asks for a frame.
  constructor(visible, clock, { open, request }) {
    this.#visible = visible;
    this.#clock = clock;
    this.#open = open;
    this.#request = request;
    const head = COLUMNS.map(({ name, heading }) => element('div', { role: 'columnheader', class: `cell ${name}` }, heading));
    find('calls-head').append(element('div', { role: 'row', class: 'row', 'aria-rowindex': 1 }, ...head));
    this.#grid.setAttribute('aria-colcount', COLUMNS.length);
    this.#listen();
  }

  get active() { return this.#active; }

  focus() { this.#grid.focus({ preventScroll: true }); }

  // Other calls are shown: from the top.
  restart() {
    this.#anchor = undefined;
    this.#scrolled = false;
    this.#scrollTo(0);
    this.#request();
  }

  // To the newest calls, and along with them.
  release() {
    this.#active = undefined;
    this.restart();
  }

  select(entry) {
    this.#active = entry;
    this.#reveal();
    this.#request();
  }

  render() {
    const { order } = this.#visible;
    const count = order.length;
    this.#keep(order);
    const first = Math.max(0, Math.floor(this.#scrollTop / this.#rowHeight) - MARGIN);
    const last = Math.min(count, Math.ceil((this.#scrollTop + this.#height) / this.#rowHeight) + MARGIN);
    const now = this.#clock.now();
    this.#draw(order, first, last, now);
    this.#describe(count);
    this.#remember(order);
  }

  #listen() {
    const grid = this.#grid;
    new ResizeObserver(() => this.#measure()).observe(grid);
    grid.addEventListener('scroll', () => {
      this.#scrollTop = grid.scrollTop;
      this.#request();
    }, { passive: true });
    // Rows that pass under a pointer at rest make browsers tell of moves by nothing.
    grid.addEventListener('pointermove', ({ movementX, movementY }) => { if (movementX || movementY) this.#aim(AIM_MS); });
    grid.addEventListener('pointerdown', () => this.#aim(AIM_MS));
    grid.addEventListener('pointerleave', () => this.#aim(0));
    for (const name of ['focus', 'blur']) grid.addEventListener(name, () => this.#request());
    grid.addEventListener('keydown', (event) => this.#key(event));
    this.#body.addEventListener('click', ({ target }) => {
      const id = target.closest('.row')?.id;
      const row = [...this.#rows.values()].find(({ root }) => root.id === id);
      if (!row) return;
      this.#active = row.entry;
      this.#open(row.entry, false);
      this.#request();
    });
    this.#newer.addEventListener('click', () => this.release());
  }

  #aim(ms) {
    clearTimeout(this.#aiming);
    this.#aiming = ms ? setTimeout(() => this.#aim(0), ms) : 0;
    this.#request();
  }

  #measure() {
    const style = getComputedStyle(this.#grid);
    this.#rowHeight = parseFloat(style.getPropertyValue('--row-height')) || 28;
    this.#headHeight = find('calls-head').offsetHeight;
    this.#height = this.#grid.clientHeight;
    this.#request();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { order } = this.#visible;
    const page = Math.max(1, Math.floor((this.#height - this.#headHeight) / this.#rowHeight) - 1);
    const top = this.#anchor ? order.rank(this.#anchor.entry) : 0;
    const at = this.#active ? order.rank(this.#active) : top - 1;
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, End: order.length - 1 };
    if (event.key in moves && order.length) {
      this.select(order.at(Math.min(order.length - 1, Math.max(0, moves[event.key]))));
      this.#open(this.#active, false, true);
    } else if (event.key === 'Home') {
      this.release();
    } else if ((event.key === 'Enter' || event.key === ' ') && order.length) {
      if (!this.#active) this.select(order.at(top));
      this.#open(this.#active, true);
    } else {
      return;
    }
    event.preventDefault();
  }

  // Scrolls as far as it needs for the active row to be seen.
  #reveal() {
    const top = this.#visible.order.rank(this.#active) * this.#rowHeight;
    const space = this.#height - this.#headHeight;
    this.#stretch(this.#visible.length);
    if (top < this.#scrollTop) this.#scrollTo(top);
    else if (top + this.#rowHeight > this.#scrollTop + space) this.#scrollTo(top + this.#rowHeight - space);
    this.#anchor = undefined;
    this.#scrolled = this.#scrollTop > 0;
  }

  // To ask for scrollTop makes the browser lay the page out: it is asked once after each change of it.
  #scrollTo(top) {
    if (top === this.#scrollTop) return;
    this.#grid.scrollTop = top;
    this.#scrollTop = this.#grid.scrollTop;
  }

  #stretch(count) {
    const height = `${count * this.#rowHeight}px`;
    if (this.#body.style.height !== height) this.#body.style.height = height;
  }

  // Scrolls along with what stands at the top, when the table is to hold still.
  #keep(order) {
    this.#stretch(order.length);
    const moved = this.#anchor ? this.#scrollTop - this.#anchor.scrollTop : 0;
    if (moved) this.#scrolled = this.#scrollTop > 0;
    if (!this.#holds()) this.#scrollTo(0);
    else if (this.#anchor) this.#scrollTo(order.rank(this.#anchor.entry) * this.#rowHeight + this.#anchor.offset + moved);
  }

  #holds() { return this.#scrolled || this.#aiming || Boolean(this.#active && document.activeElement === this.#grid); }

  #draw(order, first, last, now) {
    const wanted = new Set();
    for (let i = first; i < last; i++) wanted.add(order.at(i));
    for (const [entry, row] of this.#rows) {
      if (wanted.has(entry)) continue;
      this.#rows.delete(entry);
      row.mark(false);
      this.#spare.push(row);
    }
    let index = first;
    for (const entry of wanted) {
      const row = this.#rows.get(entry) ?? this.#take(entry);
      row.show(entry, now);
      row.place(index++, this.#rowHeight);
      row.mark(entry === this.#active);
    }
    for (const row of this.#spare) row.root.hidden = true;
  }

  #take(entry) {
    let row = this.#spare.pop();
    if (!row) {
      row = new Row();
      this.#body.append(row.root);
    }
    row.root.hidden = false;
    this.#rows.set(entry, row);
    return row;
  }

  #describe(count) {
    const row = this.#rows.get(this.#active);
    if (row) this.#grid.setAttribute('aria-activedescendant', row.root.id);
    else this.#grid.removeAttribute('aria-activedescendant');
    this.#grid.setAttribute('aria-rowcount', count + 1);
    this.#empty.hidden = count > 0;
  }

  #remember(order) {
    const scrollTop = this.#scrollTop;
    const index = Math.floor(scrollTop / this.#rowHeight);
    const entry = order.at(index);
    this.#anchor = entry && { entry, offset: scrollTop - index * this.#rowHeight, scrollTop };
    if (!this.#holds() || scrollTop < this.#rowHeight) this.#newest = order.at(0);
    const newer = this.#newest ? Math.min(order.rank(this.#newest), index) : 0;
    this.#newer.hidden = newer === 0;
    if (newer) setText(this.#newer, `↑ ${number(newer)} newer`);
  }
}
