// Real-time text (EN 301 549, 6.2): what is typed is seen as it is typed. Each message is the whole line, so that one
// that is lost or comes twice does no harm. Cut between code points, so that no emoji is halved.

const LONGEST = 2000;

export const cut = (value) => Array.from(String(value)).slice(0, LONGEST).join("");

export class Writer {
  #id; #n = 0; #text = "";

  constructor(id) { this.#id = id; }

  // The message that makes the others see this value, or null where they see it already.
  edit(value) {
    const text = cut(value);
    if (text === this.#text) return null;
    this.#text = text;
    return this.whole();
  }

  // The end of this line.
  commit() {
    const line = { ...this.whole(), done: true };
    this.#n += 1;
    this.#text = "";
    return line;
  }

  // The line as it reads now, for a new connection.
  whole() { return { line: `${this.#id}.${this.#n}`, text: this.#text }; }
}

export class Reader {
  #line = "";

  // {line, text, done}: what the line reads now; null for a message that makes no sense or shows nothing new.
  apply({ line, text, done }) {
    if (typeof line !== "string" || line.length > 80 || typeof text !== "string") return null;
    const known = line === this.#line;
    this.#line = line;
    return known || text ? { line, text: cut(text), done: done === true } : null;
  }
}
