// The form that asks for credentials, and what to say when they are not good.

import { find, setText } from './dom.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
// RFC 9110, token: what a WebSocket subprotocol may hold.
const SENDABLE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export function refusal({ status, retryAfter }, { account }) {
  if (status === 401) return 'The server does not know this token. It may have been revoked.';
  if (status === 403 && account) return 'This token does not belong to this account.';
  if (status === 403) return 'This is no admin token: choose “One account” and give its SID.';
  if (status === 429) return `Too many requests. Try again in ${retryAfter || 'a few'} seconds.`;
  if (status === 0) return 'The server does not answer.';
  return `The server answered with status ${status}.`;
}

export class SignIn {
  #form = find('sign-in');
  #account = find('account-sid');
  #token = find('token');
  #message = find('sign-in-message');
  #button = find('sign-in-button');

  // check(credentials) resolves with {status, retryAfter}; done(credentials) takes over when that is 200.
  constructor(check, done) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(check, done);
    });
    for (const radio of this.#form.querySelectorAll('[type=radio]')) radio.addEventListener('change', () => this.#arrange());
    this.#arrange();
  }

  show(message = '') {
    find('sign-in-view').hidden = false;
    setText(this.#message, message);
    (this.#ofAccount && !this.#account.value ? this.#account : this.#token).focus();
  }

  hide() {
    find('sign-in-view').hidden = true;
    this.#token.value = '';
  }

  get #ofAccount() { return find('scope-account').checked; }

  #arrange() {
    find('account-field').hidden = !this.#ofAccount;
    setText(this.#message, '');
  }

  async #submit(check, done) {
    const credentials = { account: this.#ofAccount ? this.#account.value.trim().toLowerCase() : '', token: this.#token.value.trim() };
    if (this.#ofAccount && !UUID.test(credentials.account)) return this.#complain(this.#account, 'An account SID is a UUID, such as 5f8e8f60-4771-44cb-92a6-94ea66df0450.');
    if (!credentials.token) return this.#complain(this.#token, 'Give the token.');
    if (!SENDABLE.test(credentials.token)) return this.#complain(this.#token, 'This token has characters that a browser cannot send in a WebSocket handshake.');
    this.#button.disabled = true;
    setText(this.#message, '');
    const answer = await check(credentials);
    this.#button.disabled = false;
    if (answer.status !== 200) return this.#complain(this.#token, refusal(answer, credentials));
    this.hide();
    return done(credentials);
  }

  #complain(field, message) {
    setText(this.#message, message);
    field.focus();
  }
}
