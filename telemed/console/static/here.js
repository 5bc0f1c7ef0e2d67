// Who sits at the patient's device and where that is: asked for when somebody comes, shown as text, kept nowhere.
const element = (id) => document.getElementById(id);

export async function showHere(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) return;
  const { people, place } = await answer.json();
  element("here-people").textContent = people.join(", ");
  element("here-place").textContent = place;
  element("here-place").parentElement.hidden = !place;
  element("here").hidden = !people.length;
}
