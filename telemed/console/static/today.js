// Keeps the state of each appointment on today's list up to date: who waits, who is in a call, who is done.
const { texts, guests, urls, pause } = JSON.parse(document.getElementById("page").textContent);
let etag = "";

async function refresh() {
  const answer = await fetch(urls.waiting, { headers: etag ? { "If-None-Match": etag } : {} });
  if (answer.status === 401) location.reload();
  if (answer.status !== 200) return;
  etag = answer.headers.get("ETag") ?? "";
  const { visits } = await answer.json();
  for (const [id, visit] of Object.entries(visits)) mark(id, visit);
  const waiting = Object.values(visits).filter((visit) => visit.state === "waiting").length;
  const summary = texts.waiting_count.replace("%n", waiting);
  const shown = document.getElementById("summary");
  if (shown.textContent !== summary) shown.textContent = summary;
  document.title = document.title.replace(/^(\(\d+\) )?/, waiting ? `(${waiting}) ` : "");
}

function mark(id, { state, minutes, company = [], call_back: wanted = false }) {
  const row = document.querySelector(`[data-appointment="${CSS.escape(id)}"]`);
  if (!row) return;
  row.dataset.state = state;
  row.querySelector("[data-part=call-back]").hidden = !wanted;
  const along = row.querySelector("[data-part=company]");
  for (const role of company) {
    const words = ` + ${guests[role]}`;
    if (!along.textContent.includes(words)) along.append(Object.assign(document.createElement("small"), { textContent: words }));
  }
  row.querySelector("[data-part=state]").textContent = texts[state] + (state === "waiting" ? ` ${texts.minutes.replace("%n", minutes)}` : "");
}

for (;;) {
  if (!document.hidden) await refresh().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, pause));
}
