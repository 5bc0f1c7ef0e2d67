// The pure parts of the modules, for the tests to call.
import { Agreement } from "/video-web/agreement.js";
import * as devices from "/video-web/devices.js";
import * as ladder from "/video-web/ladder.js";
import { lean } from "/video-web/leg.js";
import { withNack } from "/video-web/nack.js";
import * as photo from "/video-web/photo.js";
import { verdict } from "/video-web/precheck.js";
import { Reader, Writer } from "/video-web/rtt.js";
import * as sas from "/video-web/sas.js";
import * as sframe from "/video-web/sframe.js";

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (found) => [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What a reader shows after each message that turns one value into the next.
function typed(values) {
  const writer = new Writer("w"), reader = new Reader();
  let shown = "";
  return values.map((value) => {
    const line = writer.edit(value);
    if (line) shown = reader.apply(JSON.parse(JSON.stringify(line))).text;
    return shown;
  });
}

globalThis.seen = { Agreement, bytes, devices, hex, ladder, lean, photo, verdict, Reader, Writer, sas, sframe, typed, withNack };
