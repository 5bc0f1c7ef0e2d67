// SFrame (RFC 9605) on WebCrypto: header, keys, frames, replay window. Pure: no state but what is handed in.
// A frame of ours: clear bytes | ciphertext | tag | SFrame header | length of the header (1 byte); AAD: header, clear bytes.

// RFC 9605, 8.1. The suite is part of every derived key, so one base key serves them all without sharing a nonce.
export const SUITES = {
  audio: { id: 1, hash: "SHA-256", key: 48, tag: 10 },     // AES_128_CTR_HMAC_SHA256_80: sound comes 50 times a second
  video: { id: 4, hash: "SHA-256", key: 16, tag: 16 },     // AES_128_GCM_SHA256_128
  message: { id: 5, hash: "SHA-512", key: 32, tag: 16 },   // AES_256_GCM_SHA512_128
};
const SALT = 12;
const ENCRYPTION = 16;
const WINDOW = 4096;
const LONGEST_HEADER = 17;

const text = new TextEncoder();

export const join = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};

function bigEndian(value, length) {
  const bytes = new Uint8Array(length);
  for (let at = length - 1, left = value; at >= 0; at--, left = Math.floor(left / 256)) bytes[at] = left % 256;
  return bytes;
}

function shortest(value) {
  let length = 1;
  while (value >= 256 ** length) length++;
  return bigEndian(value, length);
}

// Key id and counter as the header carries them (RFC 9605, 4.3); both below 2^53.
export function header(kid, ctr) {
  const part = (value) => (value < 8 ? [value, new Uint8Array()] : [7 + shortest(value).length, shortest(value)]);
  const [k, kidBytes] = part(kid), [c, ctrBytes] = part(ctr);
  return join([(k << 4) | c], kidBytes, ctrBytes);
}

// {kid, ctr} of exactly these bytes, or null: of another length, not in the shortest form, or beyond 2^53.
export function parseHeader(bytes) {
  if (!bytes.length || bytes.length > LONGEST_HEADER) return null;
  let at = 1;
  const part = (code) => {
    if (code < 8) return code;
    let value = 0;
    for (const end = at + code - 7; at < end; at++) value = value * 256 + (bytes[at] ?? NaN);
    return value;
  };
  const kid = part(bytes[0] >> 4), ctr = part(bytes[0] & 15);
  if (at !== bytes.length || !Number.isSafeInteger(kid) || !Number.isSafeInteger(ctr)) return null;
  return header(kid, ctr).every((byte, index) => byte === bytes[index]) ? { kid, ctr } : null;
}

// The keys of one key id in one suite (RFC 9605, 4.4.2).
export async function derive(base, kid, suite) {
  const label = join(bigEndian(kid, 8), bigEndian(suite.id, 2));
  const secret = await crypto.subtle.importKey("raw", base, "HKDF", false, ["deriveBits"]);
  const expand = async (name, length) => new Uint8Array(await crypto.subtle.deriveBits(
    { name: "HKDF", hash: suite.hash, salt: new Uint8Array(), info: join(text.encode(`SFrame 1.0 Secret ${name} `), label) },
    secret, length * 8));
  const key = await expand("key", suite.key), salt = await expand("salt", SALT);
  const use = ["encrypt", "decrypt"];
  if (suite.id !== SUITES.audio.id) {
    return { suite, salt, encryption: await crypto.subtle.importKey("raw", key, "AES-GCM", false, use) };
  }
  return {
    suite, salt,
    encryption: await crypto.subtle.importKey("raw", key.subarray(0, ENCRYPTION), "AES-CTR", false, use),
    authentication: await crypto.subtle.importKey(
      "raw", key.subarray(ENCRYPTION), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
  };
}

const nonceOf = (keys, ctr) => bigEndian(ctr, SALT).map((byte, at) => byte ^ keys.salt[at]);
const counting = (nonce) => ({ name: "AES-CTR", counter: join(nonce, new Uint8Array(4)), length: 32 });

async function tagOf(keys, nonce, aad, ciphertext) {
  const lengths = [aad.length, ciphertext.length, keys.suite.tag].map((length) => bigEndian(length, 8));
  const whole = await crypto.subtle.sign("HMAC", keys.authentication, join(...lengths, nonce, aad, ciphertext));
  return new Uint8Array(whole, 0, keys.suite.tag);
}

// Ciphertext and tag.
export async function encrypt(keys, ctr, aad, plain) {
  const nonce = nonceOf(keys, ctr);
  if (!keys.authentication) {
    return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, keys.encryption, plain));
  }
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(counting(nonce), keys.encryption, plain));
  return join(ciphertext, await tagOf(keys, nonce, aad, ciphertext));
}

// The plain text; throws where a bit is not as it was sent.
export async function decrypt(keys, ctr, aad, sealed) {
  const nonce = nonceOf(keys, ctr);
  if (!keys.authentication) {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, keys.encryption, sealed));
  }
  const cut = sealed.length - keys.suite.tag;
  if (cut < 0) throw new Error("too short");
  const ciphertext = sealed.subarray(0, cut), wanted = await tagOf(keys, nonce, aad, ciphertext);
  if (wanted.reduce((sum, byte, at) => sum | (byte ^ sealed[cut + at]), 0)) throw new Error("not authentic");
  return new Uint8Array(await crypto.subtle.decrypt(counting(nonce), keys.encryption, ciphertext));
}

// How many bytes stay readable: what the packetiser and the unit read of a VP8 frame (RFC 6386, 9.1), of sound nothing.
export function clearBytes(kind, frame) {
  if (kind !== "video" || !frame.length) return 0;
  return Math.min(frame.length, frame[0] & 1 ? 3 : 10);
}

export async function sealFrame(keys, kid, ctr, kind, frame) {
  const cut = clearBytes(kind, frame), clear = frame.subarray(0, cut), head = header(kid, ctr);
  return join(clear, await encrypt(keys, ctr, join(head, clear), frame.subarray(cut)), head, [head.length]);
}

// {kid, ctr, head, body} of a frame of ours, or null.
export function parseFrame(frame) {
  const length = frame[frame.length - 1], start = frame.length - 1 - length;
  if (!length || !(start >= 0)) return null;
  const head = frame.subarray(start, frame.length - 1), found = parseHeader(head);
  return found && { ...found, head, body: frame.subarray(0, start) };
}

export async function openFrame(keys, { ctr, head, body }, kind) {
  const cut = clearBytes(kind, body.subarray(0, Math.max(0, body.length - keys.suite.tag))), clear = body.subarray(0, cut);
  return join(clear, await decrypt(keys, ctr, join(head, clear), body.subarray(cut)));
}

// Each counter of a key is accepted once, in any order, unless it lags too far behind. Ask only after authentication.
export class Window {
  #top = -1; #seen = new Uint8Array(WINDOW);

  accept(ctr) {
    if (ctr <= this.#top - WINDOW) return false;
    if (ctr > this.#top) {
      for (let at = Math.max(this.#top + 1, ctr - WINDOW + 1); at <= ctr; at++) this.#seen[at % WINDOW] = 0;
      this.#top = ctr;
    } else if (this.#seen[ctr % WINDOW]) return false;
    this.#seen[ctr % WINDOW] = 1;
    return true;
  }
}
