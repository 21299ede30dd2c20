// The form for a new call.

import { creation, SPEECH } from './creation.js';
import { element, find, setText } from './dom.js';
import { Modal } from './modal.js';
import { RequestKey } from './request_key.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const FIELDS = ['from', 'to', 'callerName', 'application_sid', 'call_hook', ...SPEECH, 'timeout'];

export class NewCall {
  #form = find('new-call-form');
  #button = find('new-call-make');
  #message = find('new-call-message');
  #modal = new Modal(find('new-call'), () => setText(this.#message, ''));
  #key = new RequestKey();
  #sending = false;
  #account; // whose calls are made; '' when the form asks for it

  // make(account, body, key) resolves with {status, msg, sid}; made(sid) takes over when that is 201.
  constructor(make, made) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(make, made);
    });
    find('new-call-cancel').addEventListener('click', () => this.#modal.close());
    for (const radio of this.#form.querySelectorAll('[type=radio]')) radio.addEventListener('change', () => this.#arrange());
    this.#arrange();
  }

  // account: '' for an admin token; then `chosen` is the one that is looked at, and `known` those to choose from.
  open(account, chosen, known) {
    this.#account = account;
    find('new-call-account').hidden = Boolean(account);
    find('new-call-accounts').replaceChildren(...known.map((sid) => element('option', { value: sid })));
    const field = this.#field('account_sid');
    if (chosen) field.value = chosen;
    this.#modal.open(account || field.value ? this.#field('from') : field);
  }

  close() { this.#modal.close(); }

  // Nothing of it is for who comes next.
  reset() {
    this.close();
    this.#form.reset();
    this.#arrange();
  }

  #field(name) { return this.#form.elements.namedItem(name); }

  get #byHook() { return find('new-call-by-hook').checked; }

  #arrange() {
    find('new-call-application').hidden = this.#byHook;
    find('new-call-hook').hidden = !this.#byHook;
  }

  async #submit(make, made) {
    if (this.#sending) return;
    const account = this.#account || this.#field('account_sid').value.trim().toLowerCase();
    if (!UUID.test(account)) return this.#complain('account_sid', 'An account SID is a UUID.');
    const { body, field, why } = creation({
      ...Object.fromEntries(FIELDS.map((name) => [name, this.#field(name).value])), control: this.#byHook ? 'hook' : 'application',
    });
    if (!body) return this.#complain(field, why);
    this.#complain();
    this.#pend(true);
    const content = JSON.stringify(body);
    const { status, msg, sid } = await make(account, content, this.#key.for(`${account} ${content}`));
    this.#pend(false);
    this.#key.answered(status);
    if (!this.#modal.isOpen && status !== 201) return undefined;
    if (status !== 201) return this.#complain(/^(?:from|to|callerName|timeout|application_sid|call_hook|speech_\w+)\b/.exec(msg)?.[0], msg);
    this.#modal.close();
    return made(sid);
  }

  #pend(pending) {
    this.#sending = pending;
    this.#button.setAttribute('aria-disabled', pending);
    this.#button.setAttribute('aria-busy', pending);
    setText(this.#button, pending ? 'Calling …' : 'Call');
  }

  // name: the field that it is about, or undefined.
  #complain(name, message = '') {
    setText(this.#message, message);
    for (const field of this.#form.elements) field.removeAttribute('aria-invalid');
    const field = name && this.#field(name);
    if (!field) return;
    field.setAttribute('aria-invalid', 'true');
    find('new-call-speech').open ||= SPEECH.includes(name);
    field.focus();
  }
}
