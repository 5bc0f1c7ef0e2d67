// What a weak network gets (audio first): pure rules from measurements to steps. Down after 2 s, up one step after 30 s,
// and after longer where the last step up did not last.

export const DOWN_AFTER = 2;
export const UP_AFTER = 30;
export const LONGEST_UP = 240;
export const GONE_AFTER = 10;
const LASTED = 60;
const RED_FROM = 0.03;
const RED_UNTIL = 0.01;
const ASKED_FROM = 0.01;  // of packets that came: how many had to be asked for again
const MENDING = { base: 120, trips: 2, most: 300 };  // milliseconds, round trips: two attempts
export const SIGNING_FLOOR = 20;  // pictures a second; EN 301 549, 6.5.3

// From the best to the least: what is sent (kbit/s, pictures a second), and what the network has to carry for it. What is
// lost is sent again; a smaller picture makes no radio link better, and each change of size stops it for a moment.
export const STEPS = [
  { sentence: "full", video: { kbps: 1200, fps: 30, scale: 1 }, audio: 32, needs: { kbps: 500, loss: 0.15, rtt: 0.8 } },
  { sentence: "less", video: { kbps: 400, fps: 24, scale: 1.5 }, audio: 24, needs: { kbps: 250, loss: 0.2, rtt: 1.2 } },
  { sentence: "small", video: { kbps: 150, fps: 12, scale: 2 }, audio: 24, needs: { kbps: 80, loss: 0.3, rtt: 2 } },
  { sentence: "sound", video: null, audio: 24, needs: { kbps: 40, loss: 0.4, rtt: 3 } },
  { sentence: "sound-thin", video: null, audio: 16, needs: { kbps: 20, loss: 0.6, rtt: 5 } },
  { sentence: "telephone", video: null, audio: 16, needs: { kbps: 0, loss: 1, rtt: Infinity } },
];
export const SENTENCES = [...STEPS.map(({ sentence }) => sentence), "better"];
const LAST = STEPS.length - 1;

// The best step that these measurements carry. What was not measured limits nothing; `silent`: seconds without a packet.
export function carried({ kbps = Infinity, loss = 0, rtt = 0, silent = 0 }) {
  if (silent >= GONE_AFTER) return LAST;
  return STEPS.findIndex(({ needs }) => kbps >= needs.kbps && loss <= needs.loss && rtt <= needs.rtt);
}

export const begin = () => ({ step: 0, worseSince: null, betterSince: null, red: false, up: UP_AFTER, climbed: null, sentence: null, asked: null });

// The state after one measurement at `now` (seconds); `sentence` is what to say, or null where nothing changed.
export function advance(state, sample, now) {
  const target = carried(sample), loss = sample.loss ?? 0;
  const asked = sample.asked > ASKED_FROM ? now : state.asked;
  const next = { ...state, asked, sentence: null, red: loss > RED_FROM || (state.red && loss > RED_UNTIL) };
  next.worseSince = target > state.step ? state.worseSince ?? now : null;
  next.betterSince = target < state.step ? state.betterSince ?? now : null;
  if (next.worseSince !== null && (now - next.worseSince >= DOWN_AFTER || sample.silent >= GONE_AFTER)) {
    const failed = state.climbed !== null && now - state.climbed < LASTED;
    const up = failed ? Math.min(LONGEST_UP, 2 * state.up) : UP_AFTER;
    return { ...next, step: target, worseSince: null, climbed: null, up, sentence: STEPS[target].sentence };
  }
  if (next.betterSince !== null && now - next.betterSince >= state.up) {
    return { ...next, step: state.step - 1, betterSince: null, climbed: now, sentence: "better" };
  }
  return next;
}

// A person wants the picture again: the least step that has one.
export function retry(state) {
  const picture = STEPS.findLastIndex(({ video }) => video);
  return state.step <= picture ? state : { ...state, step: picture, worseSince: null, betterSince: null, sentence: "better" };
}

// What to send on this step; `long`: longer packets where sound is all there is, as headers cost more than it. Who signs keeps 20 pictures a second: a smaller picture before fewer of them.
export function sending({ step, red }, { signing = false } = {}) {
  const { video, audio } = STEPS[step];
  const slow = signing && video && video.fps < SIGNING_FLOOR;
  return { audio, red, long: !video, video: slow ? { ...video, fps: SIGNING_FLOOR, scale: 3 } : video };
}

// Milliseconds to hold sound and picture back, so that what is sent again comes in time; null: as the browser likes.
export function heldBack({ asked }, { rtt = 0 }, now) {
  if (asked === null || now - asked > UP_AFTER) return null;
  return Math.min(MENDING.most, Math.round(MENDING.base + 1000 * MENDING.trips * rtt));
}

export const callBack = ({ step }) => step === LAST;
