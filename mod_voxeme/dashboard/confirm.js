// Asks before something is done.

import { find, setText } from './dom.js';
import { Modal } from './modal.js';

export class Confirm {
  #modal = new Modal(find('confirm'), () => this.#answer?.(false));
  #answer;

  constructor() {
    find('confirm-no').addEventListener('click', () => this.#modal.close());
    // A key that is held down does not answer what it has asked.
    find('confirm-yes').addEventListener('keydown', (event) => { if (event.repeat) event.preventDefault(); });
    find('confirm-yes').addEventListener('click', () => {
      this.#answer?.(true);
      this.#modal.close();
    });
  }

  // Resolves with whether it is to be done: false when the dialog was left in any other way, or another question came.
  // What cannot be undone is `dangerous`: a second Enter does not do it.
  ask({ title, text, yes, dangerous }) {
    this.close();
    setText(find('confirm-title'), title);
    setText(find('confirm-text'), text);
    setText(find('confirm-yes'), yes);
    find('confirm-yes').className = dangerous ? 'danger' : 'primary';
    return new Promise((resolve) => {
      this.#answer = (answer) => {
        this.#answer = undefined;
        resolve(answer);
      };
      this.#modal.open(find(dangerous ? 'confirm-no' : 'confirm-yes'));
    });
  }

  close() {
    this.#answer?.(false);
    this.#modal.close();
  }
}
