// Camera and microphone, and why not. States are keys: ok, blocked, nodev, busy, in-app, old.

const IN_APP = /FBAN|FBAV|FB_IAB|Instagram|MicroMessenger|\bLine\/|Snapchat|TikTok|BytedanceWebview|LinkedInApp|; wv\)/;
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24 }, facingMode: "user" };

export function support(userAgent = navigator.userAgent) {
  if (!globalThis.RTCPeerConnection?.prototype.addTransceiver || !globalThis.WebSocket || !globalThis.crypto?.subtle) {
    return IN_APP.test(userAgent) ? "in-app" : "old";
  }
  if (!navigator.mediaDevices?.getUserMedia) return IN_APP.test(userAgent) ? "in-app" : "old";
  return "ok";
}

export function classify(error, userAgent = navigator.userAgent) {
  switch (error.name) {
    case "NotFoundError": case "OverconstrainedError": case "DevicesNotFoundError":
      return "nodev";
    case "NotReadableError": case "AbortError": case "TrackStartError":
      return "busy";
    case "NotAllowedError": case "SecurityError":
      // In-app windows refuse without asking; telling somebody to tap a lock that is not there helps nobody.
      return IN_APP.test(userAgent) ? "in-app" : "blocked";
    default:
      return "old";
  }
}

export async function getDevices({ audio = true, video = true } = {}) {
  const able = support();
  if (able !== "ok") return { state: able, stream: null };
  const ask = (a, v) => navigator.mediaDevices.getUserMedia({ audio: a && AUDIO, video: v && VIDEO });
  try {
    return { state: "ok", stream: await ask(audio, video) };
  } catch (error) {
    const state = classify(error);
    if (state === "blocked" || state === "in-app" || !(audio && video)) return { state, stream: null };
    for (const [a, v] of [[true, false], [false, true]]) {
      try {
        return { state, stream: await ask(a, v) };
      } catch { /* the other one may still be there */ }
    }
    return { state, stream: null };
  }
}

// A moving pattern and a soft tone where there is no camera; for the demo alone.
export function testPicture() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const paint = canvas.getContext("2d");
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    paint.fillStyle = `hsl(${turn % 360} 60% 40%)`;
    paint.fillRect(0, 0, 320, 240);
    paint.fillStyle = "#fff";
    paint.fillRect((turn * 4) % 320, 90, 40, 60);
  }, 50);
  const stream = canvas.captureStream(20);
  const context = new AudioContext(), tone = context.createOscillator(), soft = context.createGain();
  const out = context.createMediaStreamDestination();
  soft.gain.value = 0.05;
  tone.connect(soft).connect(out);
  tone.start();
  document.addEventListener("click", () => context.resume(), { once: true });
  stream.addTrack(out.stream.getAudioTracks()[0]);
  stream.getVideoTracks()[0].addEventListener("ended", () => clearInterval(timer));
  return stream;
}
