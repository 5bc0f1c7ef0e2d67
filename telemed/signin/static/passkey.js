// Passkeys: asks the server for a challenge, the authenticator for an answer, and sends it back. Nothing is stored here.
const page = JSON.parse(document.getElementById("page").textContent);
const status = document.getElementById("status");
const name = document.getElementById("name");
// An invitation stands behind #, where no server, proxy or log sees it; it leaves the address bar at once.
const token = location.hash.slice(1);
if (token) history.replaceState(null, "", location.pathname);

const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const known = list => (list ?? []).map(each => ({ ...each, id: bytes(each.id) }));

function say(words) {
  status.textContent = words;
  status.hidden = !words;
}

async function send(url, body) {
  const headers = { "Content-Type": "application/json", "Accept": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (answer.status === 403) throw new Error(page.texts.stale);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? page.texts.failed);
  return answer.status === 204 ? {} : answer.json();
}

async function get({ publicKey: asked }) {
  const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: known(asked.allowCredentials) };
  const made = await navigator.credentials.get({ publicKey });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  const response = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
  if (userHandle) response.userHandle = text(userHandle);
  return { id: made.id, rawId: text(made.rawId), type: made.type, response };
}

async function create({ publicKey: asked }) {
  const user = { ...asked.user, id: bytes(asked.user.id) };
  const publicKey = { ...asked, user, challenge: bytes(asked.challenge), excludeCredentials: known(asked.excludeCredentials) };
  const made = await navigator.credentials.create({ publicKey });
  const { attestationObject, clientDataJSON } = made.response;
  const response = { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON) };
  const credential = { id: made.id, rawId: text(made.rawId), type: made.type, response };
  return { credential, token, name: name.value };
}

function show(codes) {
  document.getElementById("before").hidden = true;
  document.getElementById("after").hidden = false;
  document.getElementById("codes").append(...codes.map(code => Object.assign(document.createElement("li"), { textContent: code })));
  document.querySelector("#after h1").focus();
}

async function run(button) {
  button.disabled = true;
  say("");
  try {
    if (!window.PublicKeyCredential) throw new Error(page.texts.unsupported);
    const options = await send(page.options, { token });
    const answer = await (button.dataset.passkey === "get" ? get : create)(options);
    const { codes } = await send(page.send, answer);
    if (codes) show(codes);
    else location.assign(page.next);
  } catch (error) {
    // What an authenticator says (DOMException) is in the browser's words and tells people little.
    say(error instanceof DOMException ? page.texts.failed : error.message || page.texts.failed);
  }
  button.disabled = false;
}

// Another language is another page: the invitation goes along.
for (const link of document.querySelectorAll(".top a")) link.addEventListener("click", () => { link.hash = token; });
for (const button of document.querySelectorAll("[data-passkey]")) button.addEventListener("click", () => run(button));
