// Who sits at the patient's device and where that is: asked for when somebody comes, shown as text, kept nowhere.
const element = (id) => document.getElementById(id);
let over = false;

export async function showHere(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) return;
  const { people, place } = await answer.json();
  if (over) return;
  element("here-people").textContent = people.join(", ");
  element("here-place").textContent = place;
  element("here-place").parentElement.hidden = !place;
  element("here").hidden = !people.length;
}

// The patient was promised that the place is gone after the call; that holds for an open page, too.
export function hideHere() {
  over = true;
  element("here").hidden = true;
  for (const id of ["here-people", "here-place"]) element(id).textContent = "";
}
