// One call on the screen, for both sides: pictures, three buttons, check words and text that is seen as it is typed.
import { Consultation } from "../video/consultation.js";

const SPEAKING = 0.02;
const CONTROLS = ["microphone", "camera", "end", "audio-only", "typing"];

export class CallPanel {
  constructor(root, { signalling, room, stream, texts }) {
    this.texts = texts;
    this.stream = stream;
    this.parts = {};
    for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.call = new Consultation({ signalling, room, stream });
    this.muted = !stream?.getAudioTracks().length;
    this.dark = !stream?.getVideoTracks().length;
    this.peerHas = { audio: true, video: true };
    this.tampered = false;
    this.parts.self.srcObject = stream;
    this.parts.self.hidden = this.dark;
    this.parts.lines.replaceChildren();
    this.listen();
    this.show();
  }

  start() {
    this.enable(true);
    this.call.start();
    if (this.muted) this.call.mute(true);
    if (this.dark) this.call.camera(true);
  }

  // Only this panel's handlers: a later call on the same page takes the buttons over.
  listen() {
    const { parts, call } = this;
    parts.microphone.onclick = () => this.setMuted(!this.muted);
    parts.camera.onclick = () => this.setDark(!this.dark);
    parts["audio-only"].onclick = () => this.setDark(!this.dark);
    parts.typing.oninput = () => call.type(parts.typing.value);
    parts.typing.onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.commit(event); };
    call.addEventListener("remote", ({ detail }) => { if (detail.stream) parts.remote.srcObject = detail.stream; });
    call.addEventListener("state", ({ detail }) => this.state(detail));
    call.addEventListener("words", ({ detail }) => this.words(detail));
    call.addEventListener("tampered", () => { this.tampered = true; });
    call.addEventListener("text", ({ detail }) => this.line(detail));
    call.addEventListener("peer", ({ detail }) => this.peer(detail));
    call.addEventListener("stats", ({ detail }) => this.measured(detail));
  }

  commit(event) {
    event.preventDefault();
    if (!this.parts.typing.value.trim()) return;
    this.call.commit();
    this.parts.typing.value = "";
  }

  setMuted(on) {
    if (!this.stream?.getAudioTracks().length) return this.say(this.texts.noMicrophone);
    this.muted = on;
    this.call.mute(on);
    this.show();
  }

  setDark(on) {
    if (!this.stream?.getVideoTracks().length) return this.say(this.texts.noCamera);
    this.dark = on;
    this.call.camera(on);
    this.show();
  }

  show() {
    const { parts, texts } = this;
    parts["microphone-word"].textContent = this.muted ? texts.soundOff : texts.soundOn;
    parts["camera-word"].textContent = this.dark ? texts.pictureOff : texts.pictureOn;
    parts["audio-only"].textContent = this.dark ? texts.pictureAgain : texts.audioOnly;
    parts.microphone.classList.toggle("off", this.muted);
    parts.camera.classList.toggle("off", this.dark);
    parts.self.hidden = this.dark;
  }

  state(state) {
    if (state === "connecting") this.peerHas = { audio: true, video: true };
    const agreed = state === "live" || state === "reconnecting";
    // A last frame would look like somebody who still sits there, and the words were of that call alone.
    this.parts.remote.hidden = !agreed;
    this.tell();
  }

  // The other side may have told what it has turned off before the call counts as live.
  tell() {
    const { texts, call: { state }, peerHas: { audio, video } } = this;
    if (this.tampered) this.say(texts.tampered);
    else this.say(state !== "live" ? texts[state] ?? "" : audio || !video ? texts.live : texts.peerMuted);
    this.cover(state !== "live" ? texts[state] ?? "" : video ? "" : audio ? texts.peerDark : texts.peerOff);
  }

  cover(text) {
    this.parts.placeholder.textContent = text;
    this.parts.placeholder.hidden = !text;
  }

  words(agreed) {
    this.parts.words.textContent = agreed?.words.join(" ") ?? "…";
    this.parts.digits.textContent = agreed?.digits ?? "";
  }

  peer(has) {
    this.peerHas = has;
    this.tell();
  }

  // The count of frames is for whoever looks into a call that shows no picture.
  measured({ audioLevel, framesDecoded }) {
    this.parts.stage.classList.toggle("speaking", audioLevel > SPEAKING);
    this.parts.stage.dataset.frames = framesDecoded ?? 0;
  }

  line({ from: writer, line, text, done }) {
    const { lines, announcer } = this.parts, from = writer === "me" ? "me" : "peer";
    const key = `${from}-${line}`;
    let item = lines.querySelector(`[data-line="${key}"]`);
    if (!item) {
      item = document.createElement("li");
      item.dataset.line = key;
      item.className = from;
      item.append(Object.assign(document.createElement("b"), { textContent: `${lines.dataset[from]}: ` }), "");
      lines.append(item);
    }
    item.lastChild.textContent = text;
    lines.scrollTop = lines.scrollHeight;
    // A screen reader hears whole lines: letter by letter would talk over the conversation.
    if (done && from === "peer") announcer.textContent = `${lines.dataset.peer}: ${text}`;
  }

  say(text) { this.parts.status.textContent = text; }

  // Controls are always there; they are off while there is no call.
  enable(on) { for (const part of CONTROLS) this.parts[part].disabled = !on; }

  close() {
    this.enable(false);
    this.call.hangUp();
    this.parts.self.hidden = true;
  }
}
