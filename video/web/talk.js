// What people tell each other beside sound and picture, whatever carries it: typed text, chat, photos, what is switched on.

import { Reader, Writer, cut } from "./rtt.js";
import { Album, parts } from "./photo.js";

const TYPING_EVERY = 100;  // milliseconds; EN 301 549, 6.2.4 allows 500 from the key to the other's screen
const MOST_CHATS = 2000;

export class Talk extends EventTarget {
  #put; #pause; #writer; #readers = new Map(); #albums = new Map(); #last = null; #timer = 0; #due = null; #media = {};

  // put(value) reaches everybody; pause() is how many milliseconds to leave between the parts of a photo.
  constructor({ name, put, pause }) {
    super();
    this.#writer = new Writer(name);
    this.#put = put;
    this.#pause = pause;
  }

  type(value) { this.#write(this.#writer.edit(value)); }
  commit() { this.#write(this.#writer.commit()); }

  say(value) {
    const chat = cut(value).trim();
    if (!chat) return;
    this.#put({ chat });
    this.#emit("chat", { from: "me", text: chat });
  }

  // What is switched on here; told again to whoever comes.
  tell(media) {
    this.#media = media;
    this.#put({ media });
  }

  please(wish, to) { this.#put({ please: wish }, to); }

  again() {
    this.#put({ media: this.#media });
    const line = this.#writer.whole();
    if (line.text) this.#put(line);
  }

  async sendPhoto(photo) {
    for (const part of parts(photo)) {
      this.#put({ photo: part });
      await new Promise((done) => setTimeout(done, this.#pause()));
    }
    const { blob, width, height } = photo;
    this.#emit("photo", { from: "me", blob, width, height });
  }

  forget(id) {
    this.#readers.delete(id);
    this.#albums.delete(id);
  }

  hear(from, value) {
    if (value?.media) this.#emit("peer", { id: from, ...this.#switches(value.media) });
    else if (typeof value?.chat === "string") this.#emit("chat", { from, text: value.chat.slice(0, MOST_CHATS) });
    else if (typeof value?.please === "string") this.#emit("wish", { from, wish: value.please });
    else if (value?.photo) this.#collect(from, value.photo);
    else if (value?.line) this.#read(from, value);
  }

  #switches({ audio, video, screen, held, signing }) {
    return { audio: audio === true, video: video === true, screen: screen === true, held: held === true, signing: signing === true };
  }

  #collect(from, part) {
    if (!this.#albums.has(from)) this.#albums.set(from, new Album());
    const found = this.#albums.get(from).add(part);
    if (found) this.#emit("photo-progress", { from, done: found.done });
    if (found?.photo) this.#emit("photo", { from, ...found.photo });
  }

  #read(from, value) {
    if (!this.#readers.has(from)) this.#readers.set(from, new Reader());
    const line = this.#readers.get(from).apply(value);
    if (line) this.#emit("text", { from, ...line });
  }

  #write(line) {
    if (!line || line.done && !line.text && !this.#last) return;
    this.#last = line.done ? null : line;
    this.#emit("text", { from: "me", done: false, ...line });
    // Each message is the whole line: what was typed meanwhile goes with the next one.
    if (line.done) this.#flush(line);
    else if (this.#timer) this.#due = line;
    else this.#flush(line);
  }

  #flush(line) {
    clearTimeout(this.#timer);
    this.#due = null;
    this.#put(line);
    this.#timer = setTimeout(() => { this.#timer = 0; if (this.#due) this.#flush(this.#due); }, TYPING_EVERY);
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
