// One call on the screen, for all sides: pictures, three buttons, check words and text that is seen as it is typed.
import { Consultation } from "../video/consultation.js";
import { Photos } from "./photos.js";
import { Tiles } from "./tiles.js";

const CONTROLS = ["microphone", "camera", "end", "audio-only", "typing", "photo", "signing"];
const ADVICE_STAYS = 12000;

export class CallPanel {
  constructor(root, { signalling, room, stream, texts }) {
    this.texts = texts;
    this.stream = stream;
    this.parts = {};
    for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.call = new Consultation({ signalling, room, stream });
    this.tiles = new Tiles(this.parts.tiles, this.parts.stage, texts);
    this.photos = new Photos(this.parts.photos, texts);
    this.signalling = signalling;
    this.muted = !stream?.getAudioTracks().length;
    this.dark = !stream?.getVideoTracks().length;
    this.peers = new Map();
    this.tampered = this.held = this.holding = this.signing = false;
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
    const { parts, call, signalling } = this;
    parts.microphone.onclick = () => this.setMuted(!this.muted);
    parts.camera.onclick = () => this.setDark(!this.dark);
    parts["audio-only"].onclick = () => this.setDark(!this.dark);
    parts.photo.onclick = () => this.sendPhoto();
    parts.signing.onclick = () => this.setSigning(!this.signing);
    parts.typing.oninput = () => call.type(parts.typing.value);
    parts.typing.onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.commit(event); };
    const on = (name, act) => call.addEventListener(name, ({ detail }) => act(detail));
    on("remote", (person) => this.remote(person));
    on("state", (state) => this.state(state));
    on("words", (words) => this.words(words));
    on("lock", (locked) => { parts.lock.hidden = !locked; });
    on("tampered", () => { this.tampered = true; this.tell(); });
    on("text", (line) => this.line(line));
    on("photo", (photo) => this.photo(photo));
    on("peer", (has) => this.peer(has));
    on("speaking", ({ id, on: loud }) => this.tiles.speaks(id, loud));
    on("advice", (advice) => this.advise(advice));
    on("notice", (notice) => this.notice(notice));
    on("stats", (stats) => this.measured(stats));
    for (const type of ["welcome", "admitted", "peer"]) signalling.addEventListener(type, () => { if (call.state === "connecting") this.tell(); });
  }

  // For who may: nobody sees or hears anybody until it is taken back.
  hold(on) {
    this.holding = on;
    this.call.hold(on);
    this.tell();
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
    if (!on) this.call.retryVideo();
    this.show();
  }

  setSigning(on) {
    this.signing = on;
    this.call.sign(on);
    this.parts.signing.setAttribute("aria-pressed", String(on));
  }

  async sendPhoto() {
    if (this.dark) return this.say(this.texts.noCamera);
    const blob = await this.call.takePhoto();
    if (!blob) return;
    await this.call.sendPhoto(blob);
    this.say(this.texts.photoSent);
  }

  show() {
    const { parts, texts } = this;
    // State and what a tap does stand on the button; pressed or not would say the state twice, and differently.
    parts["microphone-word"].textContent = this.muted ? texts.soundOff : texts.soundOn;
    parts["microphone-act"].textContent = this.muted ? texts.turnOn : texts.turnOff;
    parts["camera-word"].textContent = this.dark ? texts.pictureOff : texts.pictureOn;
    parts["camera-act"].textContent = this.dark ? texts.turnOn : texts.turnOff;
    parts["audio-only"].textContent = this.dark ? texts.pictureAgain : texts.audioOnly;
    parts.microphone.classList.toggle("off", this.muted);
    parts.camera.classList.toggle("off", this.dark);
    parts.self.hidden = this.dark;
  }

  state(state) {
    if (state === "connecting") this.peers.clear();
    const agreed = state === "live" || state === "reconnecting";
    // A last frame would look like somebody who still sits there, and the words were of that call alone.
    this.tiles.show(agreed);
    if (!agreed) this.words(null);
    this.tell();
  }

  remote({ id, role, stream, screen }) {
    if (!stream && !screen) { this.peers.delete(id); this.tiles.remove(id); } else this.tiles.put(id, { role, stream, screen });
    this.tell();
  }

  // The other side may have told what it has turned off before the call counts as live.
  tell() {
    const { texts, call: { state } } = this;
    // With several on the screen each tile shows for itself.
    const { audio, video } = this.peers.size === 1 ? [...this.peers.values()][0] : { audio: true, video: true };
    const before = state === "connecting" && this.isAlone() ? texts.alone : texts[state] ?? "";
    if (this.tampered) this.say(texts.tampered);
    else this.say(state !== "live" ? before : audio || !video ? texts.live : texts.peerMuted);
    const dark = video ? "" : audio ? texts.peerDark : texts.peerOff;
    this.cover(state !== "live" ? before : this.holding ? texts.holding : this.held ? texts.held : dark);
  }

  // Whoever comes back by the link is let in at once; nobody may be there to be connected with.
  isAlone() { return ![...this.signalling.peers.values()].some(({ admitted, connected }) => admitted && connected); }

  cover(text) {
    this.parts.placeholder.textContent = text;
    this.parts.placeholder.hidden = !text;
  }

  words(agreed) {
    const { checkWords } = this.texts;
    const words = checkWords && agreed?.indexes ? agreed.indexes.map((index) => checkWords[index]) : agreed?.words;
    this.parts.words.textContent = words?.join(" ") ?? "…";
    this.parts.digits.textContent = agreed?.digits ?? "";
  }

  peer({ id, audio, video }) {
    this.peers.set(id, { audio, video });
    this.tiles.has(id, { audio, video });
    this.tell();
  }

  // Each step of the ladder has its sentence (notes of EN 301 549 6.5: people learn what happens to their picture).
  advise({ sentence, call_back: phone }) {
    const { advice } = this.parts;
    advice.textContent = this.texts[sentence] ?? "";
    advice.hidden = !advice.textContent;
    if (phone) this.onCallBack?.();
    clearTimeout(this.adviceTimer);
    this.adviceTimer = setTimeout(() => { advice.hidden = true; }, ADVICE_STAYS);
  }

  notice({ key }) {
    if (key === "muted") { this.muted = true; this.show(); }
    if (key === "held" || key === "resumed") { this.held = key === "held"; this.tell(); }
    if (key === "old-browser") this.onCallBack?.();
    this.say(this.texts[key] ?? "");
  }

  // The count of frames is for whoever looks into a call that shows no picture.
  measured({ framesDecoded }) { this.parts.stage.dataset.frames = framesDecoded ?? 0; }

  photo({ from, blob }) {
    if (from === "me") return;
    this.photos.add(blob, this.tiles.name(from));
    this.say(this.texts.photoCame);
  }

  line({ from, line, text, done }) {
    const { lines, announcer } = this.parts;
    const mine = from === "me", key = `${from}-${line}`;
    const who = mine ? lines.dataset.me : this.tiles.name(from) || lines.dataset.peer;
    let item = lines.querySelector(`[data-line="${CSS.escape(key)}"]`);
    if (!item) {
      item = document.createElement("li");
      item.dataset.line = key;
      item.className = mine ? "me" : "peer";
      item.append(Object.assign(document.createElement("b"), { textContent: `${who}: ` }), Object.assign(document.createElement("bdi"), {}));
      lines.append(item);
    }
    item.lastChild.textContent = text;
    lines.scrollTop = lines.scrollHeight;
    // A screen reader hears whole lines: letter by letter would talk over the conversation.
    if (done && !mine) announcer.textContent = `${who}: ${text}`;
  }

  say(text) { this.parts.status.textContent = text; }

  // Controls are always there; they are off while there is no call.
  enable(on) { for (const part of CONTROLS) this.parts[part].disabled = !on; }

  close() {
    this.enable(false);
    this.call.hangUp();
    this.tiles.clear();
    this.photos.clear();
    this.parts.lock.hidden = true;
    this.parts.self.hidden = true;
  }
}
