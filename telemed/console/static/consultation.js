// The clinic's side of a visit: sees who waits, lets the patient in, talks, documents, ends.
import { getDevices, testPicture } from "../video/devices.js";
import { Signalling } from "../video/signalling.js";
import { CallPanel } from "../pages/call-panel.js";
import { keepDraft } from "./draft.js";
import { hideHere, showHere } from "./here.js";
import { hideSeats, letIn, showSeats } from "./seats.js";
import "./invite.js";

const page = JSON.parse(document.getElementById("page").textContent);
const { texts, urls } = page;
const STAGES = { waiting: "ready", away: "gone", admitted: "goesOn" };
const element = (id) => document.getElementById(id);
const placeholder = element("call").querySelector("[data-part=placeholder]");
// In this tab alone: a colleague who only opens the page must not take the place over.
const IN_CALL = `in-call:${page.appointment}`;
let signalling = null, panel = null, own = null, ended = false, starting = false, stage = "expected";

const post = async (url) => {
  const answer = await fetch(url, { method: "POST" });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  return answer;
};

// Starting again in the middle of a call would cut it off; after a failure it is the way back.
function offer() {
  const running = ["connecting", "live", "reconnecting"].includes(panel?.call.state);
  const possible = !running && !starting && !ended && (stage === "waiting" || stage === "admitted");
  element("admit").disabled = !possible;
  element("admit").className = possible ? "primary" : "";
  element("admit").textContent = stage === "admitted" ? texts.back : texts.begin;
  element("begin").hidden = running || ended;
}

function banner(text) {
  element("banner").textContent = text;
  element("banner").hidden = !text;
}

function show({ state, minutes, call_back: wanted = false }) {
  const words = texts[state] + (state === "waiting" ? ` ${texts.minutes.replace("%n", minutes)}` : "");
  if (element("state").textContent !== words) element("state").textContent = words;
  if (stage !== state && state !== "ended") showHere(urls.here);
  stage = state;
  element("call-back").hidden = !wanted;
  offer();
  element("late").disabled = state !== "waiting";
  if (!panel || panel.call.state === "left") placeholder.textContent = texts[STAGES[state] ?? state];
  if (state === "ended") finish();
  else if (state === "admitted" && !panel && !starting && sessionStorage.getItem(IN_CALL)) start();
}

async function watch() {
  for (let etag = ""; !ended;) {
    const answer = await fetch(urls.waiting, { headers: etag ? { "If-None-Match": etag } : {} }).catch(() => null);
    if (answer?.status === 401) location.reload();
    if (answer?.status === 200) {
      etag = answer.headers.get("ETag") ?? "";
      show((await answer.json()).visits[page.appointment] ?? { state: "expected" });
    }
    await new Promise((resolve) => setTimeout(resolve, page.pause));
  }
}

async function connect() {
  let first = await (await post(urls.join)).json();
  const { room } = first;
  const ticket = async () => {
    const { ticket } = first ?? await (await post(urls.join)).json();
    first = null;
    return ticket;
  };
  signalling = new Signalling({ room, ticket });
  const on = (name, handler) => signalling.addEventListener(name, ({ detail }) => handler(detail));
  const welcomed = new Promise((resolve, reject) => {
    on("welcome", resolve);
    for (const end of ["refused", "elsewhere", "ended", "void"]) on(end, reject);
  });
  on("online", () => banner(""));
  on("offline", () => banner(texts.net));
  on("elsewhere", () => { hangUp(); banner(texts.elsewhere); });
  on("refused", () => { hangUp(); banner(texts.refused); });
  on("ended", () => finish());
  on("void", () => { hangUp(); banner(texts.void); });
  signalling.open();
  await welcomed;
  return room;
}

