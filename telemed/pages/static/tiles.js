// The pictures of the others, one tile for each and one for a shown screen; who speaks has a ring and is named.
// From two tiles on the own picture has a place beside them, where it hides nobody.
export class Tiles {
  constructor(root, stage, texts) {
    Object.assign(this, { root, stage, texts, people: new Map(), loud: new Set() });
    this.clear();
  }

  name(id) { return this.people.get(id)?.label ?? ""; }

  put(id, { role, stream, screen }) {
    const person = this.people.get(id) ?? this.add(id, role);
    if (person.video.srcObject !== stream) person.video.srcObject = stream;
    if (screen && !person.screen) this.root.prepend(person.screen = this.figure("screen", person.label));
    if (!screen && person.screen) { person.screen.remove(); person.screen = null; }
    if (person.screen) person.screen.querySelector("video").srcObject = screen;
    this.settle();
  }

  settle() {
    this.stage.classList.toggle("several", this.root.childElementCount > 1);
    this.stage.classList.toggle("speaking", this.people.size === 1 && this.loud.size > 0);
  }

  add(id, role) {
    const label = this.texts[role] ?? "";
    const tile = this.figure("remote", label);
    const person = { tile, label, video: tile.querySelector("video"), screen: null };
    tile.dataset.participant = id;
    this.people.set(id, person);
    this.root.append(tile);
    return person;
  }

  figure(part, label) {
    const tile = document.createElement("figure");
    const video = Object.assign(document.createElement("video"), { autoplay: true, playsInline: true });
    video.dataset.part = part;
    video.setAttribute("aria-label", label);
    tile.append(video, Object.assign(document.createElement("figcaption"), { textContent: label }));
    return tile;
  }

  has(id, { audio, video }) {
    const tile = this.people.get(id)?.tile;
    tile?.classList.toggle("muted", !audio);
    tile?.classList.toggle("dark", !video);
  }

  speaks(id, on) {
    if (id === "me") return;
    if (on) this.loud.add(id); else this.loud.delete(id);
    const { tile, label } = this.people.get(id) ?? {};
    tile?.classList.toggle("speaking", on);
    if (tile) tile.querySelector("figcaption").textContent = on ? this.texts.speaking.replace("%w", label) : label;
    this.settle();
  }

  remove(id) {
    const person = this.people.get(id);
    person?.tile.remove();
    person?.screen?.remove();
    this.people.delete(id);
    this.loud.delete(id);
    this.settle();
  }

  show(on) { this.root.hidden = !on; }

  clear() {
    this.people.clear();
    this.loud.clear();
    this.root.replaceChildren();
    this.settle();
  }
}
