// The patient's page after the code: check, waiting room, call, goodbye. One page, so that the device asks only once.
import { getDevices, support, testPicture } from "../video/devices.js";

const page = JSON.parse(document.getElementById("page").textContent);
const { texts } = page;
const element = (id) => document.getElementById(id);
const sections = ["check", "wait", "call", "bye", "stopped"];
const CHECKED = "checked";
let stream = null, usesTestPicture = false, sound = null, precheck = null, signalling = null, panel = null, room = "";

function show(step) {
  for (const id of sections) element(id).hidden = id !== step;
  const main = element("main");
  main.dataset.step = step;
  main.className = step === "call" ? "wide" : "";
  element(step).querySelector("h1").focus({ preventScroll: false });
  document.title = texts.title;
}

function banner(text) {
  element("banner").textContent = text;
  element("banner").hidden = !text;
}

async function join() {
  const answer = await fetch(page.join, { method: "POST" });
  if (answer.ok) return answer.json();
  if (answer.status === 401) {
    // The session has ended; the page that the server renders now says why.
    sessionStorage.removeItem(CHECKED);
    location.reload();
  }
  throw Object.assign(new Error(String(answer.status)), { final: answer.status < 500 && answer.status !== 429 });
}

// --- camera, microphone, connection

async function check(wanted, { withTestPicture = false } = {}) {
  element("start-check").disabled = true;
  sound ??= new AudioContext();
  stopDevices();
  const usable = support(navigator.userAgent);
  const found = usable === "ok" ? await getDevices(wanted) : { state: usable, stream: null };
  const made = withTestPicture && !found.stream;
  if (made) Object.assign(found, { state: "ok", stream: testPicture() });
  usesTestPicture = made;
  for (const note of document.querySelectorAll("[data-test-picture]")) note.hidden = !made;
  if (page.demo) element("test-picture").hidden = Boolean(found.stream);
  element("start-check").disabled = false;
  stream = found.stream;
  element("in-app").hidden = true;
  if (found.state === "in-app") (await import("./in-app.js")).showWayOut();
  element("device-message").textContent = fine(found) ? "" : texts[found.state];
  element("device-message").hidden = fine(found) || found.state === "in-app";
  element("ask").hidden = fine(found);
  element("start-check").textContent = texts.again;
  element("start-check").className = fine(found) ? "" : "primary";
  element("enter").hidden = element("sound").hidden = !stream;
  element("preview").hidden = !stream;
  for (const id of ["own", "own-waiting"]) element(id).srcObject = stream;
  element("own").parentElement.hidden = element("own-waiting").parentElement.hidden = !stream?.getVideoTracks().length;
  return Boolean(stream);
}

function fine({ state }) { return state === "ok"; }

async function checkConnection() {
  const { Precheck } = await import("../video/precheck.js");
  element("network").textContent = texts.checking;
  const mine = precheck = new Precheck({ ticket: async () => (await join()).check, stream });
  mine.addEventListener("level", ({ detail }) => { element("level").value = detail; });
  if (page.practice) { element("network").textContent = texts.network_practice; return; }
  const verdict = await mine.run();
  if (precheck !== mine) return;
  const words = [texts[`network_${verdict.network}`]];
  if (!verdict.microphone && stream?.getAudioTracks().length) words.push(texts.quiet);
  element("network").textContent = words.join(" ");
  element("network").dataset.verdict = verdict.network;
}

function stopDevices() {
  precheck?.stop();
  precheck = null;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
}

function tone(frequency, at, length) {
  const [source, volume] = [sound.createOscillator(), sound.createGain()];
  source.frequency.value = frequency;
  volume.gain.setValueAtTime(0.2, sound.currentTime + at);
  volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + length);
  source.connect(volume).connect(sound.destination);
  source.start(sound.currentTime + at);
  source.stop(sound.currentTime + at + length);
}

function chime() {
  if (sound) { tone(660, 0, 0.5); tone(880, 0.3, 0.8); }
  navigator.vibrate?.([200, 100, 200]);
}

// --- waiting room and call

async function enter() {
  sessionStorage.setItem(CHECKED, usesTestPicture ? "test" : stream ? (stream.getVideoTracks().length ? "video" : "audio") : "none");
  precheck?.stop();
  precheck = null;
  show("wait");
  navigator.wakeLock?.request("screen").catch(() => {});
  if (!signalling) await connect();
}

// Words and look of the call come while somebody waits.
async function learnCall() {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: page.look }));
  const words = await retried(async () => (await fetch(page.call)).json());
  if (page.words) texts.checkWords = await retried(async () => (await fetch(page.words)).json());
  for (const [key, text] of Object.entries(words)) texts[key] = text.replaceAll("%p", page.other);
  if (page.practice) texts.physician = page.other;
}

