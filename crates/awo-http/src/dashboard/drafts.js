// Owns words that somebody typed and has not sent: this tab keeps them until they are sent, over links, the way back and a
// reload. They end with the tab, which the browser asks about before it closes.

import { holdsText } from "./dom.js";

const KEY = "awo.draft.";

/** What was kept under a key. A browser may keep nothing for pages, and says so by an error. */
function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

function keep(key, values) {
  try {
    if (values) sessionStorage.setItem(key, JSON.stringify(values));
    else sessionStorage.removeItem(key);
  } catch {
    return; // they are in the form still, and leaving the page asks
  }
}

const controls = form => form.querySelectorAll("input, select, textarea");
/** Boxes to tick share a name, and differ by what they stand for. */
const nameOf = control => control.id || `${control.name} ${control.value}`;
const isTicked = control => control.type === "checkbox" || control.type === "radio";

/** Puts back what was kept of a form under a name, and keeps it from now on; gives what forgets it, once it was sent. */
export function keepDraft(form, name) {
  const key = KEY + name;
  const values = kept(key);
  for (const control of controls(form)) {
    const value = values[nameOf(control)];
    if (value === undefined) continue;
    if (isTicked(control)) control.checked = value;
    else control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true })); // whatever hangs on it follows
  }
  form.addEventListener("input", () => {
    const entries = [...controls(form)].map(control => [nameOf(control), isTicked(control) ? control.checked : control.value]);
    keep(key, holdsText(form) ? Object.fromEntries(entries) : null);
  });
  return () => keep(key, null);
}

/** Forgets all of them, when somebody leaves the server. */
export function forgetDrafts() {
  try {
    Object.keys(sessionStorage).filter(key => key.startsWith(KEY)).forEach(key => sessionStorage.removeItem(key));
  } catch {
    return; // nothing was kept
  }
}
