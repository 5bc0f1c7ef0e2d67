// A call through the forwarding unit: keeps one leg alive, makes the next before the last is dropped, watches that
// everything is encrypted. The keys are the circle's and outlive every leg.

import { Leg } from "./leg.js";
import { Quality } from "./quality.js";

const LOOK_EVERY = 1000;
const CHECK_EVERY = 250;      // until both directions are known to be encrypted
const RESTART_AFTER = 1000;
const SILENT_AFTER = 2;       // seconds without a packet after which a leg is given up
const LONGEST_WAIT = 8000;
const GIVE_UP_AFTER = 4;      // attempts in vain, half a minute, until it is said; they go on

export class Group extends EventTarget {
  state = "connecting";
  locked = false;
  quality;
  #signalling; #circle; #tracks; #places; #relay; #leg = null; #next = null; #on = {}; #timer = 0; #attempt = 0;
  #retry = 0; #chain = Promise.resolve(); #listeners = []; #closed = false; #looked = 0;

  constructor({ signalling, circle, tracks, places, relay, signing }) {
    super();
    this.#signalling = signalling;
    this.#circle = circle;
    this.#tracks = tracks;
    this.#places = places;
    this.#relay = relay;
    this.quality = new Quality({ signing });
    this.quality.addEventListener("advice", ({ detail }) => this.#emit("advice", detail));
    this.#hear("unit", ({ call, sdp }) => this.#leg_of(call)?.answer(sdp));
    this.#hear("slots", (slots) => this.#bind(slots));
    this.#hear("wanted", ({ high, low }) => this.#watched(high, low));
    this.#hear("again", ({ call }) => this.#leg_of(call) && this.#again());
    this.#hear("denied", (refused) => this.#refused(refused));
    this.#hear("online", () => (this.#next || this.#leg?.state !== "connected") && this.#again());
  }

  get current() { return this.#leg ?? this.#next; }

  start() {
    this.#again();
    this.#look();
  }

  // {audio, video, screen}: what the person has switched on.
  enable(on) {
    this.#on = on;
    this.#leg?.enable(on);
    this.#next?.enable(on);
  }

  async put(name, track) {
    this.#tracks[name] = track;
    await Promise.all([this.#leg, this.#next].map((leg) => leg?.put(name, track)));
    this.enable(this.#on);
  }

  remotes() { return this.current?.remotes() ?? []; }
  levels() { return this.#leg?.levels() ?? {}; }
  view(want) { this.#signalling.send({ type: "view", want }); }
  retryVideo() { return this.quality.retry(this.current.senders); }
  sign(on) { return this.quality.sign(on, this.current.senders); }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    for (const [type, hear] of this.#listeners) this.#signalling.removeEventListener(type, hear);
    this.#leg?.close();
    this.#next?.close();
    this.#leg = this.#next = null;
  }

  // A new leg; the one before goes on until this one is connected.
  #again() {
    clearTimeout(this.#retry);
    if (!this.#signalling.you) return;  // what is offered now would come late; `online` begins anew
    if (this.#attempt === GIVE_UP_AFTER) this.#set("failed");
    this.#next?.close();
    const leg = this.#next = new Leg({ signalling: this.#signalling, circle: this.#circle, places: this.#places, relay: this.#relay });
    leg.addEventListener("state", ({ detail }) => this.#changed(leg, detail));
    this.#step(async () => {
      for (const [name, track] of Object.entries(this.#tracks)) await leg.put(name, track);
      await leg.offer();
    });
    // Nothing heard of it in this time: once more, less and less often.
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#next === leg && this.#again(), Math.min(LONGEST_WAIT, 2000 * 2 ** this.#attempt));
  }

  #changed(leg, state) {
    if (state === "connected") this.#connected(leg);
    else if (leg !== this.#leg) return;
    else if (state === "failed") this.#again();
    else if (state === "disconnected") {
      this.#set("reconnecting");
      this.#retry = setTimeout(() => leg.state === "disconnected" && this.#step(() => leg.offer({ iceRestart: true })), RESTART_AFTER);
    }
  }

  #connected(leg) {
    clearTimeout(this.#retry);
    this.#attempt = 0;
    if (leg === this.#next) {
      this.#leg?.close();
      this.#leg = leg;
      this.#next = null;
      this.quality.fresh();
      this.#lock(false);
    }
    this.#step(() => this.quality.apply(leg.senders));
    this.#set("live");
    this.#show();
  }

  #bind(slots) {
    this.#step(async () => {
      for (const leg of [this.#leg, this.#next]) await leg?.bind(slots);  // it does not say which: what is wrong opens nothing
      this.#show();
    });
  }

  #show() { if (this.#leg) this.#emit("people", this.#leg.remotes()); }

  async #look() {
    if (this.#leg && !this.#closed) await this.#examine(this.#leg).catch((error) => this.#emit("trouble", { name: error.name }));
    if (!this.#closed) this.#timer = setTimeout(() => this.#look(), this.locked ? LOOK_EVERY : CHECK_EVERY);
  }

  async #examine(leg) {
    const { sealed, opened, leak } = await leg.check();
    if (this.#closed || leg !== this.#leg) return;
    if (leak) return this.#leaked();
    leg.enable(this.#on);
    this.#lock(sealed && opened && this.state === "live");
    if (performance.now() - this.#looked < LOOK_EVERY * 0.9) return;
    this.#looked = performance.now();
    const stats = await this.quality.measure(leg.pc, leg.senders);
    if (this.#closed || leg !== this.#leg) return;
    this.#emit("stats", stats);
    if (stats.silent >= SILENT_AFTER && !this.#next) {
      this.#set("reconnecting");
      this.#again();
    }
  }

  #leaked() {
    this.#lock(false);
    this.close();
    this.#emit("tampered", { reason: "plain" });
  }

  #refused({ reason, call }) {
    if (!this.#leg_of(call)) return;
    if (reason === "plain") this.#leaked();
    else if (this.#next?.id !== call) this.#again();  // too late for an ICE restart
  }

  #watched(high, low) {
    this.quality.watched = { h: high, l: low };
    this.#step(() => this.current && this.quality.apply(this.current.senders));
  }

  #leg_of(call) { return [this.#leg, this.#next].find((leg) => leg && leg.id === call); }

  #lock(on) {
    if (on === this.locked) return;
    this.locked = on;
    this.#emit("lock", on);
  }

  #hear(type, act) {
    const hear = ({ detail }) => act(detail);
    this.#listeners.push([type, hear]);
    this.#signalling.addEventListener(type, hear);
  }

  #step(step) {
    this.#chain = this.#chain.then(step).catch((error) => this.#closed || this.#emit("trouble", { name: error.name }));
  }

  #set(state) {
    if (state === this.state || this.#closed) return;
    this.state = state;
    if (state !== "live") this.#lock(false);
    this.#emit("state", state);
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
