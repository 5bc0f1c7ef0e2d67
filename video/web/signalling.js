// The signalling socket of one page: connects, resumes, queues and reconnects by itself. Emits keys, never sentences.

const VERSION = 1;
const PING_EVERY = 20000;
const PONG_WITHIN = 10000;
const WELCOME_WITHIN = 10000;  // into nothing, TCP tries for two minutes
const LONGEST_WAIT = 15000;
const LONGEST_QUEUE = 200;
const ELSEWHERE = 4409;
const ENDED = 4410;
const TICKET = 4401;
const VOID = 4411;
const REMOVED = 4414;
const FINAL = { 4400: "message", 4412: "version", 4423: "full", 4429: "rate" };

export class Signalling extends EventTarget {
  you = null;
  ice = [];
  peers = new Map();
  #room; #ticket; #socket = null; #resume = ""; #queue = []; #attempt = 0; #wanted = false;
  #retry = 0; #ping = 0; #pong = 0; #patience = 0;

  constructor({ room, ticket }) {
    super();
    this.#room = room;
    this.#ticket = ticket;
    addEventListener("online", () => (this.you ? this.look() : this.#wanted && this.#connect()));
  }

  open() {
    this.#wanted = true;
    this.#attempt = 0;
    if (!this.#socket) this.#connect();
  }

  // The network may have gone: the socket has to show that it is alive.
  look() { if (this.you) this.#beat(); }

  send(message) {
    if (this.you) this.#socket.send(JSON.stringify(message));
    else if (this.#queue.length < LONGEST_QUEUE) this.#queue.push(message);
  }

  admit(participant) { this.send({ type: "admit", participant }); }
  late(minutes) { this.send({ type: "late", minutes }); }
  end() { this.send({ type: "end" }); }
  bye() {
    if (this.you) this.send({ type: "bye" });  // never later: it would tell another connection to leave
    this.#wanted = false;
  }

  close() { this.#wanted = false; this.#socket?.close(1000); }

  async #connect() {
    clearTimeout(this.#retry);
    this.#forget();
    const socket = this.#socket = new WebSocket(
      `${location.protocol.replace("http", "ws")}//${location.host}/video/rooms/${this.#room}/ws`);
    const resumed = this.#resume !== "";
    socket.onopen = async () => {
      try {
        const hello = { type: "hello", v: VERSION };
        if (resumed) hello.resume = this.#resume;
        else hello.ticket = await this.#ticket();
        socket.send(JSON.stringify(hello));
      } catch {
        socket.close();
      }
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(socket, event.code, resumed);
    this.#patience = setTimeout(() => this.#lost(socket, 0, resumed), WELCOME_WITHIN);
  }

  #hear(message) {
    clearTimeout(this.#pong);
    switch (message.type) {
      case "welcome":
        clearTimeout(this.#patience);
        this.you = message.you;
        this.ice = message.ice;
        this.#resume = message.resume;
        this.#attempt = 0;
        this.#ping = setInterval(() => this.#beat(), PING_EVERY);
        this.peers = new Map(message.peers.map((peer) => [peer.id, peer]));
        this.#emit("online");
        this.#emit("welcome", message);
        if (this.you.admitted) this.#emit("admitted", message);
        for (const queued of this.#queue.splice(0)) this.send(queued);
        break;
      case "admitted":
        this.you.admitted = true;
        this.peers = new Map(message.peers.map((peer) => [peer.id, peer]));
        this.#emit("admitted", message);
        break;
      case "peer":
        if (message.gone) this.peers.delete(message.id);
        else this.peers.set(message.id, message);
        this.#emit("peer", message);
        break;
      case "pong":
        break;
      default:
        this.#emit(message.type === "refused" ? "denied" : message.type, message);
    }
  }

  #beat() {
    this.send({ type: "ping", n: 1 });
    clearTimeout(this.#pong);
    this.#pong = setTimeout(() => this.#lost(this.#socket, 0, true), PONG_WITHIN);
  }

  #forget() {
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onclose = this.#socket.onmessage = null;
      this.#socket.close();
    }
    this.#socket = this.you = null;
    clearInterval(this.#ping);
    clearTimeout(this.#pong);
    clearTimeout(this.#patience);
  }

  #lost(socket, code, resumed) {
    if (socket !== this.#socket) return;
    this.#forget();
    if (code === TICKET) this.#resume = "";
    const reason = code === TICKET && !resumed ? "ticket" : FINAL[code];
    const last = reason ? "refused" : { [ENDED]: "ended", [VOID]: "void", [ELSEWHERE]: "elsewhere", [REMOVED]: "removed" }[code];
    if (last) {
      this.#wanted = false;
      this.#resume = "";
      this.#queue = [];
      this.#emit(last, { reason });
    } else if (this.#wanted) {
      const wait = Math.min(LONGEST_WAIT, 500 * 2 ** this.#attempt) * (0.5 + Math.random() / 2);
      this.#emit("offline", { attempt: this.#attempt });
      this.#attempt += 1;
      this.#retry = setTimeout(() => this.#wanted && this.#connect(), code === TICKET ? 0 : wait);
    }
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
