// How a group agrees on keys over a server that nobody trusts: everybody commits, then everybody opens, then the words
// over all openings are the same for all (the n-party form of the two-person commitment; Laur and Pasini, 2008).
//
// commit (to all) -> as soon as there is one of everybody: open (to all) -> words, and a key of each sender to each other.
// Who comes makes a new round; everybody commits once in each. Rounds end: a new one is begun only for a page that was
// not heard of before, somebody who left in the middle, or a lost connection. Who leaves later makes new sender keys
// under the round that was: the words stay.

import { decode, encode } from "./base64url.js";
import { commitment, nonce, shortString } from "./sas.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const EPOCHS = 16;

const text = new TextEncoder();

// The same on every page.
const byId = (people) => people.sort((one, other) => (one.id < other.id ? -1 : 1));

export class Agreement extends EventTarget {
  page = nonce();
  kid = 16 * (16 + crypto.getRandomValues(new Uint16Array(1))[0] % 4080);  // 0x100 to 0xFFF0, as the unit wants it
  #room; #me; #send; #roles = new Map(); #here = new Set(); #theirs = new Map(); #mine = null; #round = null; #epoch = 0; #base = null;
  #chain = Promise.resolve();

  // me: {id, role}; send(message, to): `to` is null for everybody.
  constructor({ room, me, send }) {
    super();
    this.#room = room;
    this.#me = me;
    this.#send = send;
  }

