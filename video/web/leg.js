// One connection to the forwarding unit: own tracks out, everybody else's in, each frame through the worker.
// Nothing is shown, heard or sent that was not counted as encrypted before.

import { Loudness } from "./loudness.js";
import { withNack } from "./nack.js";
import { nonce } from "./sas.js";

const SLACK = 8;  // frames that may be between encoder and worker while both are asked
const RIDS = [{ rid: "l", scaleResolutionDownBy: 2, maxBitrate: 150_000 }, { rid: "h" }];
const OWN = ["audio", "video", "screen"];
const EXTENSIONS = /abs-send-time|transport-wide-cc|rtp-stream-id|repaired-rtp-stream-id/;
const CODECS = { audio: ["audio/opus", "audio/red"], video: ["video/vp8", "video/rtx"] };

// What the unit reads of an offer; the rest would only make it longer than it may be.
export function lean(sdp) {
  return sdp.split("\r\n").filter((line) => !line.startsWith("a=extmap:") || EXTENSIONS.test(line))
    .filter((line) => !/^a=(candidate|extmap-allow-mixed|rtcp-fb:\d+ (ccm|goog-remb))/.test(line)).join("\r\n");
}

const kindOf = (name) => (name === "audio" ? "audio" : "video");

export class Leg extends EventTarget {
  id = nonce();
  senders = {};
  #frames; #kid; #signalling; #pc; #tracks = {}; #slots = []; #screen = null; #bound = new Map(); #sealed = new Set();
  #loudness = new Loudness();

