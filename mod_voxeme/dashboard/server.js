// The server this page came from: where its API is, and what it says to these credentials. A token goes into headers
// only, never into an address.

const TIMEOUT_MS = 8000;
const COMMAND_TIMEOUT_MS = 70_000; // the server's own (command-timeout-seconds) is a minute at the most

// credentials: {account, token}; without an account the calls of all accounts are meant.
export class Server {
  #credentials; #clock; #base;

  constructor(credentials, clock, base = document.baseURI) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#base = base;
  }

  get #calls() {
    const { account } = this.#credentials;
    return new URL(account ? `v1/Accounts/${account}/Calls` : 'v1/Calls', this.#base);
  }

  // A WebSocket of the feed, from a revision on or from the beginning. Throws when the token has characters that a
  // subprotocol cannot carry.
  open(revision) {
    const url = this.#calls;
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    if (revision) url.searchParams.set('since', revision);
    return new WebSocket(url, ['voxeme.calls.v1', `bearer.${this.#credentials.token}`]);
  }

  // A cheap request in place of the answer to an upgrade, which a page cannot see:
  // {status, revision, retryAfter}, status 0 when the server does not answer.
  async ask(revision) {
    const url = this.#calls;
    url.searchParams.set('page', '1');
    url.searchParams.set('page_size', '1');
    const askedAt = Date.now();
    try {
      const answer = await fetch(url, {
        headers: {
          Authorization: `Bearer ${this.#credentials.token}`,
          ...(revision ? { 'If-None-Match': `W/"${revision}"` } : {}),
        },
        cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.arrayBuffer();
      this.#clock.hearDate(Date.parse(answer.headers.get('Date') ?? ''), askedAt);
      return {
        status: answer.status,
        revision: /^(?:W\/)?"(.+)"$/.exec(answer.headers.get('ETag') ?? '')?.[1],
        retryAfter: Number(answer.headers.get('Retry-After')) || 0,
      };
    } catch {
      return { status: 0, retryAfter: 0 };
    }
  }

  // What it can do to calls: a Set of the names in its description, or undefined when it does not say.
  async abilities() {
    try {
      const answer = await fetch(new URL('v1/openapi.json', this.#base), { credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { 'x-voxeme-commands': commands } = await answer.json();
      return Array.isArray(commands) ? new Set(commands) : undefined;
    } catch {
      return undefined;
    }
  }

  // Asks for a change of a call.
  update(call, change) {
    return this.#command('PUT', `v1/Accounts/${encodeURIComponent(call.account_sid)}/Calls/${encodeURIComponent(call.call_sid)}`, JSON.stringify(change));
  }

  // Asks for a call. The same key with the same content makes one call, however often it is sent.
  create(account, content, key) {
    return this.#command('POST', `v1/Accounts/${encodeURIComponent(account)}/Calls`, content, { 'Idempotency-Key': key });
  }

  // {status, msg, sid}; status 0 when there was no answer.
  async #command(method, path, body, headers = {}) {
    try {
      const answer = await fetch(new URL(path, this.#base), {
        method, body,
        headers: { Authorization: `Bearer ${this.#credentials.token}`, 'Content-Type': 'application/json', ...headers },
        cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
      });
      const { msg, sid } = await answer.json().catch(() => ({}));
      return { status: answer.status, sid, msg: msg ? String(msg) : `the server answered with status ${answer.status}` };
    } catch {
      return { status: 0, msg: 'the server did not answer; whether it was done is not known' };
    }
  }
}
