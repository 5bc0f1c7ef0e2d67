// One call between two browsers. The physician's side offers, always; the other side answers, always: no glare.
//
// ready (answering side, with a commitment) -> offer of the call that `ready` named -> answer, candidates both ways.
// A page that is loaded again says ready again, which gives a new call; a network change gives the same call again.

import { Reader, Writer } from "./rtt.js";
import { commitment, fingerprints, nonce, shortString } from "./sas.js";

const RESTART_AFTER = 3000;
const ANEW_AFTER = 10000;
const PATIENCE = 30000;
const KINDS = ["audio", "video"];

export class Call extends EventTarget {
  state = "";
  #signalling; #room; #stream; #offers;
  #pc = null; #id = ""; #peer = ""; #channel = null; #certificate = null;
  #secrets = new Map(); #commit = ""; #nonce = ""; #prints = ""; #early = [];
  #chain = Promise.resolve(); #timers = []; #patience = 0; #stats = 0; #listeners = []; #last = null;
  #off = { audio: false, video: false };
  #writer = new Writer(nonce()); #reader = new Reader();

  constructor({ signalling, room, stream, offers }) {
    super();
    this.#signalling = signalling;
    this.#room = room;
    this.#stream = stream;
    this.#offers = offers;
    for (const type of ["ready", "offer", "answer", "candidate"]) {
      this.#on(type, (message) => this.#next(() => this[`_${type}`](message)));
    }
    this.#on("peer", (peer) => this.#seen(peer));
    this.#on("welcome", ({ peers }) => peers.forEach((peer) => this.#readmit(peer)));
    this.#on("admitted", () => this.state && !this.#live() && this.start());
    this.#on("ended", () => this.#finish("closed"));
    this.#on("elsewhere", () => this.#finish("closed"));
    this.#on("void", () => this.#finish("closed"));
  }

  start() {
    if (this.state === "closed") return;
    if (!this.state) this.#set("connecting");
    this.#next(() => this.#ready());
  }

