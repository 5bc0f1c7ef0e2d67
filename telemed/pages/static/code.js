// The code stands behind # in the link, where no server sees it. Without script people type it.
import { offerWayOut } from "./in-app.js";

const field = document.getElementById("code");
const fromLink = decodeURIComponent(location.hash.slice(1));
if (fromLink && !field.value) {
  field.value = fromLink;
  document.querySelector("[data-factor]").focus();
}
for (const link of document.querySelectorAll(".top a")) {
  link.addEventListener("click", () => { link.hash = encodeURIComponent(field.value); });
}
document.getElementById("error")?.focus();
offerWayOut(() => `${location.origin}/j#${encodeURIComponent(field.value)}`);