async function start() {
  starting = true;
  banner("");
  try {
    hangUp();
    sessionStorage.setItem(IN_CALL, "yes");
    const room = await connect();
    const stream = own ?? await openDevices();
    mirror(null);
    panel = new CallPanel(element("call"), { signalling, room, stream, texts });
    panel.parts.end.onclick = () => {
      hangUp();
      placeholder.textContent = texts.hungUp;
      element("admit").focus();
    };
    panel.call.addEventListener("state", offer);
    panel.start();
    await post(urls.admit);
    // Only now: the patient, who is let in by this very start, is nobody to be told of.
    if (panel) showSeats(signalling, panel);
  } catch {
    hangUp();
    if (!ended && element("banner").hidden) banner(texts.refused);
  }
  starting = false;
  offer();
}

async function openDevices() {
  const found = await getDevices({ audio: true, video: true });
  const stream = found.stream ?? (page.demo ? testPicture() : null);
  if (!found.stream) banner(stream ? `${texts[found.state]} ${texts.testPicture}` : texts[found.state]);
  return stream;
}

function stop(stream) { for (const track of stream?.getTracks() ?? []) track.stop(); }

// The own picture before anybody is let in; the call then takes camera and microphone over as they are.
function mirror(stream) {
  own = stream;
  const video = element("call").querySelector("[data-part=self]");
  video.srcObject = stream;
  video.hidden = !stream?.getVideoTracks().length;
  element("call").querySelector("[data-part=stage]").classList.toggle("mirror", !video.hidden);
  element("mirror").setAttribute("aria-pressed", String(!video.hidden));
}

function hangUp() {
  sessionStorage.removeItem(IN_CALL);
  stop(panel?.stream);
  panel?.close();
  signalling?.close();
  hideSeats();
  panel = signalling = null;
  placeholder.hidden = false;
  offer();
}

function finish(documented = false) {
  if (ended) return;
  ended = true;
  stop(own);
  mirror(null);
  hideHere();
  hangUp();
  element("state").textContent = texts.ended;
  element("saved-title").textContent = documented ? texts.documented : texts.over;
  element("saved").hidden = false;
  element("call").hidden = true;
  // Nobody's note is thrown away because a colleague was faster.
  element("document").hidden = documented || !element("note").value;
}

element("admit").onclick = async () => {
  await start();
  // The button that was pressed is gone; a keyboard goes on where the call is.
  if (panel && document.activeElement === document.body) element("call").focus({ preventScroll: true });
};
element("mirror").onclick = async () => {
  banner("");
  if (own) { stop(own); return mirror(null); }
  element("mirror").disabled = true;
  const stream = await openDevices();
  element("mirror").disabled = false;
  if (panel || starting || ended) stop(stream);
  else mirror(stream);
};
element("called").onclick = async () => {
  await post(urls.called);
  element("call-back").hidden = true;
};
element("late").onclick = async () => {
  await post(urls.late);
  element("late").textContent = texts.told;
  element("late").disabled = true;
};

element("document").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = element("document");
  const button = form.querySelector("button");
  button.disabled = true;
  await draft.hold();  // a draft that arrives after the documentation would be refused
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
  button.disabled = false;
  element("form-message").hidden = Boolean(answer?.ok);
  if (!answer?.ok) {
    element("form-message").textContent = (await answer?.json().catch(() => null))?.detail ?? texts.net;
    draft.go();
    return;
  }
  draft.stop();
  finish(true);
  element("saved").focus();
});

// A clinician has both hands full: single keys, but never while somebody types (WCAG 2.1.4 wants that).
const KEYS = {
  m: () => panel?.parts.microphone.click(),
  k: () => panel?.parts.camera.click(),
  n: () => element("note").focus(),
  s: () => element("admit").click(),
  l: () => letIn(),
  h: () => panel && element("hold").click(),
};
// Hanging up is no letter: whoever begins to write without being in the field must not end the call.
const HANG_UP = "End";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select, [contenteditable]")) return;
  const act = event.key === HANG_UP && event.shiftKey ? () => panel?.parts.end.click() : KEYS[event.key.toLowerCase()];
  if (act) { event.preventDefault(); act(); }
});

const draft = keepDraft(element("document"), { url: urls.draft, texts });

await watch();
