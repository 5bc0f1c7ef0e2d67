// The whole call, for the page: between two browsers where two talk, through the forwarding unit from three on or where
// the direct way does not connect. The second connection is made before the first is dropped. No text, only keys.

import { Call } from "./call.js";
import { support } from "./frames.js";
import { Presence } from "./presence.js";
import { shrink, takePhoto } from "./photo.js";
import { nonce } from "./sas.js";
import { Talk } from "./talk.js";

const DIRECT_WITHIN = 8000;
const LISTEN_EVERY = 500;
const SPEAKING = 0.02;
const PHOTO_PAUSE = 100;  // between the parts of a photo over the signalling, which takes 20 messages a second
const ADMITS = ["physician"];
const SEATS = 7;
const UNABLE = btoa(`\0${JSON.stringify({ kind: "unable" })}`).replace(/=+$/, "");
const MOST_LARGE = 2;  // others whose large pictures fit beside each other, unless the page says how it shows them
const AGREED = ["live", "reconnecting"];

const admits = (person) => ADMITS.includes(person?.role);

export class Consultation extends EventTarget {
  state = "";
  path = "direct";
  #signalling; #room; #tracks = { audio: null, video: null, screen: null }; #relay; #signing; #places;
  #call = null; #group = null; #circle = null; #talk; #people = new Map(); #media = new Map(); #known = new Set();
  #off = { audio: false, video: false }; #held = false; #speaking = new Set(); #timer = 0; #patience = 0; #listeners = [];
  #unit = false; #presence = null; #cheated = false; #viewed = false; #words = null;

  constructor({ signalling, room, stream, relay = false, signing = false, places = SEATS }) {
    super();
    this.#signalling = signalling;
    this.#room = room;
    this.#relay = relay;
    this.#signing = signing;
    this.#places = places;
    this.#take(stream);
    this.#talk = new Talk({ name: nonce(), put: (value, to) => this.#put(value, to), pause: () => (this.#group ? PHOTO_PAUSE : 0) });
    for (const type of ["text", "chat", "photo", "photo-progress"]) this.#pass(this.#talk, type);
    this.#talk.addEventListener("peer", ({ detail }) => this.#switched(detail));
    this.#talk.addEventListener("wish", ({ detail }) => this.#wished(detail));
    for (const type of ["peer", "admitted", "welcome"]) this.#hear(type, () => this.#readmit());
    this.#hear("sealed", ({ from, data }) => this.state && this.#invited(from, data));
    this.#hear("ready", ({ from }) => this.#group && this.#circle.welcome(from));
    for (const type of ["ended", "elsewhere", "void", "removed"]) this.#hear(type, () => this.#close());
    this.#hear("removed", () => this.#emit("removed"));
  }

  start() {
    if (this.state) return;
    this.#set("connecting");
    this.#timer = setInterval(() => this.#listen(), LISTEN_EVERY);
    this.#presence = new Presence(this.#signalling);
    this.#presence.addEventListener("change", () => this.#look());
    this.#look();
  }

