// Measures a connection once a second, asks the ladder, and sets the senders accordingly.

import { GONE_AFTER, advance, begin, callBack, heldBack, retry, sending } from "./ladder.js";

const RED = "audio/red";
const WARM_UP = 8;
const FLOWING = 1000;  // bytes in a second; where less came, nothing follows from none
const SMALL = 150;  // kbit/s of the lower layer
const LAYERS_FROM = 480 * 270;

export class Quality extends EventTarget {
  watched = { h: true, l: true };  // which layers anybody looks at
  #state = begin(); #signing; #before = null; #quiet = 0; #flow = 0; #chain = Promise.resolve(); #began = null; #flowed = null;

  constructor({ signing = false } = {}) {
    super();
    this.#signing = signing;
  }

  // {rtt, loss, kbps, framesDecoded, audioLevel}, after the senders were set by it. senders: {audio, video}
  async measure(pc, senders, now = performance.now()) {
    const found = { available: undefined, limited: false, loss: 0, rtt: undefined, bytes: 0, packets: 0, lost: 0, asked: 0, framesDecoded: 0, audioLevel: 0 };
    for (const report of (await pc.getStats()).values()) this.#add(found, report);
    const sample = this.#since(found, now / 1000);
    this.#take(advance(this.#returned(sample), sample, now / 1000));
    hold(pc, heldBack(this.#state, sample, now / 1000));
    await this.apply(senders);  // the size of the picture may have become known, or a change was refused
    return { ...sample, framesDecoded: found.framesDecoded, audioLevel: found.audioLevel };
  }

  // A line that was away is no weak line: when something comes again, the step is the one from before the silence.
  #returned({ silent }) {
    if (silent >= GONE_AFTER) this.#flowed ??= this.#state;
    if (silent || !this.#flowed) return this.#state;
    const before = { ...this.#flowed, worseSince: null, betterSince: null, sentence: "better" };
    this.#flowed = null;
    this.#take(before);
    return before;
  }

  // For a new connection, which counts from nothing; the step stays.
  fresh() {
    this.#before = null;
    this.#flow = 0;
    this.watched = { h: true, l: true };
  }

  retry(senders) {
    this.#take(retry(this.#state));
    return this.apply(senders);
  }

  sign(on, senders) {
    this.#signing = on;
    return this.apply(senders);
  }

  // Sets what a step says. One after the other: two changes of one sender at a time are refused.
  apply(senders) { return this.#chain = this.#chain.then(() => this.#apply(senders)); }

  async #apply({ audio, video }) {
    const wanted = sending(this.#state, { signing: this.#signing });
    await set(audio, (encoding) => {
      encoding.maxBitrate = wanted.audio * 1000;
      if (wanted.long || encoding.adaptivePtime) encoding.adaptivePtime = wanted.long;
    }, wanted.red);
    // Of a small picture browsers make one layer, the first; and on a weak network one is all there is room for.
    const one = small(video) || wanted.video?.kbps <= SMALL;
    await set(video, (encoding, at, all) => {
      const main = all.length === 1 || encoding.rid === (one ? "l" : "h");
      const watched = all.length === 1 || this.watched[encoding.rid] || (main && one && this.watched.h);
      encoding.active = wanted.video !== null && watched && (main || !one);
      if (!wanted.video) return;
      encoding.maxBitrate = (main ? wanted.video.kbps : SMALL) * 1000;
      encoding.maxFramerate = wanted.video.fps;
      encoding.scaleResolutionDownBy = wanted.video.scale * (main ? 1 : 2);
    });
  }

  #add(found, report) {
    if (report.type === "candidate-pair" && report.nominated) {
      found.rtt = report.currentRoundTripTime;
      found.bytes += report.bytesReceived ?? 0;
      found.available = report.availableOutgoingBitrate && report.availableOutgoingBitrate / 1000;
    } else if (report.type === "inbound-rtp") {
      found.packets += report.packetsReceived ?? 0;
      found.lost += report.packetsLost ?? 0;
      found.asked += report.nackCount ?? 0;
      if (report.kind === "video") found.framesDecoded += report.framesDecoded ?? 0;
      else found.audioLevel = Math.max(found.audioLevel, report.audioLevel ?? 0);
    } else if (report.type === "outbound-rtp") {
      found.limited ||= report.qualityLimitationReason === "bandwidth";
    } else if (report.type === "remote-inbound-rtp") {
      found.loss = Math.max(found.loss, report.fractionLost ?? 0);
    }
  }

  #since(found, now) {
    const before = this.#before ?? found, packets = found.packets - before.packets, lost = Math.max(0, found.lost - before.lost);
    const came = Math.max(0, found.bytes - before.bytes), asked = Math.max(0, found.asked - before.asked) / Math.max(1, packets);
    if (came > 0 || this.#before === null) {
      this.#quiet = now;
      this.#flow = (this.#flow + came) / 2;
    }
    this.#before = found;
    const down = packets + lost > 20 ? lost / (packets + lost) : 0;  // a handful of packets says nothing about a rate
    this.#began ??= now;
    // What the browser believes the line carries is a measurement only while it would send more, and has had time to try.
    const kbps = found.limited && now - this.#began > WARM_UP ? found.available : undefined;
    return { kbps, rtt: found.rtt, loss: Math.max(found.loss, down), asked, silent: this.#flow > FLOWING ? now - this.#quiet : 0 };
  }

  #take(next) {
    this.#state = next;
    if (next.sentence) this.#emit("advice", { step: next.step, sentence: next.sentence, call_back: callBack(next) });
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

// Not every browser can hold back; then its own judgement has to do.
function hold(pc, milliseconds) {
  for (const receiver of pc.getReceivers()) {
    if (receiver.jitterBufferTarget !== undefined && receiver.jitterBufferTarget !== milliseconds) receiver.jitterBufferTarget = milliseconds;
  }
}

// True for a picture of which no second layer is made, and until its size is known.
function small(sender) {
  const { width, height } = sender?.track?.getSettings() ?? {};
  return !(width * height >= LAYERS_FROM);
}

// Changes the encodings of a sender that has some; `red` chooses redundant sound where both sides negotiated it.
async function set(sender, change, red = null) {
  const parameters = sender?.getParameters();
  if (!parameters?.encodings?.length) return;
  const before = JSON.stringify(parameters.encodings);
  parameters.encodings.forEach(change);
  const codecs = parameters.codecs ?? [], both = codecs.filter(({ mimeType }) => [RED, "audio/opus"].includes(mimeType.toLowerCase()));
  if (red !== null && both.length === 2) {
    parameters.encodings[0].codec = both.find(({ mimeType }) => (mimeType.toLowerCase() === RED) === red);
  }
  if (before === JSON.stringify(parameters.encodings)) return;
  await sender.setParameters(parameters).catch(() => {});  // the connection was closed, or an old browser knows fewer fields
}