  constructor({ signalling, circle, places, relay }) {
    super();
    this.#signalling = signalling;
    this.#frames = circle.frames;
    this.#kid = circle.kid;
    this.#pc = new RTCPeerConnection({
      iceServers: signalling.ice, bundlePolicy: "max-bundle", iceTransportPolicy: relay ? "relay" : "all",
      ...this.#frames.configuration,
    });
    this.#pc.onconnectionstatechange = () => this.dispatchEvent(new CustomEvent("state", { detail: this.#pc.connectionState }));
    for (const name of OWN) this.#outward(name);
    for (let n = 0; n < places; n++) this.#slots.push({ audio: this.#inward("audio", n), video: this.#inward("video", n) });
    this.#screen = this.#inward("video", "screen");
  }

  get pc() { return this.#pc; }
  get state() { return this.#pc.connectionState; }
  // Tracks of this leg alone: off until their frames are known to be encrypted.
  async put(name, track) {
    this.#tracks[name]?.stop();
    const own = this.#tracks[name] = track?.clone() ?? null;
    if (own) {
      own.enabled = false;
      own.contentHint = { audio: "", video: "motion", screen: "detail" }[name];
    }
    await this.senders[name].replaceTrack(own);
  }

  // What the person wants on, which counts only once frames of that track were encrypted.
  enable(on) {
    for (const name of OWN) if (this.#tracks[name]) this.#tracks[name].enabled = this.#sealed.has(name) && on[name] === true;
  }

  async offer(options) {
    const { type, sdp } = await this.#pc.createOffer(options);
    await this.#pc.setLocalDescription({ type, sdp: withNack(sdp) });
    this.#signalling.send({ type: "unit", call: this.id, sdp: lean(this.#pc.localDescription.sdp), kid: this.#kid });
  }

  async answer(sdp) {
    if (this.#pc.signalingState === "have-local-offer") await this.#pc.setRemoteDescription({ type: "answer", sdp });
  }

  // Who is where from now on; frames of anybody else in that place do not open.
  async bind({ slots, screen }) {
    const bound = new Map();
    for (const { slot, participant } of slots) if (this.#slots[slot]) bound.set(participant ?? `nobody ${slot}`, this.#slots[slot]);
    this.#bound = bound;
    for (const [id, { audio, video }] of bound) for (const end of [audio, video]) await this.#frames.bind(end.name, id);
    this.#screen.of = screen ?? null;
    await this.#frames.bind(this.#screen.name, screen ?? "nobody");
  }

  // [{id, stream, screen}]
  remotes() {
    const found = [...this.#bound].filter(([id]) => !id.startsWith("nobody "));
    return found.map(([id, { audio, video }]) => ({
      id, stream: (video.stream ??= new MediaStream([audio.receiver.track, video.receiver.track])),
      screen: this.#screen.of === id ? (this.#screen.stream ??= new MediaStream([this.#screen.receiver.track])) : null,
    }));
  }

  // {id: level} of everybody heard.
  async levels() {
    const found = {};
    for (const [id, { audio }] of this.#bound) found[id] = await this.#loudness.level(audio.receiver);
    return found;
  }

  // {sealed, opened, leak}: own frames go out encrypted, those that came in were decrypted, and none went by the worker.
  async check() {
    const before = new Map();
    for (const name of OWN) before.set(name, await figures(this.senders[name], "outbound-rtp"));
    const ends = [...[...this.#bound.values()].flatMap(({ audio, video }) => [audio, video]), this.#screen];
    for (const end of ends) before.set(end, await figures(end.receiver, "inbound-rtp"));
    const counts = await this.#frames.counts();
    const out = OWN.filter((name) => this.#tracks[name]).map((name) => ({ ...counts[this.#name(name)], ...before.get(name), name }));
    const came = ends.map((end) => ({ ...counts[end.name], ...before.get(end), end }));
    const leak = out.some(({ name, passed = 0, dropped = 0, frames, packets }) => (name === "audio" ? packets : frames) > passed + dropped + SLACK)
      || came.some(({ passed = 0, decoded }) => decoded > passed + SLACK);
    for (const { end, passed } of came) end.receiver.track.enabled = passed > 0 && !leak;
    this.#sealed = new Set(leak ? [] : out.filter(({ passed }) => passed > 0).map(({ name }) => name));
    // A picture that is not sent now, as on a weak line, leaves nothing to be encrypted.
    const sealed = !leak && out.every(({ name, frames }) => this.#sealed.has(name) || (name !== "audio" && frames === 0));
    const opened = came.every(({ passed, packets }) => passed > 0 || packets < SLACK);
    return { sealed, opened, leak };
  }

  close() {
    for (const track of Object.values(this.#tracks)) track?.stop();
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  #name(name) { return `${this.id}/${name}`; }

  #outward(name) {
    const sendEncodings = name === "video" ? RIDS : [{}];
    const transceiver = this.#pc.addTransceiver(kindOf(name), { direction: "sendonly", sendEncodings });
    this.#prefer(transceiver, kindOf(name));
    this.#frames.seal(transceiver.sender, this.#name(name), kindOf(name));
    this.senders[name] = transceiver.sender;
  }

  #inward(kind, place) {
    const transceiver = this.#pc.addTransceiver(kind, { direction: "recvonly" }), name = this.#name(`${place}/${kind}`);
    this.#prefer(transceiver, kind);
    this.#frames.open(transceiver.receiver, name, kind);
    transceiver.receiver.track.enabled = false;
    return { name, receiver: transceiver.receiver };
  }

  #prefer(transceiver, kind) {
    const able = RTCRtpReceiver.getCapabilities(kind).codecs;
    const wanted = CODECS[kind].flatMap((type) => able.filter(({ mimeType }) => mimeType.toLowerCase() === type));
    transceiver.setCodecPreferences?.(wanted);
  }
}

// The sums over the reports of one sender or receiver.
async function figures(end, type) {
  const sum = { frames: 0, packets: 0, decoded: 0 };
  for (const report of (await end.getStats()).values()) {
    if (report.type !== type) continue;
    sum.frames += report.framesEncoded ?? 0;
    sum.packets += (report.packetsSent ?? report.packetsReceived ?? 0) - (report.retransmittedPacketsSent ?? 0);
    sum.decoded += report.framesDecoded ?? 0;
  }
  return sum;
}
