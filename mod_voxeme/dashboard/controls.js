// The buttons that tell a call something. Nothing is taken for done before the server has said so, and what becomes of the
// call is seen in the feed alone; what the server refuses is shown in its own words.
//
// Everything is asked first, but who is asked a hundred times a day answers without reading: all but hanging up, which
// cannot be undone, is done at once for who chooses so. What became of it is said, always: with the buttons, or in a notice
// that names the call when that is not in view any more.

import { isLive } from './calls.js';
import { COMMANDS, commandsFor, isDigit, KEYS, MOST_DIGITS } from './commands.js';
import { element, find, setText } from './dom.js';
import { clockTime } from './format.js';

// One thing at a time; but a call can always be hung up, and digits wait for their turn by themselves.
const isBusy = ({ pending }, name) => (name === 'hangup' ? pending.has(name) : name !== 'dtmf' && pending.size > 0);

export class Controls {
  #root = find('controls');
  #keypad = find('keypad');
  #buttons = new Map(); // name -> button
  #states = new WeakMap(); // entry -> {pending (Set of names), done, at, refusal, keypad, digits}
  #tell; #confirm; #notices;
  #era = {}; // another one begins when somebody signs out
  #abilities = new Set(); // what the server can do, once that is known; undefined: it does not say
  #entry;
  #asking; // the entry that a question stands open for
  #asksAll = true;

