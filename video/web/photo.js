// A sharp still picture: drawn anew, so that place, time and device (EXIF) stay behind; sent in parts, put together again.

const LONGEST_SIDE = 1600;
const MOST_BYTES = 600_000;
const PART = 12_000;
const QUALITIES = [0.92, 0.85, 0.75, 0.6, 0.4];

// A sharp picture of the camera in use; where the browser can't, a frame of its video.
export async function takePhoto(track) {
  if (globalThis.ImageCapture) {
    try {
      return await new ImageCapture(track).takePhoto();
    } catch { /* not every camera can; its picture will do */ }
  }
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: new MediaStream([track]) });
  await video.play();
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  video.srcObject = null;
  return jpeg(canvas, QUALITIES[0]);
}

// {blob, width, height}: a JPEG of at most 1,600 px and 600 kB; throws where the blob is no picture.
export async function shrink(blob) {
  const picture = await createImageBitmap(blob);
  let scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  for (;; scale *= 0.7) {
    const width = Math.max(1, Math.round(picture.width * scale)), height = Math.max(1, Math.round(picture.height * scale));
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
    for (const quality of QUALITIES) {
      const small = await jpeg(canvas, quality);
      if (small.size <= MOST_BYTES) return { blob: small, width, height, bytes: new Uint8Array(await small.arrayBuffer()) };
    }
  }
}

const jpeg = (canvas, quality) => new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));

export function* parts({ bytes, width, height }) {
  const id = crypto.randomUUID(), of = Math.ceil(bytes.length / PART);
  for (let n = 0; n < of; n++) {
    let chars = "";
    for (const byte of bytes.subarray(n * PART, (n + 1) * PART)) chars += String.fromCharCode(byte);
    yield { id, n, of, width, height, data: btoa(chars) };
  }
}

// One sender's photo as it comes; a new one takes the place of one that was not finished.
export class Album {
  #id = ""; #parts = new Map();

  // {done, photo}: photo once all parts are there; null for a part that makes no sense.
  add({ id, n, of, width, height, data }) {
    const most = Math.ceil(MOST_BYTES / PART);
    if (typeof id !== "string" || !(of >= 1 && of <= most) || !(n >= 0 && n < of) || typeof data !== "string" || data.length > 2 * PART) return null;
    if (id !== this.#id) {
      this.#id = id;
      this.#parts.clear();
    }
    this.#parts.set(n, data);
    if (this.#parts.size < of) return { done: this.#parts.size / of, photo: null };
    const bytes = Array.from({ length: of }, (_, at) => Uint8Array.from(atob(this.#parts.get(at) ?? ""), (char) => char.charCodeAt(0)));
    this.#parts.clear();
    return { done: 1, photo: { blob: new Blob(bytes, { type: "image/jpeg" }), width: Number(width), height: Number(height) } };
  }
}
