// Puts the page together: what the feed brings goes into the store, what is in the store is drawn.

import { Activity } from './activity.js';
import { CallStore } from './call_store.js';
import { UNASSIGNED } from './calls.js';
import { startChoice } from './choice.js';
import { Confirm } from './confirm.js';
import { ConnectionView } from './connection_view.js';
import { Controls } from './controls.js';
import { find, setText } from './dom.js';
import { Drawer } from './drawer.js';
import { Feed } from './feed.js';
import { filter } from './filter.js';
import { FilterBar } from './filter_bar.js';
import { number, shortSid } from './format.js';
import { NewCall } from './new_call.js';
import { Notices } from './notices.js';
import { Server } from './server.js';
import { ServerClock } from './server_clock.js';
import { dropSession, keepSession, loadSession } from './session.js';
import { refusal, SignIn } from './sign_in.js';
import { CallTable } from './table.js';
import { Tiles } from './tiles.js';
import { VisibleCalls } from './visible_calls.js';

const clock = new ServerClock();
const store = new CallStore(clock);
const activity = new Activity(store, clock);
const visible = new VisibleCalls(store);
let feed = null, server = null, session = null;
let awaited; // the sid of a call that was made here and that the feed has not brought yet

const connection = new ConnectionView(() => feed?.wake());
const tiles = new Tiles(activity);
const table = new CallTable(visible, clock, { open: openDrawer, request: requestFrame });
const confirm = new Confirm();
const controls = new Controls(async (call, change) => (server ? server.update(call, change) : { status: 0, msg: 'signed out' }), confirm, new Notices());
const drawer = new Drawer(store, clock, controls, {
  chosen: (entry) => {
    table.select(entry);
    drawer.open(entry, true);
  },
  closed: requestFrame,
});
const filters = new FilterBar(store, (state, accountChanged) => {
  if (accountChanged) activity.show(state.account);
  visible.show(filter(state));
  table.restart();
  if (accountChanged) tiles.tick();
});
const signIn = new SignIn((credentials) => new Server(credentials, clock).ask(), (credentials) => {
  keepSession(credentials);
  start(credentials);
});

const newCall = new NewCall((...call) => server.create(...call), (sid) => {
  awaited = sid;
  showAwaited();
});

// The feed may bring a call before the request for it is answered, or after.
function showAwaited() {
  const entry = store.get(awaited);
  if (!entry) return;
  awaited = undefined;
  table.select(entry);
  const isTyping = isText(document.activeElement);
  if (!isTyping || !drawer.overlays) drawer.open(entry, !isTyping);
}

function openNewCall() {
  if (!find('new-call-open').hidden) newCall.open(session.account, filters.state.account === UNASSIGNED ? '' : filters.state.account, filters.accounts);
}

// Moving with the keys takes an open drawer along, but opens none.
function openDrawer(entry, byKey, moving = false) {
  awaited = undefined;
  if (!moving || drawer.isOpen) drawer.open(entry, byKey);
}

// What a person does is drawn in the next frame; what calls do, at most every PACE_MS: faster nobody reads.
const PACE_MS = 50;
let frame = 0, soon = 0, drawnAt = 0;

function requestFrame() {
  frame ||= requestAnimationFrame(draw);
}

function requestSoon() {
  soon ||= setTimeout(requestFrame, Math.max(0, drawnAt + PACE_MS - performance.now()));
}

function draw(now) {
  clearTimeout(soon);
  frame = soon = 0;
  drawnAt = now;
  tiles.render();
  filters.render(activity.byStatus);
  table.render();
  drawer.render();
  setText(find('row-count'), visible.length === store.size ? `${number(store.size)} calls` : `${number(visible.length)} of ${number(store.size)} calls`);
}

function start(credentials) {
  find('dashboard').hidden = false;
  setText(find('scope'), credentials.account ? `account ${shortSid(credentials.account)}` : 'all accounts');
  find('scope').title = credentials.account;
  filters.offerAccounts(!credentials.account);
  session = credentials;
  server = new Server(credentials, clock);
  feed = new Feed(server, {
    message: (message) => {
      store.take(message);
      showAwaited();
      requestSoon();
      if (message.type === 'snapshot') tiles.tick();
    },
    state: (state) => {
      connection.show(state);
      if (state.name === 'live') learnAbilities(server); // it may be another one than before
    },
    refused: (status) => leave(refusal({ status }, credentials)),
  });
  feed.start();
  table.focus();
  tiles.tick();
  requestFrame();
}

async function learnAbilities(asked) {
  const abilities = await asked.abilities();
  if (asked !== server) return;
  controls.allow(abilities);
  find('new-call-open').hidden = Boolean(abilities) && !abilities.has('originate');
}

function leave(message) {
  feed?.stop();
  feed = server = session = null;
  awaited = undefined;
  confirm.close();
  newCall.reset();
  controls.forget();
  controls.allow(new Set());
  find('new-call-open').hidden = true;
  dropSession();
  drawer.close();
  store.clear();
  filters.reset();
  activity.show('');
  find('dashboard').hidden = true;
  signIn.show(message);
}

const isText = (target) => target.matches?.('input, select, textarea');

// Who speaks to a computer, or has a keyboard that misses, can switch the shortcuts of a single letter off (WCAG 2.1.4).
let letters = true;
const takesLetters = ({ target }) => letters && !isText(target);

document.addEventListener('keydown', (event) => {
  if (find('dashboard').hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (drawer.covers && event.key !== 'Escape') return;
  if (event.key === '/' && takesLetters(event)) {
    event.preventDefault();
    filters.focus();
  } else if (event.key === 'n' && takesLetters(event)) {
    event.preventDefault();
    openNewCall();
  } else if (event.key === 'Escape') {
    if (drawer.isOpen) drawer.close();
    else if (event.target === find('search')) table.focus();
    else table.release();
  }
});
find('search').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' || event.key === 'ArrowDown') {
    event.preventDefault();
    table.focus();
  }
});
find('new-call-open').addEventListener('click', openNewCall);
find('sign-out').addEventListener('click', () => leave(''));
window.addEventListener('online', () => feed?.wake());
document.addEventListener('visibilitychange', () => { if (!document.hidden) feed?.wake(); });
setInterval(() => {
  if (!feed || document.hidden) return;
  connection.tick();
  tiles.tick();
  requestFrame();
}, 1000);

// Light, dark, or as the system has it.
startChoice(find('theme'), { name: 'theme', label: 'Theme', values: ['auto', 'light', 'dark'], apply: (theme) => { document.documentElement.dataset.theme = theme; } });
startChoice(find('letters'), {
  name: 'letters', label: 'Shortcuts', values: ['on', 'off'],
  apply: (value) => {
    letters = value === 'on';
    for (const hint of document.querySelectorAll('.letter')) hint.hidden = !letters;
    for (const [id, key] of [['search', '/'], ['new-call-open', 'n']]) {
      if (letters) find(id).setAttribute('aria-keyshortcuts', key);
      else find(id).removeAttribute('aria-keyshortcuts');
    }
  },
});
startChoice(find('confirmed'), {
  name: 'confirmed', label: 'Confirm', values: ['all', 'hanging up only'], apply: (value) => controls.askAll(value === 'all'),
});

const kept = loadSession();
if (kept) {
  start(kept);
  new Server(kept, clock).ask(); // for its Date
} else {
  signIn.show();
}
