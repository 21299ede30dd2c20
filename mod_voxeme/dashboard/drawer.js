// Everything about one call: its time line, the legs that belong to it, and each field the server gives. It follows the
// call, and keeps its last state when the server has forgotten it.
//
// Where there is no room for it beside the table (style.css says where) it lies over the page: then it is a dialog, and the
// rest of the page is out of reach until it closes.

import { isLive, startedAt, statusClass, talkTime, timeOf } from './calls.js';
import { element, find, setText } from './dom.js';
import { giveBack, goRound, isolate } from './focus.js';
import { dateTime, offset, shortSid, span } from './format.js';

const REPORTED = { attempted_at: 'Started', answered_at: 'Answered', terminated_at: 'Ended' };

// What is known of the call's past, in order: [{at, label, detail}].
export function timeLine({ call, seen }) {
  const points = Object.entries(REPORTED)
    .map(([key, label]) => ({ at: timeOf(call, key), label, detail: '' }))
    .filter(({ at }) => !Number.isNaN(at));
  for (const { status, at } of seen) {
    if (status === 'ringing' || status === 'early-media' || status === 'queued') points.push({ at, label: status, detail: 'as seen here' });
  }
  const ended = points.find(({ label }) => label === 'Ended');
  if (ended) ended.detail = [call.sip_status, call.sip_reason, call.termination_reason].filter(Boolean).join(' · ');
  return points.sort((a, b) => a.at - b.at);
}

function written(key, value) {
  if (value === '') return '(empty)';
  if (typeof value === 'object' && value !== null) return JSON.stringify(value, null, 1);
  return key === 'duration' ? `${value} s` : String(value);
}

export class Drawer {
  #root = find('drawer');
  #store; #clock; #controls; #chosen; #closed;
  #entry;
  #shown; // the call as it was last written
  #relatives = '';
  #before; // what had the focus

  // chosen(entry): another leg is to be shown; closed(): the drawer has gone.
  constructor(store, clock, controls, { chosen, closed }) {
    this.#store = store;
    this.#clock = clock;
    this.#controls = controls;
    this.#chosen = chosen;
    this.#closed = closed;
    find('drawer-close').addEventListener('click', () => this.close());
    this.#root.addEventListener('keydown', (event) => {
      if (event.key === 'Tab' && this.covers) goRound(this.#root, event);
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close();
    });
    // Only beside it can something be hit that holds it.
    document.addEventListener('click', ({ target }) => { if (this.covers && target !== this.#root && target.contains(this.#root)) this.close(); });
    window.addEventListener('resize', () => { if (this.isOpen) this.#arrange(); });
  }

  get isOpen() { return !this.#root.hidden; }

  // Whether it lies over the page when it is open, and whether it does so now.
  get overlays() { return getComputedStyle(this.#root).position === 'fixed'; }
  get covers() { return this.isOpen && this.overlays; }

  get entry() { return this.#entry; }

  open(entry, focus) {
    this.#entry = entry;
    this.#shown = undefined;
    this.#root.hidden = false;
    this.render();
    if (focus) this.#enter();
    this.#arrange();
  }

  close() {
    if (!this.isOpen) return;
    const hadFocus = this.#holdsFocus || document.activeElement === document.body;
    this.#root.hidden = true;
    this.#arrange();
    this.#entry = undefined;
    this.#controls.leave();
    if (hadFocus) giveBack(this.#before);
    this.#before = undefined;
    this.#closed();
  }

  render() {
    if (!this.isOpen) return;
    const { call } = this.#entry;
    if (this.#shown !== call) this.#write(call);
    this.#legs(call);
    this.#tick(call);
    this.#controls.render(this.#entry, this.#isGone);
  }

  get #holdsFocus() { return this.#root.contains(document.activeElement); }

  #enter() {
    if (!this.#holdsFocus) this.#before = document.activeElement;
    find('drawer-close').focus();
  }

  #arrange() {
    const { covers } = this;
    if (covers && !this.#holdsFocus) this.#enter();
    isolate(this.#root, find('dashboard'), covers);
    this.#root.setAttribute('role', covers ? 'dialog' : 'complementary');
    if (covers) this.#root.setAttribute('aria-modal', true);
    else this.#root.removeAttribute('aria-modal');
  }

  get #isGone() { return this.#store.get(this.#entry.call.call_sid) !== this.#entry; }

  #write(call) {
    this.#shown = call;
    setText(find('drawer-title'), `${call.from || 'unknown'} → ${call.to || 'unknown'}`);
    setText(find('drawer-status'), call.call_status);
    find('drawer-status').className = `status ${statusClass(call.call_status)}`;
    setText(find('drawer-sip'), [call.sip_status, call.sip_reason].filter(Boolean).join(' '));
    find('drawer-fields').replaceChildren(...Object.keys(call).sort().flatMap((key) => [
      element('dt', {}, key), element('dd', {}, written(key, call[key])),
    ]));
    const points = timeLine(this.#entry);
    find('drawer-times').replaceChildren(...points.map(({ at, label, detail }, i) => element('li', {},
      element('span', { class: 'label' }, label),
      element('time', { datetime: new Date(at).toISOString() }, i ? offset(at - points[0].at) : dateTime(at)),
      element('span', { class: 'detail' }, detail))));
  }

  // Parts of the bar: how long it took to be answered, and how long it was talked.
  #tick(call) {
    find('drawer-gone').hidden = !this.#isGone;
    const now = this.#clock.now();
    const started = startedAt(call, now);
    const end = isLive(call) ? now : timeOf(call, 'terminated_at') || now;
    const talk = talkTime(call, now) ?? 0;
    const whole = Math.max(1, end - started);
    find('bar-setup').style.width = `${(100 * (whole - talk)) / whole}%`;
    find('bar-talk').style.width = `${(100 * talk) / whole}%`;
    setText(find('drawer-setup'), `setup ${span(whole - talk)}`);
    setText(find('drawer-talk'), talkTime(call, now) === undefined ? 'not answered' : `talk ${span(talk)}`);
  }

  #legs(call) {
    const parent = call.parent_call_sid && this.#store.get(call.parent_call_sid);
    const legs = [...(parent ? [{ entry: parent, label: 'dialled by' }] : []),
      ...this.#store.childrenOf(call.call_sid).map((entry) => ({ entry, label: 'dialled' }))];
    const relatives = legs.map(({ entry, label }) => `${label} ${entry.call.call_sid} ${entry.call.call_status}`).join();
    if (relatives === this.#relatives) return;
    this.#relatives = relatives;
    find('drawer-legs-part').hidden = legs.length === 0;
    find('drawer-legs').replaceChildren(...legs.map(({ entry, label }) => element('li', {}, `${label} `,
      element('button', { type: 'button', class: 'link', onclick: () => this.#chosen(entry) },
        `${entry.call.from} → ${entry.call.to} (${entry.call.call_status}, ${shortSid(entry.call.call_sid)})`))));
  }
}
