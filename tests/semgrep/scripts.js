// What the rules of scripts.yaml find, and what they leave alone. Never run: `semgrep test` reads it.
// ruleid: markup-from-script
element.innerHTML = name;
// ruleid: markup-from-script
element.insertAdjacentHTML("beforeend", name);
// ruleid: markup-from-script
setTimeout("start()", 10);
// ok: markup-from-script
element.textContent = name;
// ok: markup-from-script
setTimeout(start, 10);
// ruleid: kept-in-browser
localStorage.setItem("code", code);
// ruleid: kept-in-browser
document.cookie = "visit=1";
// ok: kept-in-browser
const held = new Map();
