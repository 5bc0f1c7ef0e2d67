// The pure parts of the modules, for the tests to call.
import * as devices from "/video-web/devices.js";
import { verdict } from "/video-web/precheck.js";
import { Reader, Writer } from "/video-web/rtt.js";
import * as sas from "/video-web/sas.js";

// What a reader shows after each edit that turns one value into the next.
function typed(values) {
  const writer = new Writer("w"), reader = new Reader();
  let shown = "";
  return values.map((value) => {
    const edit = writer.edit(value);
    if (edit) shown = reader.apply(JSON.parse(JSON.stringify(edit))).text;
    return shown;
  });
}

globalThis.seen = { devices, verdict, Reader, Writer, sas, typed };