  // Everybody else who is admitted now, as [{id, role, here}]; not `here` while a connection is gone and the place is kept.
  update(people) { return this.#next(() => this.#update(people)); }
  hear(from, message) { return this.#next(() => this.#hear(from, message)); }

  // Says again what a page that was just loaded has to know; it answers with a commitment of its own.
  greet(id) { return this.#next(() => this.#mine && this.#tell(this.#commit(), id)); }

  // After a lost connection: what was said in between is asked for again.
  resume() {
    return this.#next(() => (this.#current() ? this.#tell({ kind: "sync", hash: this.#round.hash }) : this.#again()));
  }

  async #update(people) {
    const before = this.#roles, wereHere = this.#here;
    this.#roles = new Map(people.map(({ id, role }) => [id, role]));
    this.#here = new Set(people.filter(({ here }) => here).map(({ id }) => id));
    const gone = [...before.keys()].filter((id) => !this.#roles.has(id));
    for (const id of gone) {
      this.#theirs.delete(id);
      this.#emit("gone", { id });
    }
    const agreed = gone.map((id) => this.#round?.members.delete(id)).includes(true);
    if (!this.#mine && this.#roles.size) await this.#announce(1);
    else if (this.#mine && [...this.#here].some((id) => !wereHere.has(id))) this.#tell(this.#commit());
    if (!this.#current()) await this.#beginWithout(gone);
    else if (agreed) await this.#rekey();
    await this.#advance();
  }

  async #hear(from, message) {
    if (!this.#roles.has(from)) return;
    switch (message.kind) {
      case "commit": return this.#heardCommit(from, message);
      case "open": return this.#heardOpening(from, message);
      case "sync": return this.#heardSync(from, message);
      case "key": return this.#heardKey(from, message);
    }
  }

  async #heardCommit(from, { page, round, commit, kid }) {
    const known = this.#theirs.get(from), anew = known?.page !== page;
    if (!Number.isInteger(kid) || !Number.isSafeInteger(round) || (!anew && round <= known.round)) return;
    this.#theirs.set(from, { page, round, commit, kid, opening: null });
    // Who has opened can't commit with the same nonce again; who is new may have missed what was said before.
    if (!this.#mine || round > this.#mine.round) await this.#announce(round);
    else if (anew && this.#mine.spent) await this.#again();
    else if (anew) this.#tell(this.#commit(), from);
    await this.#advance();
  }

  async #heardOpening(from, { round, hash, nonce: theirs, pub }) {
    const known = this.#theirs.get(from);
    if (known?.round !== round || known.opening) return;
    const label = this.#label({ id: from, role: this.#roles.get(from), page: known.page, kid: known.kid, pub });
    if (await commitment(theirs, label) !== known.commit) {
      this.#emit("tampered", { reason: "commitment", by: from });
      return;
    }
    known.opening = { hash, nonce: theirs, pub, label };
    await this.#advance();
  }

  async #heardSync(from, { hash }) {
    if (hash === this.#round?.hash) await this.#share([from]);
    else await this.#again();
  }

  async #heardKey(from, { hash, epoch, boxes }) {
    const member = this.#round?.members.get(from), known = this.#theirs.get(from);
    if (!member || hash !== this.#round.hash) {
      if (known) known.early = { hash, epoch, boxes };
      return;
    }
    const box = boxes?.[this.#me.id];
    if (!box || !Number.isSafeInteger(epoch) || epoch <= member.epoch) return;
    const bytes = decode(String(box)), additionalData = text.encode(`${from}/${this.#me.id}/${epoch}`);
    let base;
    try {
      base = new Uint8Array(await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: bytes.subarray(0, 12), additionalData }, member.key, bytes.subarray(12)));
    } catch {
      this.#emit("tampered", { reason: "key", by: from });
      return;
    }
    member.epoch = epoch;
    this.#emit("other", { id: from, kid: member.kid + epoch % EPOCHS, base });
  }

  // The round after this one if the own nonce was told, else once more what was said in it.
  #again() { return this.#mine?.spent ? this.#announce(this.#mine.round + 1) : this.#mine && this.#tell(this.#commit()); }

  // A round that has begun does not wait for who left or is away; who has opened in it begins the next.
  async #beginWithout(gone) {
    if (this.#mine && (this.#forgetAway(this.#mine.round) || gone.length) && this.#mine.spent) await this.#again();
  }

  // Leaves out who is away and has said nothing since this round; they come back as if new. True if any was.
  #forgetAway(last) {
    const away = [...this.#theirs].filter(([id, { round }]) => !this.#here.has(id) && round <= last);
    for (const [id] of away) this.#theirs.delete(id);
    return away.length > 0;
  }

  async #announce(round) {
    this.#forgetAway(round - 1);
    const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
    const mine = { pair, round, nonce: nonce(), spent: false, pub: encode(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))) };
    mine.label = this.#label({ ...this.#me, page: this.page, kid: this.kid, pub: mine.pub });
    mine.commit = await commitment(mine.nonce, mine.label);
    this.#mine = mine;
    this.#tell(this.#commit());
  }

  #commit() { return { kind: "commit", page: this.page, round: this.#mine.round, commit: this.#mine.commit, kid: this.kid }; }

  // Everything about one participant that all have to see alike.
  #label({ id, role, page, kid, pub }) { return [id, role, page, kid, pub].join("/"); }

  async #hash() {
    const all = [[this.#me.id, this.page, this.#mine.commit], ...[...this.#theirs].map(([id, one]) => [id, one.page, one.commit])];
    return commitment(this.#room, JSON.stringify(all.sort()));
  }

  async #advance() {
    const mine = this.#mine, all = [...this.#theirs.values()];
    if (!mine || !all.length || all.some(({ round }) => round !== mine.round)) return;
    const hash = await this.#hash();
    if (this.#round?.hash === hash) return;
    if (!mine.spent) {
      mine.spent = true;
      mine.hash = hash;
      this.#tell({ kind: "open", round: mine.round, hash, nonce: mine.nonce, pub: mine.pub });
    }
    if (mine.hash === hash && all.every(({ opening }) => opening?.hash === hash)) await this.#agree(hash);
  }

  // True while the round that was agreed on is about everybody who has committed since.
  #current() {
    return this.#round !== null && this.#round.members.size === this.#theirs.size
      && [...this.#theirs].every(([id, { commit }]) => this.#round.members.get(id)?.commit === commit);
  }

  async #agree(hash) {
    const members = new Map(), sides = [[this.#mine.label, this.#mine.nonce]];
    for (const [id, { page, commit, kid, opening }] of this.#theirs) {
      members.set(id, { commit, kid, epoch: 0, ...await this.#wrapping(hash, id, page, opening.pub) });
      sides.push([opening.label, opening.nonce]);
    }
    this.#round = { hash, members };
    const participants = byId([this.#me, ...[...members.keys()].map((id) => ({ id, role: this.#roles.get(id) }))]);
    this.#emit("words", { ...await shortString(`group/${this.#room}`, sides), participants });
    await this.#rekey();
    for (const [id, one] of this.#theirs) {
      if (one.early) await this.#heardKey(id, one.early);
      one.early = null;
    }
  }

  // The keys under which the two hand each other their sender keys: one for each direction, of this round alone.
  async #wrapping(hash, id, page, pub) {
    const theirs = await crypto.subtle.importKey("raw", decode(String(pub)), CURVE, false, []);
    const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, this.#mine.pair.privateKey, 256);
    const secret = await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveKey"]);
    const way = (from, to, use) => crypto.subtle.deriveKey(
      { name: "HKDF", hash: "SHA-256", salt: text.encode(hash), info: text.encode(`telemed-wrap-1/${from}/${to}`) },
      secret, { name: "AES-GCM", length: 256 }, false, [use]);
    return { wrap: await way(this.page, page, "encrypt"), key: await way(page, this.page, "decrypt") };
  }

  async #rekey() {
    this.#epoch += 1;
    this.#base = crypto.getRandomValues(new Uint8Array(32));
    await this.#share([...this.#round.members.keys()]);
    this.#emit("own", { kid: this.kid + this.#epoch % EPOCHS, base: this.#base });
  }

  async #share(ids) {
    const boxes = {};
    for (const id of ids) {
      const member = this.#round.members.get(id), iv = crypto.getRandomValues(new Uint8Array(12));
      if (!member) continue;
      const additionalData = text.encode(`${this.#me.id}/${id}/${this.#epoch}`);
      const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, member.wrap, this.#base);
      boxes[id] = encode([...iv, ...new Uint8Array(box)]);
    }
    if (Object.keys(boxes).length) this.#tell({ kind: "key", hash: this.#round.hash, epoch: this.#epoch, boxes });
  }

  #tell(message, to = null) { this.#send(message, to); }

  #next(step) {
    this.#chain = this.#chain.then(step).catch((error) => this.#emit("trouble", { name: error.name }));
    return this.#chain;
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
