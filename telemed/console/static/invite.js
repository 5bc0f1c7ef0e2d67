// Somebody is needed in the middle of a call: link and PIN of their own, shown once.
const { urls, texts } = JSON.parse(document.getElementById("page").textContent);
const element = (id) => document.getElementById(id);

element("invite-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(element("invite-form")));
  const answer = await fetch(urls.invite, { method: "POST", body }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  element("invited").hidden = !answer?.ok;
  element("invite-message").hidden = Boolean(answer?.ok);
  element("invite-message").textContent = answer?.ok ? "" : told?.detail ?? texts.net;
  if (!answer?.ok) return;
  element("invited-said").textContent = told.said;
  element("invited-link").value = told.link;
  element("invited-pin").textContent = `${told.pin.slice(0, 3)} ${told.pin.slice(3)}`;
  element("invited-link").focus();
  element("invited-link").select();
});
