// Where the focus may go, and how it is kept inside one part of the page and given back.

import { find } from './dom.js';

const FOCUSABLE = 'button, input, select, textarea, summary';

const canTake = (node) => Boolean(node) && node !== document.body && node.checkVisibility() && !node.disabled && !node.closest('[inert]');

// Radio buttons of a group are one stop.
const isStop = (node) => node.type !== 'radio' || node.checked;
const same = (a, b) => a === b || (a.type === 'radio' && b.type === 'radio' && a.name === b.name);

// To where it was, or near it when that has gone.
export const giveBack = (before) => [before, find('drawer-close'), find('calls')].find(canTake)?.focus({ preventScroll: true });

// At a Tab beyond the last stop of `root` it goes on with the first, and the other way round.
export function goRound(root, event) {
  const all = [...root.querySelectorAll(FOCUSABLE)].filter((node) => canTake(node) && isStop(node));
  const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
  if (!all.includes(document.activeElement) || same(document.activeElement, from)) {
    event.preventDefault();
    to?.focus();
  }
}

// Puts all that is within `top` but not within `root` out of reach, or back into it.
export function isolate(root, top, apart) {
  for (let node = root; node !== top; node = node.parentElement) {
    for (const other of node.parentElement.children) if (other !== node) other.inert = apart;
  }
}
