// The pre-call check: own sound and picture go to the server's echo and come back, two tones go to the speaker. Verdicts
// are keys, not numbers.

const MEASURE_FOR = 6000;
const CONNECT_WITHIN = 8000;
const HEARD = 0.01;
const TONES = [[660, 0], [880, 0.4]];  // hertz, and seconds after the first
const TONE = 0.35;

// What a call may expect of this network. Loss and time are those of the way there and back.
export function verdict({ kbps, loss, rtt }) {
  if (!(kbps > 0)) return "none";
  if (kbps < 150 || loss > 0.15 || rtt > 1) return "audio";
  return kbps < 400 || loss > 0.04 || rtt > 0.4 ? "fair" : "good";
}

export class Precheck extends EventTarget {
  #ticket; #stream; #pc = null; #context = null; #timer = 0; #loudest = 0; #speaker = null;

  constructor({ ticket, stream }) {
    super();
    this.#ticket = ticket;
    this.#stream = stream;
    if (stream?.getAudioTracks().length) this.#listen(stream);
  }

  // Plays two tones, to the end; whether they were heard only the person can tell. False where sound may not start.
  async speaker() {
    const context = new AudioContext();
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 1000))]);
    const able = context.state === "running";
    if (able) await Promise.all(TONES.map(([frequency, at]) => tone(context, frequency, at)));
    await context.close();
    return able;
  }

  heard(yes) { this.#speaker = yes === true; }

  // {network, microphone, camera, speaker, kbps, loss, rtt}
  async run() {
    const camera = this.#stream?.getVideoTracks().some((track) => track.readyState === "live") ?? false;
    const found = this.#stream?.getTracks().length ? await this.#echo().catch(() => ({})) : {};
    return { network: verdict(found), microphone: this.#loudest > HEARD, camera, speaker: this.#speaker, ...found };
  }

  stop() {
    clearInterval(this.#timer);
    this.#pc?.close();
    this.#context?.close();
    this.#pc = this.#context = null;
  }

  async #echo() {
    const pc = this.#pc = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    const remote = new MediaStream();
    pc.ontrack = ({ track }) => { remote.addTrack(track); this.#emit("remote", remote); };
    for (const track of this.#stream.getTracks()) pc.addTransceiver(track, { streams: [this.#stream] });
    await pc.setLocalDescription();
    const answer = await fetch("/video/precheck", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ticket: await this.#ticket(), sdp: pc.localDescription.sdp }),
    });
    if (!answer.ok) throw new Error("refused");
    await pc.setRemoteDescription({ type: "answer", sdp: (await answer.json()).sdp });
    await this.#connected(pc);
    await new Promise((done) => setTimeout(done, MEASURE_FOR / 3));
    const before = await this.#sum(pc);
    await new Promise((done) => setTimeout(done, MEASURE_FOR));
    const after = await this.#sum(pc), packets = after.packets - before.packets, lost = after.lost - before.lost;
    return {
      kbps: Math.round(8 * (after.bytes - before.bytes) / (after.time - before.time)),
      loss: packets + lost > 0 ? Math.max(0, lost) / (packets + lost) : 1,
      rtt: after.rtt, frames: after.frames,
    };
  }

  #connected(pc) {
    return new Promise((done, fail) => {
      setTimeout(fail, CONNECT_WITHIN);
      pc.onconnectionstatechange = () => pc.connectionState === "connected" && done();
    });
  }

  async #sum(pc) {
    const sum = { bytes: 0, packets: 0, lost: 0, frames: 0, rtt: 0, time: performance.now() };
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "inbound-rtp") {
        sum.bytes += report.bytesReceived;
        sum.packets += report.packetsReceived;
        sum.lost += report.packetsLost;
        sum.frames += report.framesDecoded ?? 0;
        this.#loudest = Math.max(this.#loudest, report.audioLevel ?? 0);  // where WebAudio may not start
      }
      if (report.type === "candidate-pair" && report.nominated) sum.rtt = report.currentRoundTripTime ?? 0;
    }
    return sum;
  }

  #listen(stream) {
    this.#context = new AudioContext();
    // About as long as the time between two looks (85 ms at 48 kHz), so that no short sound is missed.
    const analyser = this.#context.createAnalyser(), samples = new Float32Array(4096);
    analyser.fftSize = samples.length;
    this.#context.createMediaStreamSource(stream).connect(analyser);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      this.#loudest = Math.max(this.#loudest, level);
      this.#emit("level", Math.min(1, level * 4));
    }, 100);
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

function tone(context, frequency, at) {
  const source = context.createOscillator(), volume = context.createGain(), start = context.currentTime + at;
  source.frequency.value = frequency;
  volume.gain.setValueAtTime(0.2, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + TONE);
  source.connect(volume).connect(context.destination);
  source.start(start);
  source.stop(start + TONE);
  return new Promise((done) => { source.onended = done; });
}
