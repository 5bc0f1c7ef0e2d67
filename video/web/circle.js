// The people of a group call and what only they can read: keys for frames and messages, handed on by the agreement.
// Over `sealed`: byte 0 and JSON (the agreement), or byte 1, length of the header, SFrame header, sealed JSON.

import { Agreement } from "./agreement.js";
import { decode, encode } from "./base64url.js";
import { Frames } from "./frames.js";
import { SUITES, Window, decrypt, derive, encrypt, header, join, parseHeader } from "./sframe.js";

const PLAIN = 0;
const SEALED = 1;
const MOST_EARLY = 64;
const SWITCH_AFTER = 500;  // milliseconds in which the others get the new key before it is used (RFC 9605, 5.1)

const text = new TextEncoder();
const read = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

export class Circle extends EventTarget {
  frames = new Frames({ broken: () => this.#emit("unable") });
  #signalling; #room; #agreement; #own = null; #others = new Map(); #early = []; #chain = Promise.resolve(); #timer = 0; #listeners = []; #closed = false;

  constructor({ signalling, room }) {
    super();
    this.#signalling = signalling;
    this.#room = room;
    this.#agreement = new Agreement({ room, me: { id: signalling.you.id, role: signalling.you.role }, send: (message, to) => this.#tell(message, to) });
    const hears = {
      sealed: ({ from, data }) => this.#hear(from, data),
      admitted: () => this.#agreement.resume(),
    };
    for (const [type, act] of Object.entries(hears)) {
      const hear = ({ detail }) => act(detail);
      signalling.addEventListener(type, hear);
      this.#listeners.push([type, hear]);
    }
    for (const type of ["words", "tampered", "trouble"]) {
      this.#agreement.addEventListener(type, ({ detail }) => this.#emit(type, detail));
    }
    this.#agreement.addEventListener("own", ({ detail }) => this.#use(detail));
    this.#agreement.addEventListener("other", ({ detail }) => this.#next(() => this.#learn(detail)));
    this.#agreement.addEventListener("gone", ({ detail: { id } }) => {
      this.#others.delete(id);
      this.frames.forget(id);
      this.#emit("gone", { id });
    });
  }

  get kid() { return this.#agreement.kid; }

  // Who takes part now, without oneself: [{id, role, here}].
  people(others) { return this.#agreement.update(others); }

  // Somebody's page was loaded again and does not know that the call goes through the unit.
  welcome(id) { return this.#agreement.greet(id); }

  // A message to everybody, or to one; nothing where there is no key yet. True if it was sent.
  put(value, to = null) {
    return this.#next(async () => {
      if (!this.#own) return false;
      const { kid, keys } = this.#own, ctr = this.#own.ctr++, head = header(kid, ctr);
      const body = await encrypt(keys, ctr, this.#bound(head), text.encode(JSON.stringify(value)));
      this.#send(join([SEALED, head.length], head, body), to);
      return true;
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const [type, hear] of this.#listeners) this.#signalling.removeEventListener(type, hear);
    this.frames.close();
  }

  #bound(head) { return join(head, text.encode(this.#room)); }

  // The first key at once; a later one when the others have had time to learn it.
  #use({ kid, base }) {
    clearTimeout(this.#timer);
    const use = () => this.#next(async () => {
      await this.frames.own(kid, base);
      this.#own = { kid, ctr: 0, keys: await derive(base, kid, SUITES.message) };
      this.#emit("keyed", { kid });
    });
    if (this.#own) this.#timer = setTimeout(use, SWITCH_AFTER);
    else use();
  }

  async #learn({ id, kid, base }) {
    await this.frames.other(id, kid, base);
    const known = this.#others.get(id) ?? new Map();
    // The one before stays until the next: a message under it may be on its way.
    const [last] = [...known.keys()].slice(-1);
    const keep = last !== undefined && last !== kid ? [[last, known.get(last)]] : [];
    this.#others.set(id, new Map([...keep, [kid, { keys: await derive(base, kid, SUITES.message), window: new Window() }]]));
    this.#emit("learned", { id });
    for (const [from, bytes] of this.#early.splice(0)) await this.#open(from, bytes);
  }

  #hear(from, data) {
    return this.#next(() => {
      const bytes = decode(data);
      if (bytes[0] === SEALED) return this.#open(from, bytes);
      this.#agreement.hear(from, read(bytes.subarray(1)));
    });
  }

  async #open(from, bytes) {
    const head = bytes.subarray(2, 2 + bytes[1]), found = parseHeader(head), key = found && this.#others.get(from)?.get(found.kid);
    if (!key) {
      // It may have overtaken its key.
      if (found) this.#early = [...this.#early, [from, bytes]].slice(-MOST_EARLY);
      return;
    }
    const plain = await decrypt(key.keys, found.ctr, this.#bound(head), bytes.subarray(2 + bytes[1])).catch(() => null);
    if (plain && key.window.accept(found.ctr)) {
      this.#emit("message", { from, value: read(plain) });
    }
  }

  #tell(message, to) { this.#send(join([PLAIN], text.encode(JSON.stringify(message))), to); }

  #send(bytes, to) {
    if (this.#closed) return;
    const message = { type: "sealed", data: encode(bytes) };
    if (to) message.to = to;
    this.#signalling.send(message);
  }

  #next(step) {
    this.#chain = this.#chain.then(step).catch((error) => this.#emit("trouble", { name: error.name }));
    return this.#chain;
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
