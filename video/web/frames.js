// The page's side of frame encryption: hangs the worker into senders and receivers, hands it the keys, asks its counts.

const WORKER = new URL("./e2ee-worker.js", import.meta.url);

// How frames can be encrypted here: "scripted", "streams" (Chromium before 141), or "" where they can't.
export function support() {
  if (globalThis.RTCRtpScriptTransform) return "scripted";
  return globalThis.RTCRtpSender?.prototype.createEncodedStreams ? "streams" : "";
}

export class Frames {
  #worker = new Worker(WORKER, { type: "module" }); #way = support(); #asked = new Map(); #next = 1;

  // `broken` is called where the worker does not run: nothing is encrypted then, and nothing goes out.
  constructor({ broken }) {
    this.#worker.onerror = broken;
    this.#worker.onmessage = ({ data: { ask, counts } }) => {
      this.#asked.get(ask)(counts);
      this.#asked.delete(ask);
    };
  }

  // What RTCPeerConnection has to be told before it is made.
  get configuration() { return this.#way === "streams" ? { encodedInsertableStreams: true } : {}; }

  // Right after addTransceiver and before any description: set later, Chromium lets frames pass by.
  seal(sender, name, kind) { this.#hang(sender, { name, kind, direction: "send" }); }
  open(receiver, name, kind) { this.#hang(receiver, { name, kind, direction: "receive" }); }

  own(kid, base) { return this.#ask({ type: "own", kid, base }); }
  other(id, kid, base) { return this.#ask({ type: "other", id, kid, base }); }
  forget(id) { return this.#ask({ type: "forget", id }); }

  // From now on this stream carries this participant, and frames of nobody else.
  bind(name, id) { return this.#ask({ type: "bind", name, id }); }

  // {name: {passed, dropped, replayed}}
  counts() { return this.#ask({ type: "counts" }); }

  close() { this.#worker.terminate(); }

  #hang(end, options) {
    if (this.#way === "scripted") {
      end.transform = new RTCRtpScriptTransform(this.#worker, options);
    } else {
      const { readable, writable } = end.createEncodedStreams();
      this.#worker.postMessage({ type: "streams", readable, writable, options }, [readable, writable]);
    }
  }

  #ask(message) {
    const ask = this.#next++;
    return new Promise((done) => {
      this.#asked.set(ask, done);
      this.#worker.postMessage({ ...message, ask });
    });
  }
}
