// The page of the browser tests: what it sees is in `seen`.
import { connections } from "/pages/connections.js";
import { Consultation } from "/video-web/consultation.js";
import { getDevices } from "/video-web/devices.js";
import { Signalling } from "/video-web/signalling.js";
import { look, pattern } from "/pages/pattern.js";

const query = new URLSearchParams(location.search);
const room = query.get("room"), participant = query.get("participant"), color = query.get("pattern");
navigator.mediaDevices.getDisplayMedia = async () => new MediaStream((await pattern("cyan")).getVideoTracks());  // no screen here
globalThis.look = (id) => look(document.getElementById(`remote-${id}`));
globalThis.connections = connections;
const seen = globalThis.seen = {
  states: [], events: [], lines: {}, chats: [], words: null, stats: {}, errors: [], media: null, lock: null, notices: [], remotes: {},
  photos: [], advice: [], speaking: {}, path: "direct", tampered: null,
};
addEventListener("error", (event) => seen.errors.push(event.message));
addEventListener("unhandledrejection", (event) => seen.errors.push(String(event.reason?.stack ?? event.reason)));
addEventListener("securitypolicyviolation", (event) => seen.errors.push(event.violatedDirective));

const ticket = async () => (await fetch(`/ticket/${query.get("ticket") ?? room}/${participant}`)).text();
const signalling = globalThis.signalling = new Signalling({ room, ticket });
for (const type of ["online", "offline", "welcome", "waiting", "admitted", "peer", "elsewhere", "ended", "refused", "late", "removed", "slots"]) {
  signalling.addEventListener(type, () => seen.events.push(type));
}
signalling.addEventListener("slots", ({ detail }) => { seen.slots = detail; });
signalling.addEventListener("wanted", ({ detail }) => { (seen.wanted ??= []).push([detail.high, detail.low]); });

// What has come so far over all connections that are open, sound and picture apart.
globalThis.counts = async () => {
  const sums = { concealed: 0, samples: 0, frozen: 0, froze: 0, frames: 0, lost: 0, repaired: 0, packets: 0, asked: 0, delay: 0, emitted: 0, keys: 0 };
  for (const pc of connections.filter((one) => one.connectionState === "connected")) {
    for (const report of (await pc.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      if (report.kind === "audio") {
        sums.concealed += report.concealedSamples - report.silentConcealedSamples;
        sums.samples += report.totalSamplesReceived;
        sums.delay += report.jitterBufferDelay;
        sums.emitted += report.jitterBufferEmittedCount;
      } else {
        sums.frozen += report.freezeCount ?? 0;
        sums.froze += report.totalFreezesDuration ?? 0;
        sums.frames += report.framesDecoded;
        sums.keys += report.pliCount ?? 0;
      }
      sums.packets += report.packetsReceived;
      sums.lost += report.packetsLost;
      sums.repaired += report.retransmittedPacketsReceived ?? 0;
      sums.asked += report.nackCount ?? 0;
    }
  }
  return sums;
};

function show({ id, stream, screen }) {
  const shared = document.getElementById(`remote-screen-${id}`)
    ?? document.body.appendChild(Object.assign(document.createElement("video"), { id: `remote-screen-${id}`, autoplay: true, muted: true }));
  shared.srcObject = screen;

  if (stream) seen.remotes[id] = stream;
  else delete seen.remotes[id];
  let video = document.getElementById(`remote-${id}`);
  if (!video) {
    video = Object.assign(document.createElement("video"), { id: `remote-${id}`, autoplay: true, playsInline: true });
    document.body.append(video);
  }
  video.srcObject = stream;
  document.getElementById("remote").srcObject = stream;
  if (stream) watch(video);
}

// When the first picture of somebody else that is one of ours was handed to the screen.
function watch(video) {
  if (seen.first || !video.requestVideoFrameCallback) return;
  video.requestVideoFrameCallback((now) => {
    if (look(video).color) seen.first ??= now;
    else watch(video);
  });
}

let begun = false;

async function begin() {
  if (begun && globalThis.call?.state !== "closed") return;
  begun = true;
  const stream = color ? await pattern(color) : (await getDevices()).stream;
  const call = globalThis.call = new Consultation({
    signalling, room, stream, relay: query.has("relay"), signing: query.has("signing"), places: Number(query.get("places") ?? 7),
  });
  const on = (type, act) => call.addEventListener(type, ({ detail }) => act(detail));
  on("state", (state) => seen.states.push(state));
  on("path", (path) => { seen.path = path; });
  on("words", (words) => { seen.words = words; });
  on("lock", (lock) => { seen.lock = lock; });
  on("text", (line) => { seen.lines[`${line.from} ${line.line}`] = line; });
  on("chat", (chat) => seen.chats.push(chat));
  on("photo", ({ from, blob, width, height }) => seen.photos.push({ from, blob, width, height }));
  on("stats", (stats) => { seen.stats = stats; });
  on("peer", (media) => { seen.media = media; });
  on("advice", (advice) => seen.advice.push(advice));
  on("speaking", ({ id, on: loud }) => { seen.speaking[id] = loud; });
  on("notice", (notice) => seen.notices.push(notice));
  on("trouble", ({ name }) => seen.errors.push(name));
  on("tampered", (detail) => { seen.tampered = detail; seen.events.push("tampered"); });
  on("remote", show);
  document.getElementById("text").oninput = ({ target }) => call.type(target.value);
  call.start();
}

signalling.addEventListener("admitted", begin);
const join = () => {
  seen.clicked = performance.now();
  signalling.open();
};
if (query.has("click")) document.getElementById("join").onclick = join;
else join();
