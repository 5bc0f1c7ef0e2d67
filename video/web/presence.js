// Who takes part, as far as this page can tell: who left is gone at once, who is only missing after the server restarted
// or the own network was away is given time to come back. Whose connection is gone keeps the place and is not `here`.

const COMES_BACK_WITHIN = 20000;
const SILENT = ["assistant"];  // no media grant

export class Presence extends EventTarget {
  #signalling; #people = new Map(); #missing = new Map(); #unable = new Set(); #listeners = [];

  constructor(signalling) {
    super();
    this.#signalling = signalling;
    const look = () => this.#look();
    this.#listeners = [["welcome", look], ["admitted", look], ["peer", ({ detail }) => this.#seen(detail)]];
    for (const [type, hear] of this.#listeners) signalling.addEventListener(type, hear);
    this.#look();
  }

  // [{id, role, here}] of all others who are admitted.
  get others() { return [...this.#people.values()]; }

  has(id) { return this.#people.has(id); }
  role(id) { return this.#people.get(id)?.role; }

  // This one's browser can't take part in what is encrypted for several: for a group as good as away.
  unable(id) {
    this.#unable.add(id);
    this.#look();
  }

  // A page that was loaded anew can: it has something to say there.
  able(id) { if (this.#unable.delete(id)) this.#look(); }

  close() {
    for (const [type, hear] of this.#listeners) this.#signalling.removeEventListener(type, hear);
    for (const timer of this.#missing.values()) clearTimeout(timer);
  }

  #seen({ id, gone }) {
    if (gone) this.#forget(id);
    this.#look();
  }

  #look() {
    const here = new Set();
    for (const { id, role, admitted, connected } of this.#signalling.peers.values()) {
      if (!admitted || SILENT.includes(role)) continue;
      here.add(id);
      this.#people.set(id, { id, role, here: connected && !this.#unable.has(id) });
      clearTimeout(this.#missing.get(id));
      this.#missing.delete(id);
    }
    for (const id of this.#people.keys()) {
      if (here.has(id) || this.#missing.has(id)) continue;
      this.#missing.set(id, setTimeout(() => { this.#forget(id); this.dispatchEvent(new Event("change")); }, COMES_BACK_WITHIN));
    }
    this.dispatchEvent(new Event("change"));
  }

  #forget(id) {
    clearTimeout(this.#missing.get(id));
    this.#missing.delete(id);
    this.#unable.delete(id);
    this.#people.delete(id);
  }
}
