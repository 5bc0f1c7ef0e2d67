// One call between two browsers. The physician's side offers, always; the other side answers, always: no glare.
//
// ready (answering side, with a commitment) -> offer of the call that `ready` named -> answer, candidates both ways.
// A page that is loaded again says ready again, which gives a new call; a network change gives the same call again.

import { Loudness } from "./loudness.js";
import { withNack } from "./nack.js";
import { Quality } from "./quality.js";
import { commitment, fingerprints, nonce, shortString } from "./sas.js";

const RESTART_AFTER = 3000;
const ANEW_AFTER = 10000;
const PATIENCE = 30000;
const KINDS = ["audio", "video", "screen"];
const HINTS = { video: "motion", screen: "detail" };

export class Call extends EventTarget {
  state = "";
  quality;
  #signalling; #room; #tracks; #offers; #peer; #relay;
  #pc = null; #id = ""; #channel = null; #certificate = null;
  #secrets = new Map(); #commit = ""; #nonce = ""; #prints = ""; #early = [];
  #chain = Promise.resolve(); #timers = []; #patience = 0; #stats = 0; #listeners = []; #heard = false;
  #loudness = new Loudness();

  // peer: the id of the other one; tracks: {audio, video, screen}, each a track or null.
  constructor({ signalling, room, peer, tracks, offers, relay, signing }) {
    super();
    this.#signalling = signalling;
    this.#room = room;
    this.#peer = peer;
    this.#tracks = tracks;
    this.#offers = offers;
    this.#relay = relay;
    this.quality = new Quality({ signing });
    this.quality.addEventListener("advice", ({ detail }) => this.#emit("advice", detail));
    for (const type of ["ready", "offer", "answer", "candidate"]) {
      this.#on(type, (message) => message.from === this.#peer && this.#hear(type, message));
    }
    this.#on("peer", (seen) => this.#seen(seen));
    this.#on("admitted", () => this.state && !this.#live() && this.start());
  }

  start() {
    if (this.state === "closed") return;
    if (!this.state) this.#set("connecting");
    this.#next(() => this.#ready());
  }

  async put(name, track) {
    this.#tracks[name] = track;
    await this.#pc?.getSenders()[KINDS.indexOf(name)]?.replaceTrack(this.#track(name));
  }

  // True if the other side is to get it: as text, in order, and all of it.
  send(value) {
    const open = this.#channel?.readyState === "open";
    if (open) this.#channel.send(JSON.stringify(value));
    return open;
  }

  retryVideo() { return this.quality.retry(this.#senders()); }
  sign(on) { return this.quality.sign(on, this.#senders()); }

  // The level of the other side's sound, 0 to 1.
  level() { return this.#loudness.level(this.#pc?.getReceivers()[0]); }

  close() { this.#finish("closed"); }

  async #ready() {
    this.#certificate ??= await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
    const page = nonce(), message = { type: "ready", page, to: this.#peer };
    if (!this.#offers) {
      const secret = nonce();
      this.#secrets.set(page, secret);
      message.commit = await commitment(secret, await this.#ownPrints());
    }
    this.#signalling.send(message);
  }

  async _ready({ page, commit }) {
    if (!this.state) return;
    if (!this.#offers) await this.#ready();
    if (!this.#offers || !commit) return;
    this.#open(page);
    this.#commit = commit;
    this.#nonce = nonce();
    for (const kind of KINDS) this.#pc.addTransceiver(this.#track(kind) ?? (kind === "audio" ? kind : "video"), { direction: "sendrecv" });
    await this.#offer();
  }

  async #offer(options) {
    await this.#describe(await this.#pc.createOffer(options));
    this.#prefer();
    this.#signalling.send({ type: "offer", call: this.#id, sdp: this.#pc.localDescription.sdp, nonce: this.#nonce, to: this.#peer });
  }

  #describe({ type, sdp }) { return this.#pc.setLocalDescription({ type, sdp: withNack(sdp) }); }

  async _offer({ call, sdp, nonce: theirs }) {
    if (this.#offers || !this.state) return;
    if (call !== this.#id) {
      if (!this.#secrets.has(call)) return;
      this.#open(call);
      this.#nonce = this.#secrets.get(call);
      this.#secrets.delete(call);  // told in the answer: it commits to nothing any more
    }
    await this.#pc.setRemoteDescription({ type: "offer", sdp });
    for (const [index, transceiver] of this.#pc.getTransceivers().entries()) {
      transceiver.direction = "sendrecv";
      await transceiver.sender.replaceTrack(this.#track(KINDS[index]));
    }
    await this.#describe(await this.#pc.createAnswer());
    this.#prefer();
    this.#signalling.send({ type: "answer", call, sdp: this.#pc.localDescription.sdp, nonce: this.#nonce, to: this.#peer });
    await this.#check(theirs);
    await this.#late();
  }

  async _answer({ call, sdp, nonce: theirs }) {
    if (!this.#offers || call !== this.#id || this.#pc.signalingState !== "have-local-offer") return;
    if (await commitment(theirs, fingerprints(sdp)) !== this.#commit) {
      this.#tampered();
      return;
    }
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
    await this.#check(theirs);
    await this.#late();
  }

  async _candidate(message) {
    if (message.call !== this.#id) return;
    if (!this.#pc.remoteDescription) {
      this.#early.push(message);
      return;
    }
    const { candidate, mid, line } = message;
    if (candidate) await this.#pc.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line });
  }

  async #late() {
    for (const message of this.#early.splice(0)) await this._candidate(message);
  }

  async #check(theirs) {
    const local = fingerprints(this.#pc.localDescription.sdp), remote = fingerprints(this.#pc.remoteDescription.sdp);
    const prints = `${local}/${remote}`;
    if (!local || !remote || (this.#prints && this.#prints !== prints)) {
      this.#tampered();
    } else if (!this.#prints) {
      this.#prints = prints;
      this.#emit("words", await shortString(this.#room, [[local, this.#nonce], [remote, theirs]]));
    }
  }

  #tampered() {
    this.#emit("tampered");
    this.#finish("failed");
  }

  #open(id) {
    this.#drop();
    // What was agreed and told before belongs to an earlier call.
    this.#set("connecting");
    this.#id = id;
    this.#prints = "";
    this.#early = [];
    this.quality.fresh();
    const pc = this.#pc = new RTCPeerConnection({
      iceServers: this.#signalling.ice, bundlePolicy: "max-bundle", certificates: [this.#certificate],
      iceTransportPolicy: this.#relay ? "relay" : "all",
    });
    const channel = this.#channel = pc.createDataChannel("text", { negotiated: true, id: 0 });
    channel.onopen = () => this.#emit("open");
    channel.onmessage = (event) => this.#next(() => this.#emit("message", JSON.parse(event.data)));
    pc.onicecandidate = ({ candidate }) => candidate?.candidate && this.#signalling.send({
      type: "candidate", call: id, candidate: candidate.candidate, mid: candidate.sdpMid, line: candidate.sdpMLineIndex,
      to: this.#peer,
    });
    const stream = new MediaStream(), screen = new MediaStream();
    pc.ontrack = ({ track, transceiver }) => {
      const place = pc.getTransceivers().indexOf(transceiver);
      (KINDS[place] === "screen" ? screen : stream).addTrack(track);
      this.#emit("remote", { stream, screen });
    };
    pc.onconnectionstatechange = () => pc === this.#pc && this.#changed(pc.connectionState);
    this.#patience ||= setTimeout(() => this.#giveUp(), PATIENCE);
  }

  // Only a way that fails while both can be reached has failed; a network that is away is waited for.
  #giveUp() {
    this.#patience = 0;
    if (!this.#live() && this.#heard) this.#set("failed");
  }

  #hear(type, message) {
    this.#heard = true;
    this.#next(() => this[`_${type}`](message));
  }

  #changed(state) {
    if (state === "connected") {
      this.#wait();
      clearTimeout(this.#patience);
      this.#patience = 0;
      this.#set("live");
      clearInterval(this.#stats);
      this.#stats = setInterval(() => this.#next(() => this.#live() && this.#measure()), 1000);
      this.#next(() => this.quality.apply(this.#senders()));
    } else if (state === "disconnected" || state === "failed") {
      if (this.state === "live") this.#set("reconnecting");
      this.#heard = false;
      this.#signalling.look();
      this.#wait(
        [state === "failed" ? 0 : RESTART_AFTER, () => this.#offers && this.#offer({ iceRestart: true })],
        [ANEW_AFTER, () => this.#ready()],
        [PATIENCE, () => this.#giveUp()],
      );
    }
  }

  // What to try, and after how long, while the connection is away.
  #wait(...steps) {
    this.#timers.forEach(clearTimeout);
    this.#timers = steps.map(([after, step]) => setTimeout(() => this.#live() || this.#next(step), after));
  }

  #seen(peer) {
    if (peer.id !== this.#peer) return;
    if (peer.gone) this.#leave();
    else if (peer.admitted && peer.connected && this.state && !this.#live()) this.#next(() => this.#ready());
  }

  // Who hung up is not waited for as one whose network is away; coming back makes a new call.
  #leave() {
    this.#drop();
    clearTimeout(this.#patience);
    this.#patience = 0;
    this.#id = "";
    this.#set("left");
  }

  #track(kind) {
    const track = this.#tracks[kind] ?? null;
    if (track && HINTS[kind]) track.contentHint = HINTS[kind];
    return track;
  }

  #senders() {
    const [audio, video] = this.#pc?.getSenders() ?? [];
    return { audio, video };
  }

  // Signing needs a fluent picture more than a sharp one (EN 301 549, 6.5); sound goes first.
  #prefer() {
    for (const [index, sender] of this.#pc.getSenders().entries()) {
      const wanted = sender.getParameters();
      if (KINDS[index] === "video") wanted.degradationPreference = "maintain-framerate";
      else if (KINDS[index] === "audio" && wanted.encodings?.[0]) wanted.encodings[0].networkPriority = wanted.encodings[0].priority = "high";
      sender.setParameters(wanted).catch(() => {});
    }
  }

  async #ownPrints() {
    const probe = new RTCPeerConnection({ certificates: [this.#certificate] });
    probe.createDataChannel("probe");
    const { sdp } = await probe.createOffer();
    probe.close();
    return fingerprints(sdp);
  }

  async #measure() {
    const pc = this.#pc;
    const stats = await this.quality.measure(pc, this.#senders());
    if (pc === this.#pc) this.#emit("stats", stats);
  }

  #live() { return this.#pc?.connectionState === "connected"; }

  #drop() {
    this.#wait();
    clearInterval(this.#stats);
    this.#pc?.close();
    this.#pc = this.#channel = null;
  }

  #finish(state) {
    this.#drop();
    clearTimeout(this.#patience);
    for (const [type, hear] of this.#listeners) this.#signalling.removeEventListener(type, hear);
    this.#set(state);
  }

  #on(type, act) {
    const hear = (event) => act(event.detail);
    this.#listeners.push([type, hear]);
    this.#signalling.addEventListener(type, hear);
  }

  // One step after the other: an offer is worked off before the candidates that follow it.
  #next(step) {
    this.#chain = this.#chain.then(step).catch((error) => this.#pc && this.#emit("trouble", { name: error.name }));
  }

  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.#emit("state", state);
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
