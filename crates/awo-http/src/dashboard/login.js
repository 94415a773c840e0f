// Owns what a browser without a session is told.

import { h } from "./dom.js";
import { showInTab } from "./tab.js";

/** The view of who is not known. */
export function loginView() {
  showInTab("Log in · awo");
  const element = h("section", { class: "narrow" },
    h("h1", { tabindex: "-1" }, "This server asks for a key"),
    h("p", {}, "A browser gets in by a link that is good once, within five minutes. Who has a key makes one:"),
    h("pre", { tabindex: "0", "aria-label": "Command" }, "awo login-link"),
    h("p", {}, "or, from another machine:"),
    h("pre", { tabindex: "0", "aria-label": "Request" },
      `curl -s -X POST ${location.origin}/login-links -H "Authorization: Bearer $AWO_API_KEY"`),
    h("p", {}, "Open the link in this browser. The session lasts twelve hours at most, and ends with the key, or with the server."),
    h("p", {}, h("a", { class: "button", href: location.href, target: "_self" }, "Try again")));
  return { element, stop() {} };
}
