// Real-time text (EN 301 549, 6.2): what is typed is seen as it is typed. Edits count code points, so that no umlaut or
// emoji is ever cut in half. The channel is ordered and reliable; a line is known by its writer and its number.

const LONGEST = 2000;

export class Writer {
  #id; #n = 0; #shown = [];

  constructor(id) { this.#id = id; }

  get line() { return `${this.#id}.${this.#n}`; }

  // The edit that turns what the other side sees into this value, or null.
  edit(value) {
    const now = Array.from(value).slice(0, LONGEST), was = this.#shown;
    let head = 0, tail = 0;
    while (head < now.length && head < was.length && now[head] === was[head]) head++;
    const most = Math.min(now.length, was.length) - head;
    while (tail < most && now[now.length - 1 - tail] === was[was.length - 1 - tail]) tail++;
    const cut = was.length - head - tail, put = now.slice(head, now.length - tail).join("");
    this.#shown = now;
    return cut || put ? { line: this.line, at: head, cut, put } : null;
  }

  // The end of this line.
  commit() {
    const edit = { line: this.line, at: 0, cut: 0, put: "", done: true };
    this.#n += 1;
    this.#shown = [];
    return edit;
  }

  // The whole line again, for a new connection.
  whole() { return { line: this.line, at: 0, cut: LONGEST, put: this.#shown.join("") }; }
}

export class Reader {
  #line = ""; #text = [];

  // {line, text, done}: what the line reads now; null for an edit that makes no sense or shows nothing.
  apply({ line, at, cut, put, done }) {
    if (typeof line !== "string" || line.length > 80 || typeof put !== "string" || !(at >= 0) || !(cut >= 0)) return null;
    if (line !== this.#line) {
      this.#line = line;
      this.#text = [];
    }
    const had = this.#text.length;
    this.#text.splice(at, cut, ...Array.from(put).slice(0, LONGEST));
    this.#text.length = Math.min(this.#text.length, LONGEST);
    return had || this.#text.length ? { line, text: this.#text.join(""), done: done === true } : null;
  }
}