  mute(on) { this.#switch("audio", on); }
  camera(on) { this.#switch("video", on); }

  use(stream) {
    this.#stream = stream;
    for (const [index, sender] of (this.#pc?.getSenders() ?? []).entries()) sender.replaceTrack(this.#track(KINDS[index]));
    this.#tell();
  }

  type(value) { this.#write(this.#writer.edit(value), value); }
  commit() { this.#write(this.#writer.commit(), null); }

  hangUp() {
    this.#signalling.bye();
    this.#finish("closed");
  }

  async #ready() {
    this.#certificate ??= await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
    const page = nonce(), message = { type: "ready", page };
    if (!this.#offers) {
      const secret = nonce();
      this.#secrets.set(page, secret);
      message.commit = await commitment(secret, await this.#ownPrints());
    }
    this.#signalling.send(message);
  }

  async _ready({ page, commit, from }) {
    if (!this.state) return;
    this.#peer = from;
    if (!this.#offers) await this.#ready();
    if (!this.#offers || !commit) return;
    this.#open(page);
    this.#commit = commit;
    this.#nonce = nonce();
    for (const kind of KINDS) this.#pc.addTransceiver(this.#track(kind) ?? kind, { direction: "sendrecv" });
    await this.#offer();
  }

  async #offer(options) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer(options));
    this.#prefer();
    this.#signalling.send({ type: "offer", call: this.#id, sdp: this.#pc.localDescription.sdp, nonce: this.#nonce });
  }

  async _offer({ call, sdp, nonce: theirs, from }) {
    if (this.#offers || !this.state) return;
    if (call !== this.#id) {
      if (!this.#secrets.has(call)) return;
      this.#open(call);
      this.#nonce = this.#secrets.get(call);
      this.#secrets.delete(call);  // told in the answer: it commits to nothing any more
    }
    this.#peer = from;
    await this.#pc.setRemoteDescription({ type: "offer", sdp });
    for (const [index, transceiver] of this.#pc.getTransceivers().entries()) {
      transceiver.direction = "sendrecv";
      await transceiver.sender.replaceTrack(this.#track(KINDS[index]));
    }
    await this.#pc.setLocalDescription(await this.#pc.createAnswer());
    this.#prefer();
    this.#signalling.send({ type: "answer", call, sdp: this.#pc.localDescription.sdp, nonce: this.#nonce });
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
    const pc = this.#pc = new RTCPeerConnection({
      iceServers: this.#signalling.ice, bundlePolicy: "max-bundle", certificates: [this.#certificate],
    });
    const channel = this.#channel = pc.createDataChannel("text", { negotiated: true, id: 0 });
    channel.onopen = () => { this.#tell(); this.#put(this.#writer.whole()); };
    channel.onmessage = (event) => this.#read(event.data);
    pc.onicecandidate = ({ candidate }) => candidate?.candidate && this.#signalling.send({
      type: "candidate", call: id, candidate: candidate.candidate, mid: candidate.sdpMid, line: candidate.sdpMLineIndex,
    });
    const remote = new MediaStream();
    pc.ontrack = ({ track }) => { remote.addTrack(track); this.#emit("remote", remote); };
    pc.onconnectionstatechange = () => pc === this.#pc && this.#changed(pc.connectionState);
    this.#patience ||= setTimeout(() => this.#live() || this.#set("failed"), PATIENCE);
  }

  #changed(state) {
    if (state === "connected") {
      this.#wait();
      clearTimeout(this.#patience);
      this.#patience = 0;
      this.#set("live");
      clearInterval(this.#stats);
      this.#stats = setInterval(() => this.#measure(), 1000);
    } else if (state === "disconnected" || state === "failed") {
      if (this.state === "live") this.#set("reconnecting");
      this.#wait(
        [state === "failed" ? 0 : RESTART_AFTER, () => this.#offers && this.#offer({ iceRestart: true })],
        [ANEW_AFTER, () => this.#ready()],
        [PATIENCE, () => this.#set("failed")],
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
    else if (!this.#readmit(peer) && peer.connected && this.state && !this.#live()) this.#next(() => this.#ready());
  }

  // Who hung up is not waited for as one whose network is away; coming back makes a new call.
  #leave() {
    this.#drop();
    clearTimeout(this.#patience);
    this.#patience = 0;
    this.#id = "";
    this.#set("left");
  }

  // After a restart of the server either side may be back first; the other is in this call already.
  #readmit(peer) {
    const again = this.#offers && peer.id === this.#peer && !peer.admitted && peer.connected && this.#live();
    if (again) this.#signalling.admit(peer.id);
    return again;
  }

  #switch(kind, off) {
    this.#off[kind] = off;
    this.#track(kind);
    this.#tell();
  }

  #track(kind) {
    const track = this.#stream?.getTracks().find((one) => one.kind === kind) ?? null;
    if (track) {
      track.enabled = !this.#off[kind];
      if (kind === "video") track.contentHint = "motion";
    }
    return track;
  }

  // Signing needs a fluent picture more than a sharp one (EN 301 549, 6.5); sound goes first.
  #prefer() {
    for (const sender of this.#pc.getSenders()) {
      const wanted = sender.getParameters();
      if (sender.track?.kind === "video") wanted.degradationPreference = "maintain-framerate";
      else if (wanted.encodings?.[0]) wanted.encodings[0].networkPriority = wanted.encodings[0].priority = "high";
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

  #tell() {
    const has = (kind) => this.#track(kind) !== null && !this.#off[kind];
    this.#put({ media: { audio: has("audio"), video: has("video") } });
  }

  #write(edit, value) {
    if (!edit) return;
    this.#put(edit);
    this.#last = { from: "me", line: edit.line, text: value ?? this.#last?.text ?? "", done: edit.done === true };
    this.#emit("text", this.#last);
    if (edit.done) this.#last = null;
  }

  #put(value) { if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(value)); }

  #read(data) {
    const value = JSON.parse(data);
    if (value.media) {
      this.#emit("peer", { audio: value.media.audio === true, video: value.media.video === true });
      return;
    }
    const line = this.#reader.apply(value);
    if (line) this.#emit("text", { from: "peer", ...line });
  }

  async #measure() {
    const found = {};
    for (const report of (await this.#pc.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") found.audioLevel = report.audioLevel;
      if (report.type === "inbound-rtp" && report.kind === "video") found.framesDecoded = report.framesDecoded;
      if (report.type === "candidate-pair" && report.nominated) found.rtt = report.currentRoundTripTime;
    }
    this.#emit("stats", found);
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
