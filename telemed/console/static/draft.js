// What is written in a consultation survives a reload: kept on the server, sealed, at every pause of a second.
// Each change names the version it is based on, so that two windows never overwrite each other unseen.
const element = (id) => document.getElementById(id);
const PAUSE = 1000;

export function keepDraft(form, { url, texts }) {
  let version = 0, timer = 0, sending = null, held = true, stopped = false, known = "", theirs = null;
  const fields = () => Object.fromEntries(new FormData(form));
  const say = (text) => { element("draft").textContent = text; };

  function fill(values) {
    for (const [name, value] of Object.entries(values)) if (form.elements[name]) form.elements[name].value = value;
    known = JSON.stringify(fields());
  }

  async function load() {
    const answer = await fetch(url).catch(() => null);
    held = false;  // what is typed before is kept once it is known which version it follows
    if (!answer?.ok) return;
    const draft = await answer.json();
    version = draft.version;
    if (known !== JSON.stringify(fields())) return later();
    fill(draft.fields);
    if (version) say(texts.draftBack);
  }

  async function save() {
    clearTimeout(timer);
    if (stopped || theirs || known === JSON.stringify(fields())) return;
    if (sending || held) return later();
    sending = send(fields());
    await sending;
    sending = null;
  }

  async function send(sent) {
    const body = JSON.stringify({ version, fields: sent });
    const answer = await fetch(url, { method: "PUT", body, headers: { "Content-Type": "application/json" }, keepalive: true }).catch(() => null);
    const told = await answer?.json().catch(() => null);
    if (stopped) return;
    if (answer?.status === 412) return conflict(told);
    if (!answer?.ok) { say(texts.draftLost); return later(5 * PAUSE); }
    version = told.version;
    known = JSON.stringify(sent);
    say(texts.draftKept);
  }

  function conflict(told) {
    if (JSON.stringify(told.fields) === JSON.stringify(fields())) { version = told.version; return; }
    theirs = told;
    element("draft-who").textContent = texts.draftTheirs.replace("%a", told.author || texts.draftSomebody);
    element("draft-conflict").hidden = false;
  }

  function solved(values) {
    version = theirs.version;
    theirs = null;
    element("draft-conflict").hidden = true;
    if (values) fill(values); else save();
  }

  function later(pause = PAUSE) {
    clearTimeout(timer);
    timer = setTimeout(save, pause);
  }

  known = JSON.stringify(fields());
  form.addEventListener("input", () => later());
  form.addEventListener("change", () => later(0));
  addEventListener("pagehide", () => save());
  element("draft-theirs").onclick = () => solved(theirs.fields);
  element("draft-mine").onclick = () => solved(null);
  load();
  return {
    // Until `go`, or for good with `stop`: what is on its way has arrived, and nothing else is sent.
    async hold() { held = true; clearTimeout(timer); await sending; },
    go() { held = false; later(); },
    stop() { stopped = true; clearTimeout(timer); say(""); },
  };
}
