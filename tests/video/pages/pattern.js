// A camera whose picture a test can recognise: one plain colour all over, and a white bar that moves.
export const COLORS = { red: [200, 30, 30], green: [30, 170, 30], blue: [30, 30, 200], yellow: [200, 190, 20], pink: [210, 40, 190], cyan: [20, 180, 190] };

export async function pattern(name) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
  const paint = canvas.getContext("2d");
  let turn = 0;
  setInterval(() => {
    turn += 1;
    paint.fillStyle = `rgb(${COLORS[name].join(" ")})`;
    paint.fillRect(0, 0, 320, 180);
    paint.fillStyle = "#fff";
    paint.fillRect((turn * 16) % 320, 60, 32, 60);
  }, 100);
  // The browser's made-up microphone beeps.
  const [sound] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
  return new MediaStream([...canvas.captureStream(10).getVideoTracks(), sound]);
}

// What a video element shows: the name of the colour that fills it ("" where it is none of ours), and where the bar is.
export function look(video) {
  if (!video?.videoWidth) return { color: "", bar: -1 };
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 90 });
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  paint.drawImage(video, 0, 0, 160, 90);
  const { data } = paint.getImageData(0, 0, 160, 90), votes = {};
  for (let at = 0; at < 160 * 20; at += 7) {
    const near = Object.entries(COLORS).find(([, rgb]) => rgb.every((part, n) => Math.abs(part - data[4 * at + n]) < 48));
    votes[near?.[0] ?? ""] = (votes[near?.[0] ?? ""] ?? 0) + 1;
  }
  const [[color, count]] = Object.entries(votes).sort((one, other) => other[1] - one[1]);
  let bar = -1;
  for (let x = 0; x < 160 && bar < 0; x++) {
    const at = 4 * (45 * 160 + x);
    if (data[at] > 200 && data[at + 1] > 200 && data[at + 2] > 200) bar = x;
  }
  return { color: count > 400 ? color : "", bar };
}
