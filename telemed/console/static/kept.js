// Who is asked to confirm that it is them gets back to the page they were on, with what they had typed. In this tab
// alone (sessionStorage), from the sending of a form until the page after it; no server, address or log has it.
const KEY = "typed";
const again = document.getElementById("confirm-again");
const held = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
const isConfirming = location.pathname === "/console/step-up";
const asked = new URLSearchParams(location.search);
asked.delete("done");  // what was done before is not said twice
const here = location.pathname + (asked.size ? `?${asked}` : "");

function typedIn(form) {
  // The button that was pressed is not among them: nothing is sent anew but by hand.
  const fields = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  return { page: here, action: form.getAttribute("action"), fields, wanted: false };
}

function fill({ action, fields }) {
  const form = [...document.forms].find(each => each.getAttribute("action") === action);
  if (!form) return;
  for (const [name, value] of fields) {
    const field = form.elements[name];
    if (field && field.type !== "hidden") field.value = value;
  }
  const note = document.getElementById("typed-again");
  document.querySelector("main h1").after(note);
  note.hidden = false;
  form.scrollIntoView({ block: "nearest" });
}

if (again) {
  if (held) {
    sessionStorage.setItem(KEY, JSON.stringify({ ...held, wanted: true }));
    again.search = new URLSearchParams({ next: held.page });
  }
} else if (!isConfirming) {
  sessionStorage.removeItem(KEY);
  if (held?.wanted && held.page === here) fill(held);
}

for (const form of again || isConfirming ? [] : document.forms) {
  if (form.method === "post") form.addEventListener("submit", () => sessionStorage.setItem(KEY, JSON.stringify(typedIn(form))));
}
