// Sharp photos of this call: small beneath the pictures, one tap opens one at full size. Kept in this page alone, until
// somebody puts them away or the call ends.
const STEPS = [1, 1.5, 2, 3, 4, 6];

export class Photos {
  constructor(root, texts) {
    Object.assign(this, { root, texts, open: null });
    this.clear();
  }

  // Drawn, as the strict policy of the page allows no pictures from elsewhere, and a blob is elsewhere.
  async add(blob, who) {
    const picture = await createImageBitmap(blob);
    const words = `${who}: ${this.texts.photoOpen}`;
    const item = document.createElement("li");
    const small = button("", () => this.look(item, picture, words));
    small.className = "photo";
    small.setAttribute("aria-label", words);
    small.append(drawn(picture, Math.min(1, 320 / picture.width)));
    item.append(small, button(this.texts.photoAway, () => this.putAway(item)));
    this.root.append(item);
    this.root.hidden = false;
  }

  look(item, picture, words) {
    const { texts } = this, canvas = drawn(picture, 1), dialog = document.createElement("dialog");
    const area = Object.assign(document.createElement("div"), { className: "area", tabIndex: 0 });
    let step = 0;
    // One is the whole photo on the screen; what is larger is scrolled, by finger, wheel or arrow keys.
    const zoom = (change) => {
      const middle = [(area.scrollLeft + area.clientWidth / 2) / area.scrollWidth, (area.scrollTop + area.clientHeight / 2) / area.scrollHeight];
      step = Math.max(0, Math.min(STEPS.length - 1, step + change));
      canvas.style.inlineSize = canvas.style.blockSize = `${STEPS[step] * 100}%`;
      area.scrollLeft = middle[0] * area.scrollWidth - area.clientWidth / 2;
      area.scrollTop = middle[1] * area.scrollHeight - area.clientHeight / 2;
      [smaller.disabled, larger.disabled] = [step === 0, step === STEPS.length - 1];
    };
    const smaller = button(texts.photoSmaller, () => zoom(-1)), larger = button(texts.photoLarger, () => zoom(1));
    const tools = Object.assign(document.createElement("div"), { className: "row" });
    tools.append(larger, smaller, button(texts.photoAway, () => { dialog.close(); this.putAway(item); }),
      button(texts.photoClose, () => dialog.close()));
    dialog.className = "photo-large";
    dialog.setAttribute("aria-label", words);
    dialog.onkeydown = (event) => {
      const change = { "+": 1, "-": -1 }[event.key];
      if (change) zoom(change);
      event.stopPropagation();  // keys of the page beneath are not meant
    };
    dialog.onclose = () => { dialog.remove(); this.open = null; };
    area.append(canvas);
    dialog.append(tools, area);
    document.body.append(dialog);
    this.open = dialog;
    dialog.showModal();
    zoom(0);
    area.focus();
  }

  putAway(item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.root.hidden = !this.root.childElementCount;
    next?.querySelector("button").focus();
  }

  clear() {
    this.open?.close();
    this.root.replaceChildren();
    this.root.hidden = true;
  }
}

function drawn(picture, scale) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.round(side * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  return canvas;
}

function button(words, onclick) {
  return Object.assign(document.createElement("button"), { type: "button", textContent: words, onclick });
}
