// Who is in the room, for the clinic: let in, mute, show out, hold; and its own screen to show.
const { texts } = JSON.parse(document.getElementById("page").textContent);
const element = (id) => document.getElementById(id);

export function showSeats(signalling, panel) {
  const { call } = panel;
  let held = false, shared = false;
  const draw = () => element("seats").replaceChildren(...[...signalling.peers.values()].map((seat) => row(seat, signalling, call)));
  for (const type of ["welcome", "peer"]) signalling.addEventListener(type, draw);
  element("tools").hidden = false;
  element("hold").onclick = () => {
    held = !held;
    call.hold(held);
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
}

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
