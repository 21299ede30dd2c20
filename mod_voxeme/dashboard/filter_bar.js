// Search, direction, statuses and, for admin tokens, the account.

import { accountOf, ENDED_STATUSES, LIVE_STATUSES, STATUSES, UNASSIGNED } from './calls.js';
import { element, find, setText } from './dom.js';
import { number } from './format.js';

// "queued" is a state of calls that wait for an outbound slot; most servers never show it.
const RARE = new Set(['queued']);

export class FilterBar {
  #search = find('search');
  #picker = find('account-picker');
  #chips = new Map(); // status -> {button, count}
  #accounts = new Map(); // account -> number of calls
  #changedAccounts = false;
  #changed;
  state = { account: '', direction: '', statuses: new Set(), query: '' };

  constructor(store, changed) {
    this.#changed = changed;
    store.listen(this);
    this.#search.addEventListener('input', () => this.#set({ query: this.#search.value }));
    this.#picker.addEventListener('change', () => this.#set({ account: this.#picker.value }));
    for (const button of find('directions').querySelectorAll('button')) {
      button.addEventListener('click', () => {
        this.#set({ direction: this.state.direction === button.value ? '' : button.value });
      });
    }
    find('statuses').append(...STATUSES.map((status) => this.#chip(status)));
    find('only-live').addEventListener('click', () => this.#toggle(LIVE_STATUSES));
    find('only-ended').addEventListener('click', () => this.#toggle(ENDED_STATUSES));
    find('clear-filters').addEventListener('click', () => this.clear());
    this.#press();
  }

  focus() {
    this.#search.focus();
    this.#search.select();
  }

  clear() {
    this.#search.value = '';
    this.#set({ direction: '', statuses: new Set(), query: '' });
  }

  reset() {
    this.#accounts.clear();
    this.#changedAccounts = true;
    this.state.account = '';
    this.clear();
  }

  // admin: whether there is an account to choose.
  offerAccounts(admin) { find('account-choice').hidden = !admin; }

  // The accounts that calls have been seen of.
  get accounts() { return [...this.#accounts.keys()].filter((account) => account !== UNASSIGNED).sort(); }

  // byStatus: Map of status to number of calls.
  render(byStatus) {
    for (const [status, { button, count }] of this.#chips) {
      const n = byStatus.get(status) ?? 0;
      setText(count, number(n));
      if (RARE.has(status)) button.hidden = n === 0 && !this.state.statuses.has(status);
    }
    if (this.#changedAccounts) this.#offer();
  }

  entered({ call }) { this.#count(accountOf(call), 1); }
  left({ call }) { this.#count(accountOf(call), -1); }

  changed({ call }, before) {
    if (accountOf(call) === accountOf(before)) return;
    this.#count(accountOf(before), -1);
    this.#count(accountOf(call), 1);
  }

  #count(account, by) {
    // An account stays on offer when its last call has gone: nobody's choice vanishes.
    if (!this.#accounts.has(account)) this.#changedAccounts = true;
    this.#accounts.set(account, (this.#accounts.get(account) ?? 0) + by);
  }

  #offer() {
    this.#changedAccounts = false;
    const known = [...this.#accounts.keys()].sort((a, b) => (a === UNASSIGNED) - (b === UNASSIGNED) || (a < b ? -1 : 1));
    this.#picker.replaceChildren(
      element('option', { value: '' }, 'All accounts'), ...known.map((account) => element('option', { value: account }, account)));
    this.#picker.value = this.state.account;
  }

  #chip(status) {
    const count = element('span', { class: 'count' }, '0');
    const button = element('button', { type: 'button', class: `chip status ${status}`, hidden: RARE.has(status) }, element('span', { class: 'dot' }), `${status} `, count);
    button.addEventListener('click', () => {
      const statuses = new Set(this.state.statuses);
      if (!statuses.delete(status)) statuses.add(status);
      this.#set({ statuses });
    });
    this.#chips.set(status, { button, count });
    return button;
  }

  #toggle(group) { this.#set({ statuses: this.#is(group) ? new Set() : new Set(group) }); }

  #is(group) {
    const { statuses } = this.state;
    return statuses.size === group.length && group.every((status) => statuses.has(status));
  }

  #set(change) {
    const accountChanged = 'account' in change;
    this.state = { ...this.state, ...change };
    this.#press();
    this.#changed(this.state, accountChanged);
  }

  #press() {
    const { direction, statuses, query } = this.state;
    for (const button of find('directions').querySelectorAll('button')) button.setAttribute('aria-pressed', button.value === direction);
    for (const [status, { button }] of this.#chips) button.setAttribute('aria-pressed', statuses.has(status));
    find('only-live').setAttribute('aria-pressed', this.#is(LIVE_STATUSES));
    find('only-ended').setAttribute('aria-pressed', this.#is(ENDED_STATUSES));
    find('clear-filters').hidden = !direction && statuses.size === 0 && !query;
  }
}
