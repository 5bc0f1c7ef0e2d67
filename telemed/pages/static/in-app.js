// Windows inside other apps often can't do video. Says so before anything is typed, and offers the link to take along.
import { support } from "../video/devices.js";

const element = (id) => document.getElementById(id);
let link = () => "";

// The link with its code, as the second page has it no more; in this window alone, and only where it is needed.
const KEPT = "link";

export function offerWayOut(address) {
  link = address;
  if (support() === "in-app") show();
}

export function showWayOut() {
  link = () => sessionStorage.getItem(KEPT) ?? `${location.origin}/j`;
  show();
}

function show() {
  const notice = element("in-app");
  if (!notice) return;
  notice.hidden = false;
  element("copy").onclick = copy;
}

async function copy() {
  const address = link();
  sessionStorage.setItem(KEPT, address);
  try {
    await navigator.clipboard.writeText(address);
    element("copy").textContent = element("copy").dataset.copied;
  } catch {
    // Such windows may forbid this, too: then it stands there to be copied by hand.
    element("link").value = address;
    element("link").parentElement.hidden = false;
    element("link").focus();
    element("link").select();
  }
}
