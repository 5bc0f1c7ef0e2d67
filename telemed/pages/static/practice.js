// The practice room: the same pages with a robot on the other side. It lives in this window alone; no server takes part,
// nobody's data are touched, and it works at any time. It speaks to the page exactly as a real call does.
const COMES_AFTER = 3000;
const WORDS = { words: ["Robot", "Robot", "Robot", "Robot"], digits: "0000" };

export function meetRobot(texts) {
  const signalling = new EventTarget();
  signalling.call = new RobotCall(texts);
  signalling.open = () => setTimeout(() => signalling.dispatchEvent(new CustomEvent("admitted", { detail: {} })), COMES_AFTER);
  return { signalling, room: "practice" };
}

class RobotCall extends EventTarget {
  state = "";

  constructor(texts) {
    super();
    this.texts = texts;
    this.lines = 0;
    this.typed = "";
  }

  emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  become(state) {
    this.state = state;
    this.emit("state", state);
  }

  start() {
    this.become("connecting");
    this.face = drawFace();
    this.emit("remote", { id: "robot", role: "robot", stream: this.face.stream, screen: null });
    this.become("live");
    this.emit("words", WORDS);
    this.say(this.texts.robot_hello);
  }

  say(text) { this.emit("text", { from: "robot", line: ++this.lines, text, done: true }); }

  type(value) {
    this.typed = value;
    this.emit("text", { from: "me", line: `mine-${this.lines}`, text: value, done: false });
  }

  commit() {
    this.emit("text", { from: "me", line: `mine-${this.lines}`, text: this.typed, done: true });
    this.say(this.texts.robot_echo.replace("%t", this.typed));
  }

  mute() { /* the robot hears nothing anyway */ }
  camera() { /* nor does it see anything */ }
  retryVideo() { /* its picture never goes away */ }
  sign() { /* it is smooth as it is */ }
  async takePhoto() { return null; }

  hangUp() {
    this.face?.stop();
    this.become("closed");
  }
}

function drawFace() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const paint = canvas.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let turn = 0;
  const box = (colour, x, y, width, height) => { paint.fillStyle = colour; paint.fillRect(x, y, width, height); };
  const draw = () => {
    turn += 1;
    const up = still ? 0 : Math.round(4 * Math.sin(turn / 6)), blink = !still && turn % 40 < 3;
    box("#12324f", 0, 0, 320, 240);
    box("#9cc7ff", 100, 60 + up, 120, 110);
    box("#9cc7ff", 156, 36 + up, 8, 24);
    for (const x of [125, 175]) box("#06223f", x, (blink ? 99 : 90) + up, 20, blink ? 3 : 20);
    box("#06223f", 130, 135 + up, 60, 8 + (still ? 0 : (turn >> 2) % 3 * 4));
    // A stream of a still canvas carries no frames.
    box(turn % 2 ? "#12324f" : "#12334f", 0, 0, 2, 2);
  };
  draw();
  const timer = setInterval(draw, 100), stream = canvas.captureStream(10);
  return { stream, stop() { clearInterval(timer); for (const track of stream.getTracks()) track.stop(); } };
}