  mute(on) { this.#switch("audio", on); }
  camera(on) { this.#switch("video", on); }

  async use(stream) {
    this.#take(stream);
    for (const name of ["audio", "video"]) await this.#carry(name);
    this.#tell();
  }

  type(value) { this.#talk.type(value); }
  commit() { this.#talk.commit(); }
  say(text) { this.#talk.say(text); }

  async share() {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 10 } }, audio: false });
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => {
      if (this.#tracks.screen !== track) return;
      this.unshare();
      this.#emit("notice", { key: "screen-stopped" });
    });
    this.#tracks.screen = track;
    await this.#carry("screen");
    this.#tell();
  }

  async unshare() {
    this.#tracks.screen?.stop();
    this.#tracks.screen = null;
    await this.#carry("screen");
    this.#tell();
  }

  takePhoto() { return takePhoto(this.#tracks.video); }
  async sendPhoto(blob) { await this.#talk.sendPhoto(await shrink(blob)); }

  // Nobody is seen or heard while the clinic holds the line; the seats stay.
  hold(on) {
    this.#talk.please(on ? "hold" : "resume");
    this.#hold(on);
  }

  muteOther(id) { this.#talk.please("mute", id); }
  remove(id) { this.#signalling.send({ type: "remove", participant: id }); }

  view(want) {
    this.#viewed = true;
    this.#group?.view(want);
  }

  retryVideo() { return this.#path()?.retryVideo(); }

  sign(on) {
    this.#signing = on;
    this.#tell();
    return this.#path()?.sign(on);
  }

  hangUp() {
    this.#signalling.bye();
    this.#close();
  }

  // --- who is here, and which way

  #look() {
    if (this.state === "closed") return;
    const { others } = this.#presence;
    for (const id of this.#people.keys()) if (!this.#presence.has(id)) this.#gone(id);
    for (const { id } of others) this.#known.add(id);
    this.#circle?.people(others);
    if (this.#group) this.#set(this.#groupSees(others));
    else if (others.length > 1) this.#toUnit();
    else if (others.length) this.#direct(others[0]);
    else if (this.#call) this.#set("left");
  }

  // After a restart of the server either side may be back first; who was in this call already is not asked to wait again.
  #readmit() {
    if (!this.state || !admits(this.#signalling.you)) return;
    for (const { id, admitted, connected } of this.#signalling.peers.values()) {
      if (this.#known.has(id) && !admitted && connected) this.#signalling.admit(id);
    }
  }

  #direct({ id, role }) {
    if (this.#call && this.#people.has(id)) return;
    this.#call?.close();
    this.#people.set(id, { id, role, stream: null, screen: null });
    const you = this.#signalling.you, offers = admits(you) === admits({ role }) ? you.id < id : admits(you);
    const call = this.#call = new Call({
      signalling: this.#signalling, room: this.#room, peer: id, tracks: this.#tracks, offers, relay: this.#relay, signing: this.#signing,
    });
    const on = (type, act) => call.addEventListener(type, ({ detail }) => this.#call === call && !this.#group?.locked && act(detail));
    on("state", (state) => this.#callState(state));
    on("remote", (streams) => this.#show(id, streams));
    const participants = [{ id: you.id, role: you.role }, { id, role }].sort((one, other) => (one.id < other.id ? -1 : 1));
    on("words", (words) => this.#emit("words", { ...words, participants }));
    on("tampered", () => this.#tampered({ reason: "fingerprint" }));
    on("open", () => this.#talk.again());
    call.addEventListener("message", ({ detail }) => this.#talk.hear(id, detail));
    for (const type of ["advice", "stats", "trouble"]) on(type, (detail) => this.#emit(type, detail));
    call.start();
    this.#tell();
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#call === call && call.state !== "live" && this.#present(id) && this.#toUnit(), DIRECT_WITHIN);
  }

  #callState(state) {
    if (this.#group || state === "closed") return;
    this.#emit("lock", state === "live");  // DTLS-SRTP from browser to browser
    if (!AGREED.includes(state)) this.#emit("words", null);
    if (state === "failed" && !this.#cheated && support()) this.#toUnit();
    else this.#set(state);
  }

  #present(id) { return this.#signalling.peers.get(id)?.connected; }

  #invited(from, data) {
    if (data === UNABLE) {
      this.#presence.unable(from);
      this.#emit("notice", { key: "unable", by: from });
      return;
    }
    this.#presence.able(from);
    if (this.#presence.has(from)) this.#toUnit();
  }

  async #toUnit() {
    if (this.#unit || this.#cheated) return;
    this.#unit = true;
    if (!support()) return this.#unable();
    const parts = await Promise.all([import("./circle.js"), import("./group.js")]).catch(() => null);
    if (!parts) this.#unit = false;  // the network was away; whoever comes or comes back makes it try again
    if (!parts || this.state === "closed" || this.#cheated) return;
    const [{ Circle }, { Group }] = parts;
    const circle = this.#circle = new Circle({ signalling: this.#signalling, room: this.#room });
    const group = this.#group = new Group({
      signalling: this.#signalling, circle, tracks: { ...this.#tracks }, places: this.#places, relay: this.#relay, signing: this.#signing,
    });
    circle.addEventListener("unable", () => this.#unable());
    circle.addEventListener("words", ({ detail }) => this.#emit("words", this.#words = detail));
    circle.addEventListener("message", ({ detail: { from, value } }) => this.#talk.hear(from, value));
    circle.addEventListener("learned", () => this.#talk.again());
    circle.addEventListener("keyed", () => this.#talk.again());
    for (const one of [circle, group]) {
      one.addEventListener("tampered", ({ detail }) => this.#tampered(detail));
      this.#pass(one, "trouble");
    }
    group.addEventListener("people", ({ detail }) => this.#shown(detail));
    group.addEventListener("state", ({ detail }) => this.#groupState(detail));
    group.addEventListener("lock", ({ detail }) => this.#locked(detail));
    for (const type of ["advice", "stats"]) this.#pass(group, type);
    group.enable(this.#enabled());
    await circle.people(this.#presence.others);
    if (this.#group !== group) return;
    group.start();
    this.#tell();
  }

  #unable() {
    for (const part of [this.#group, this.#circle]) part?.close();
    this.#group = this.#circle = this.#words = null;
    if (!this.#call) {
      this.#emit("lock", false);
      this.#emit("words", null);
      this.#set("failed");
    }
    this.#signalling.send({ type: "sealed", data: UNABLE });
    this.#emit("notice", { key: "old-browser" });
  }

  // The direct way is dropped once the other one is known to be encrypted.
  #locked(on) {
    if (on && this.#call) {
      this.#call.close();
      this.#call = null;
      this.#shown(this.#group.remotes());
      this.#set(this.#group.state);
    }
    if (on && this.path !== "unit") {
      this.path = "unit";
      this.#emit("path", "unit");
    }
    if (!this.#call) this.#emit("lock", on);
  }

  #groupState(state) {
    if (this.#call?.state === "live") return;
    this.#set(this.#groupSees(this.#presence.others));
    if (state === "live" && this.#words) this.#emit("words", this.#words);  // the page forgets them where a call seems lost
  }

  // The line to the unit stands for nothing where nobody is at its other end.
  #groupSees(others) {
    if (!others.length) return "left";
    return this.#group.state === "live" && !others.some(({ here }) => here) ? "reconnecting" : this.#group.state;
  }

  #path() { return this.path === "unit" ? this.#group : this.#call; }

  // --- what is seen and said

  #shown(remotes) {
    const want = remotes.length > MOST_LARGE ? "low" : "high";
    if (!this.#viewed) this.#group.view(Object.fromEntries(remotes.map(({ id }) => [id, want])));
    if (this.#call?.state === "live") return;
    for (const { id, stream, screen } of remotes) this.#show(id, { stream, screen });
  }

  #show(id, { stream, screen }) {
    const role = this.#presence.role(id) ?? this.#people.get(id)?.role;
    const shared = this.#media.get(id)?.screen ? screen ?? null : null;
    const known = this.#people.get(id);
    this.#people.set(id, { id, role, stream, screen });
    if (known?.stream === stream && known?.shared === shared && role === known?.role) return;
    this.#people.get(id).shared = shared;
    this.#emit("remote", { id, role, stream, screen: shared });
  }

  #gone(id) {
    const { role } = this.#people.get(id);
    this.#people.delete(id);
    this.#media.delete(id);
    this.#speaking.delete(id);
    this.#known.delete(id);
    this.#talk.forget(id);
    this.#emit("remote", { id, role, stream: null, screen: null });
  }

  #put(value, to) {
    if (this.path === "unit" || this.#call?.state !== "live") this.#circle?.put(value, to ?? null);
    if (this.path !== "unit") this.#call?.send(value);
  }

  #switched(media) {
    this.#media.set(media.id, media);
    const { screen, ...told } = media, person = this.#people.get(media.id);
    this.#emit("peer", told);
    if (person) this.#show(media.id, person);
  }

  #wished({ from, wish }) {
    if (!admits({ role: this.#presence.role(from) })) return;
    if (wish === "mute") {
      this.mute(true);
      this.#emit("notice", { key: "muted", by: from });
    } else if (wish === "hold" || wish === "resume") {
      this.#hold(wish === "hold");
      this.#emit("notice", { key: wish === "hold" ? "held" : "resumed", by: from });
    }
  }

  #hold(on) {
    this.#held = on;
    this.#tell();
  }

  #switch(name, off) {
    this.#off[name] = off;
    this.#tell();
  }

  #enabled() {
    const on = (name) => this.#tracks[name] !== null && !this.#off[name] && !this.#held;
    return { audio: on("audio"), video: on("video"), screen: on("screen") };
  }

  // What is on here: on the tracks, in the group, and told to everybody.
  #tell() {
    const on = this.#enabled();
    for (const [name, track] of Object.entries(this.#tracks)) if (track) track.enabled = on[name];
    this.#group?.enable(on);
    this.#talk.tell({ ...on, held: this.#held, signing: this.#signing });
  }

  #take(stream) {
    for (const kind of ["audio", "video"]) this.#tracks[kind] = stream?.getTracks().find((track) => track.kind === kind) ?? null;
  }

  async #carry(name) {
    await this.#call?.put(name, this.#tracks[name]);
    await this.#group?.put(name, this.#tracks[name]);
  }

  async #listen() {
    const levels = this.#group ? await this.#group.levels() : {};
    const [only] = this.#people.keys();
    if (this.#call && !this.#group) levels[only] = await this.#call.level();
    for (const [id, level] of Object.entries(levels)) {
      const on = level > SPEAKING;
      if (on === this.#speaking.has(id) || !this.#people.has(id)) continue;
      if (on) this.#speaking.add(id);
      else this.#speaking.delete(id);
      this.#emit("speaking", { id, on });
    }
  }

  #tampered(detail) {
    this.#cheated = true;
    for (const track of Object.values(this.#tracks)) if (track) track.enabled = false;
    this.#emit("lock", false);
    this.#emit("words", null);
    this.#emit("tampered", detail);
    this.#drop();
    this.#set("failed");
  }

  #drop() {
    clearTimeout(this.#patience);
    clearInterval(this.#timer);
    for (const part of [this.#call, this.#group, this.#circle, this.#presence]) part?.close();
    this.#call = this.#group = this.#circle = null;
  }

  #close() {
    if (this.state === "closed") return;
    this.#drop();
    this.#tracks.screen?.stop();
    for (const [type, hear] of this.#listeners) this.#signalling.removeEventListener(type, hear);
    this.#set("closed");
  }

  #hear(type, act) {
    const hear = ({ detail }) => act(detail);
    this.#listeners.push([type, hear]);
    this.#signalling.addEventListener(type, hear);
  }

  #pass(from, type) { from.addEventListener(type, ({ detail }) => this.#emit(type, detail)); }

  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.#emit("state", state);
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
