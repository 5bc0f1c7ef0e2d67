// The page of the pre-call check's tests: what it sees is in `seen`.
import { getDevices } from "/video-web/devices.js";
import { Precheck } from "/video-web/precheck.js";

const seen = globalThis.seen = { errors: [], level: 0, verdict: null };
addEventListener("error", (event) => seen.errors.push(event.message));
addEventListener("unhandledrejection", (event) => seen.errors.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => seen.errors.push(event.violatedDirective));

const { stream } = await getDevices();
const ticket = async () => (await fetch("/ticket/room-1/patient")).text();
const check = new Precheck({ ticket, stream });
check.addEventListener("level", ({ detail }) => { seen.level = Math.max(seen.level, detail); });
check.addEventListener("remote", ({ detail }) => { document.getElementById("remote").srcObject = detail; });
seen.played = await check.speaker();
check.heard(seen.played);
seen.verdict = await check.run();
check.stop();
