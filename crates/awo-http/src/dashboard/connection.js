// Owns whether the page has its connection: a thin line on top while somebody here misses it, and its word for those who
// hear the page. What is shown then may be old.

const troubled = new Set();
const line = document.getElementById("connection");
let told = null;

/** Long enough that a server that is started anew is not worth a word. */
const PATIENCE = 1500;

/** Somebody cannot reach the server. */
export function lost(who) {
  troubled.add(who);
  told ??= setTimeout(() => show(true), PATIENCE);
}

/** It is reached again, or nobody wants it any more. */
export function found(who) {
  if (!troubled.delete(who) || troubled.size > 0) return;
  clearTimeout(told);
  told = null;
  show(false);
}

function show(isLost) {
  document.documentElement.classList.toggle("is-lost", isLost);
  line.textContent = isLost ? "No connection to the server. Trying again." : "";
}