  // tell(call, change) resolves with {status, msg}; confirm: a Confirm; notices: Notices.
  constructor(tell, confirm, notices) {
    this.#tell = tell;
    this.#confirm = confirm;
    this.#notices = notices;
    for (const { name, label } of COMMANDS) {
      const button = element('button', { type: 'button', id: `control-${name}`, class: name === 'hangup' ? 'danger' : 'quiet' }, label);
      button.addEventListener('click', () => this.#press(name));
      this.#buttons.set(name, button);
    }
    find('control-buttons').append(...this.#buttons.values());
    this.#buttons.get('dtmf').setAttribute('aria-controls', 'keypad');
    this.#keypad.append(...KEYS.map((key) => element('button', { type: 'button', class: 'quiet', value: key, onclick: () => this.#dial(key) }, key)));
    this.#keypad.addEventListener('keydown', (event) => {
      if (!isDigit(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.#dial(event.key);
    });
  }

  // abilities: a Set of commands, or undefined.
  allow(abilities) {
    this.#abilities = abilities;
    this.#draw();
  }

  // Whether more than hanging up is asked first.
  askAll(all) { this.#asksAll = all; }

  // What is on its way has nobody to be told to any more.
  forget() {
    this.#era = {};
    this.#notices.clear();
  }

  // The call whose details are shown; gone: the server no longer lists it.
  render(entry, gone) {
    if (this.#entry !== entry) this.#notices.seen(entry);
    this.#entry = entry;
    if (this.#asking && (this.#asking !== entry || gone || !isLive(entry.call))) this.#confirm.close();
    this.#draw(gone);
  }

  leave() {
    this.#entry = undefined;
    if (this.#asking) this.#confirm.close();
  }

  #state(entry) {
    if (!this.#states.has(entry)) this.#states.set(entry, { pending: new Set(), done: '', at: 0, refusal: '', keypad: false, digits: '' });
    return this.#states.get(entry);
  }

  #draw(gone = false) {
    if (!this.#entry) return;
    const state = this.#state(this.#entry);
    const offered = new Set(gone ? [] : commandsFor(this.#entry.call, this.#abilities).map(({ name }) => name));
    this.#keepFocus(offered, state);
    for (const { name, label } of COMMANDS) {
      const button = this.#buttons.get(name);
      button.hidden = !offered.has(name);
      setText(button, state.pending.has(name) && name !== 'dtmf' ? `${label} …` : label);
      button.setAttribute('aria-busy', state.pending.has(name));
      button.setAttribute('aria-disabled', isBusy(state, name));
    }
    this.#buttons.get('dtmf').setAttribute('aria-expanded', state.keypad);
    this.#keypad.hidden = !state.keypad || !offered.has('dtmf');
    setText(find('control-done'), state.done);
    find('confirmed').hidden = offered.size === 0;
    find('control-done').classList.toggle('confirmed', state.at > 0);
    setText(find('control-at'), state.at ? clockTime(state.at) : '');
    setText(find('control-waiting'), state.digits && `then ${state.digits}`);
    setText(find('control-refusal'), state.refusal);
    this.#root.hidden = offered.size === 0 && !state.done && !state.refusal;
  }

  // A button that goes must not take the focus with it.
  #keepFocus(offered, state) {
    const focused = document.activeElement;
    if (!this.#root.contains(focused) || (focused.id === 'confirmed' && offered.size)) return;
    const stays = this.#keypad.contains(focused) ? offered.has('dtmf') && state.keypad
      : [...this.#buttons].some(([name, button]) => button === focused && offered.has(name));
    if (!stays) find('drawer-close').focus();
  }

  async #press(name) {
    const entry = this.#entry, state = this.#state(entry);
    if (isBusy(state, name) || this.#asking) return;
    if (!(name === 'dtmf' && state.keypad) && !await this.#isWanted(entry, name)) return;
    if (name === 'dtmf') {
      state.keypad = !state.keypad;
      this.#draw();
      if (state.keypad) this.#keypad.querySelector('button').focus();
      return;
    }
    state.refusal = '';
    await this.#perform(entry, name);
  }

  // The keypad is asked for once, when it is opened: digits follow each other as they are pressed.
  async #isWanted(entry, name) {
    const { label, question, agree = label } = COMMANDS.find((command) => command.name === name), dangerous = name === 'hangup';
    if (!dangerous && !this.#asksAll) return true;
    const { from, to, call_status: status } = entry.call;
    this.#asking = entry;
    const yes = await this.#confirm.ask({
      title: question, text: `${from || 'unknown'} → ${to || 'unknown'}, ${status}`, yes: agree, dangerous,
    });
    this.#asking = undefined;
    return yes;
  }

  #dial(key) {
    const state = this.#state(this.#entry);
    state.digits += key;
    // While some are on their way the others gather: they arrive in the order in which they were pressed.
    if (state.pending.size) {
      this.#draw();
    } else {
      state.refusal = '';
      this.#sendDigits(this.#entry, state);
    }
  }

  async #sendDigits(entry, state) {
    while (state.digits) {
      const digits = state.digits.slice(0, MOST_DIGITS);
      state.digits = state.digits.slice(digits.length);
      if (!await this.#perform(entry, 'dtmf', digits)) return;
    }
  }

  // Whether the server has done it.
  async #perform(entry, name, digits) {
    const { label, needs, change } = COMMANDS.find((command) => command.name === name);
    const what = digits ? `Digits ${digits}` : label;
    const state = this.#state(entry);
    const era = this.#era;
    state.pending.add(name);
    Object.assign(state, { done: digits ? `${what} …` : '', at: 0 });
    this.#draw();
    const { status, msg } = await this.#tell(entry.call, change(entry.call, digits));
    state.pending.delete(name);
    if (era !== this.#era) return false;
    const done = status >= 200 && status < 300;
    this.#say(entry, state, done ? `${what}: done.` : `${what}: ${msg}${digits ? this.#dropDigits(state) : ''}`, !done);
    // A server that did not say what it can do has done so now.
    if (status === 501 && !this.#abilities) this.#abilities = new Set(COMMANDS.map((command) => command.needs).filter((other) => other !== needs));
    this.#draw();
    if (state.digits && !state.pending.size && name !== 'dtmf') this.#sendDigits(entry, state);
    return done;
  }

  // Those behind one that was refused are not sent either.
  #dropDigits(state) {
    const { digits } = state;
    state.digits = '';
    return digits && ` (${digits} not sent)`;
  }

  #say(entry, state, text, refused) {
    Object.assign(state, refused ? { done: '', at: 0, refusal: text } : { done: text, at: Date.now() });
    if (this.#entry === entry && !document.querySelector('dialog[open]')) return;
    const { from, to } = entry.call;
    this.#notices.tell(entry, `${from || 'unknown'} → ${to || 'unknown'}: ${text}`, refused);
  }
}