async function connect() {
  const { Signalling } = await import("../video/signalling.js");
  let first = await retried(join).catch(() => null);
  if (!first) return stopped(texts.robots_busy ?? texts.refused);
  room = first.room;
  const ticket = async () => {
    // A robot has one room, which is gone after a restart of the server; another invitation is another call.
    if (!first && page.practice) {
      signalling.close();
      stopped(texts.refused);
      throw new Error("over");
    }
    const { ticket } = first ?? await join();
    first = null;
    return ticket;
  };
  signalling = new Signalling({ room, ticket });
  const on = (name, handler) => signalling.addEventListener(name, ({ detail }) => handler(detail));
  on("online", () => banner(""));
  on("offline", () => banner(texts.net));
  on("waiting", () => show("wait"));
  on("late", ({ minutes }) => { element("late").textContent = texts.late.replace("%n", minutes); element("late").hidden = false; });
  on("admitted", () => startCall());
  on("elsewhere", () => stopped(texts.elsewhere));
  on("refused", ({ reason }) => stopped(reason === "full" ? texts.crowded : texts.refused));
  on("ended", () => goodbye(false));
  on("removed", removed);
  // Cancelled or moved: the page that the server renders now says which.
  on("void", () => { stopDevices(); sessionStorage.removeItem(CHECKED); location.reload(); });
  await learnCall();
  signalling.open();
  import("./call-panel.js");
}

async function retried(action) {
  for (let pause = 1000; ; pause = Math.min(pause * 1.6, 15000)) {
    try {
      return await action();
    } catch (problem) {
      if (problem.final) throw problem;
      banner(texts.net);
    }
    await new Promise((resolve) => setTimeout(resolve, pause * (0.7 + 0.6 * Math.random())));
  }
}

async function startCall() {
  if (panel) return;
  const { CallPanel } = await import("./call-panel.js");
  panel = new CallPanel(element("call"), { signalling, room, stream, texts });
  panel.onCallBack = () => trouble(true);
  panel.parts.end.onclick = hangUp;
  panel.call.addEventListener("state", ({ detail }) => {
    if (detail === "failed") { banner(texts.failed); trouble(true); }
    if (detail === "live") { banner(""); trouble(false); }
    if (detail === "live" || detail === "left") document.title = detail === "live" ? `● ${texts.live}` : texts.title;
  });
  chime();
  show("call");
  panel.start();
}

// Where video does not come about, the phone does.
function trouble(on) {
  const way = element("call-trouble");
  if (way) way.hidden = !on;
}

function hangUp() {
  panel.close();
  signalling = null;
  goodbye(true);
}

// The call has ended itself by then; hanging up would tell a later connection to leave.
function stopped(text) {
  panel = null;
  element("stopped-title").textContent = text;
  show("stopped");
}

// Whoever was shown out may come back, through the waiting room; the conversation goes on meanwhile.
function removed() {
  signalling = null;
  stopDevices();
  element("stopped-way").textContent = texts.removedWay;
  element("continue-here").textContent = texts.toWait;
  stopped(texts.removed);
}

function goodbye(mayReturn) {
  panel = null;
  if (!mayReturn) { stopDevices(); sessionStorage.removeItem(CHECKED); }
  banner("");
  element("return").hidden = !mayReturn;
  show("bye");
  whatFollows();
}

// The next appointment and the question how it was, which the server knows only now; without a network the rest stands there.
async function whatFollows() {
  const place = element("after"), answer = place && await fetch("/visit/bye").catch(() => null);
  if (!answer?.ok) return;
  const told = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("after");
  if (told) place.replaceChildren(...told.children);
}

element("start-check").onclick = async () => { if (await check({ audio: true, video: true })) await checkConnection(); };
if (page.demo) element("test-picture").onclick = async () => { if (await check({ audio: true, video: true }, { withTestPicture: true })) await checkConnection(); };
element("without").onclick = async () => { await check({ audio: true, video: false }); await enter(); };
element("enter").onclick = enter;
element("sound").onclick = () => { chime(); element("heard").hidden = false; };
element("heard-yes").onclick = () => { element("heard").hidden = element("heard-not").hidden = true; };
element("heard-no").onclick = () => { element("heard").hidden = true; element("heard-not").hidden = false; };
element("again").onclick = () => show("check");
element("return").onclick = enter;
element("continue-here").onclick = () => (signalling ? (show("wait"), signalling.open()) : location.reload());

// Only now does a tap do something; before, the buttons were off.
element("start-check").disabled = element("without").disabled = false;

// A reload keeps the place: who has been through the check goes straight back.
const before = sessionStorage.getItem(CHECKED);
if (before) {
  if (before !== "none") await check({ audio: true, video: before !== "audio" }, { withTestPicture: before === "test" });
  await enter();
}
