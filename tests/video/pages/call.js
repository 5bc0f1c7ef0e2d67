// The page of the browser tests: what it sees is in `seen`.
import { Call } from "/video-web/call.js";
import { getDevices } from "/video-web/devices.js";
import { Signalling } from "/video-web/signalling.js";

const query = new URLSearchParams(location.search);
const room = query.get("room"), participant = query.get("participant"), offers = participant.startsWith("doctor");
const seen = globalThis.seen = { states: [], events: [], lines: {}, words: null, stats: {}, errors: [], media: null };
addEventListener("error", (event) => seen.errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => seen.errors.push(event.violatedDirective));

const ticket = async () => (await fetch(`/ticket/${room}/${participant}`)).text();
const signalling = globalThis.signalling = new Signalling({ room, ticket });
for (const type of ["online", "offline", "welcome", "waiting", "admitted", "peer", "elsewhere", "ended", "refused", "late"]) {
  signalling.addEventListener(type, () => seen.events.push(type));
}

async function begin() {
  if (globalThis.call && call.state !== "closed") return;
  const { stream } = await getDevices();
  const call = globalThis.call = new Call({ signalling, room, stream, offers });
  call.addEventListener("state", ({ detail }) => seen.states.push(detail));
  call.addEventListener("words", ({ detail }) => { seen.words = detail; });
  call.addEventListener("text", ({ detail }) => { seen.lines[`${detail.from} ${detail.line}`] = detail; });
  call.addEventListener("stats", ({ detail }) => { seen.stats = detail; });
  call.addEventListener("peer", ({ detail }) => { seen.media = detail; });
  call.addEventListener("trouble", ({ detail }) => seen.errors.push(detail.name));
  call.addEventListener("tampered", () => seen.events.push("tampered"));
  call.addEventListener("remote", ({ detail }) => { document.getElementById("remote").srcObject = detail; });
  document.getElementById("text").oninput = ({ target }) => call.type(target.value);
  call.start();
}

signalling.addEventListener("admitted", begin);
signalling.open();
