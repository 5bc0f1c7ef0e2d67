// The clinic's side of a visit: sees who waits, lets the patient in, talks, documents, ends.
import { getDevices, testPicture } from "../video/devices.js";
import { Signalling } from "../video/signalling.js";
import { CallPanel } from "../pages/call-panel.js";

const page = JSON.parse(document.getElementById("page").textContent);
const { texts, urls } = page;
const element = (id) => document.getElementById(id);
let signalling = null, panel = null, present = false;

const post = async (url, body) => {
  const answer = await fetch(url, { method: "POST", body });
  if (answer.status === 401) location.reload();
  return answer;
};

function state(name) {
  element("state").textContent = texts[name];
  present = name === "waiting";
  element("late").disabled = !present;
}

function banner(text) {
  element("banner").textContent = text;
  element("banner").hidden = !text;
}

function look() {
  const guests = [...signalling.peers.values()].filter((peer) => peer.role !== "physician" && !peer.gone);
  if (panel && guests.some((peer) => peer.admitted)) return state("admitted");
  state(guests.some((peer) => peer.connected) ? "waiting" : "expected");
}

async function connect() {
  const answer = await post(urls.join);
  if (!answer.ok) return banner((await answer.json()).detail);
  let first = await answer.json();
  const room = first.room;
  signalling = new Signalling({ room, ticket: async () => {
    const { ticket } = first ?? await (await post(urls.join)).json();
    first = null;
    return ticket;
  } });
  const on = (name, handler) => signalling.addEventListener(name, ({ detail }) => handler(detail));
  on("welcome", look);
  on("peer", look);
  on("online", () => banner(""));
  on("offline", () => banner(texts.net));
  on("elsewhere", () => banner(texts.elsewhere));
  on("refused", () => banner(texts.refused));
  on("ended", () => { hangUp(); state("ended"); });
  signalling.open();
  element("admit").onclick = () => start(room);
}

async function start(room) {
  element("admit").disabled = true;
  if (!panel) {
    const found = await getDevices({ audio: true, video: true });
    const stream = found.stream ?? (page.demo ? testPicture() : null);
    if (!stream) banner(texts[found.state]);
    panel = new CallPanel(element("call"), { signalling, room, stream, offers: true, texts });
    panel.parts.end.onclick = hangUp;
    panel.start();
  }
  const answer = await post(urls.admit);
  if (!answer.ok) banner((await answer.json()).detail);
  element("admit").disabled = false;
  look();
}

function hangUp() {
  panel?.close();
  panel = null;
  element("call").querySelector("[data-part=placeholder]").hidden = false;
  element("call").querySelector("[data-part=placeholder]").textContent = texts.hungUp;
}

element("late").onclick = () => { signalling.late(10); element("state").textContent = texts.told; };

element("document").onsubmit = async (event) => {
  event.preventDefault();
  const form = element("document");
  form.querySelector("button").disabled = true;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
  form.querySelector("button").disabled = false;
  element("form-message").hidden = answer.ok;
  if (!answer.ok) { element("form-message").textContent = (await answer.json()).detail; return; }
  hangUp();
  form.hidden = true;
  element("saved").hidden = false;
  element("saved").focus();
};

await connect();
