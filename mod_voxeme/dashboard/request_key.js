// The Idempotency-Key of a request: the same for as long as it is the same request, so that sending it twice does it once.

// A random UUID. randomUUID() is there in secure contexts only; a page behind plain HTTP makes its own.
export function randomKey(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export class RequestKey {
  #source; #key; #body;

  // source: what randomKey() takes.
  constructor(source) { this.#source = source; }

  // The key for this body: a new one when it is another than before.
  for(body) {
    if (this.#body !== body) {
      this.#body = body;
      this.#key = randomKey(this.#source);
    }
    return this.#key;
  }

  // How the request with it was answered. Only where nobody knows whether it was done is the key needed again.
  answered(status) {
    if (status && status !== 409 && status < 500) this.#body = undefined;
  }
}
