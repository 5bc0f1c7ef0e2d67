// Encrypts what this page sends and decrypts what it receives, frame by frame, outside of the page's thread.
// Fails closed: a frame without a key, of somebody else, that is not authentic or came before goes nowhere.

import { SUITES, Window, derive, openFrame, parseFrame, sealFrame } from "./sframe.js";

const OLD_KEY_KEPT = 2000;  // milliseconds in which frames under the key before may still be on their way

const counts = {};
const bound = new Map();    // name of a receiving stream -> participant
const others = new Map();   // participant -> key id -> {audio, video, window}
let own = null;             // {kid, ctr, audio, video}

async function keysOf(base, kid) {
  return { audio: await derive(base, kid, SUITES.audio), video: await derive(base, kid, SUITES.video) };
}

const acts = {
  async own({ kid, base }) { own = { kid, ctr: 0, ...await keysOf(base, kid) }; },

  async other({ id, kid, base }) {
    const keys = { ...await keysOf(base, kid), window: new Window() };
    const known = others.get(id) ?? new Map();
    for (const [old, was] of known) {
      setTimeout(() => known.get(old) === was && known.delete(old), OLD_KEY_KEPT);
    }
    others.set(id, known.set(kid, keys));
  },

  forget({ id }) { others.delete(id); },
  bind({ name, id }) { bound.set(name, id); },
  streams({ readable, writable, options }) { pipe(readable, writable, options); },
};

async function seal(data, kind) {
  if (!own) return null;
  const { kid } = own, keys = own[kind], ctr = own.ctr++;
  return sealFrame(keys, kid, ctr, kind, data);
}

async function open(data, { name, kind }, count) {
  const found = parseFrame(data), keys = found && others.get(bound.get(name))?.get(found.kid);
  if (!keys) return null;
  const plain = await openFrame(keys[kind], found, kind).catch(() => null);
  if (!plain || keys.window.accept(found.ctr)) return plain;
  count.replayed += 1;
  return null;
}

function pipe(readable, writable, options) {
  const count = counts[options.name] = { passed: 0, dropped: 0, replayed: 0 };
  const turn = options.direction === "send" ? (data) => seal(data, options.kind) : (data) => open(data, options, count);
  const transform = async (frame, controller) => {
    const turned = await turn(new Uint8Array(frame.data));
    if (!turned) {
      count.dropped += 1;
      return;
    }
    count.passed += 1;
    frame.data = turned.buffer;
    controller.enqueue(frame);
  };
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});  // the connection was closed
}

let chain = Promise.resolve();
onmessage = ({ data: { type, ask, ...rest } }) => {
  // In order: a key is ready before the question after it is answered.
  chain = chain.then(async () => {
    if (type !== "counts") await acts[type](rest);
    if (ask) postMessage({ ask, counts: structuredClone(counts) });
  });
};
onrtctransform = ({ transformer: { readable, writable, options } }) => pipe(readable, writable, options);
