// Who is in the room, for the clinic: who waits, let in, mute, show out, hold; and its own screen to show.
const page = JSON.parse(document.getElementById("page").textContent);
const { texts } = page, { title } = document;
const element = (id) => document.getElementById(id);

export let letIn = () => {};

export function showSeats(signalling, panel) {
  const { call } = panel;
  let held = false, shared = false;
  const draw = () => {
    const seats = [...signalling.peers.values()];
    element("seats").replaceChildren(...seats.map((seat) => row(seat, signalling, call)));
    knock(seats.filter(({ admitted, connected }) => connected && !admitted), signalling);
  };
  for (const type of ["welcome", "peer"]) signalling.addEventListener(type, draw);
  element("tools").hidden = false;
  element("hold").onclick = () => {
    held = !held;
    panel.hold(held);
    element("hold").textContent = held ? texts.goOn : texts.hold;
  };
  element("share").onclick = async () => {
    try {
      await (shared ? call.unshare() : call.share());
      shared = !shared;
    } catch { /* nobody chose a screen */ }
    element("share").textContent = shared ? texts.unshare : texts.share;
  };
  call.addEventListener("notice", ({ detail }) => {
    if (detail.key !== "screen-stopped") return;
    shared = false;
    element("share").textContent = texts.share;
  });
  draw();
}

export function hideSeats() {
  element("tools").hidden = true;
  element("seats").replaceChildren();
  knock([], null);
}

// Whoever waits during a call is told of where the clinician looks, on the tab too; nothing takes the focus.
function knock(waiting, signalling) {
  const [first] = waiting;
  letIn = element("knock-in").onclick = () => first && signalling.admit(first.id);
  const words = first ? texts.knocks.replace("%w", nameOf(first)) : "";
  const more = waiting.length > 1 ? ` ${texts.waiting_count.replace("%n", waiting.length)}` : "";
  if (element("knock-words").textContent !== words + more) element("knock-words").textContent = words + more;
  element("knock").classList.toggle("quiet", !first);
  element("knock-in").hidden = !first;
  document.title = first ? `● ${words}` : title;
}

// Guests are known by their role alone; no name of theirs is kept anywhere.
function nameOf({ role }) { return role === "patient" ? page.patient : texts[role]; }

function row({ id, role, admitted, connected }, signalling, call) {
  const item = document.createElement("li");
  item.dataset.role = role;
  item.append(Object.assign(document.createElement("span"), { textContent: `${texts[role]}${connected ? "" : ` (${texts.away})`}` }));
  const button = (words, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: words, onclick: act });
    made.setAttribute("aria-label", `${words}: ${texts[role]}`);
    item.append(made);
  };
  if (!admitted) button(texts.letIn, () => signalling.admit(id));
  else if (role !== "physician") button(texts.muteOne, () => call.muteOther(id));
  if (role !== "physician") button(texts.showOut, () => call.remove(id));
  return item;
}
