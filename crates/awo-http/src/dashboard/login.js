// Owns what a browser without a session is told.

import { h } from "./dom.js";
import { showInTab } from "./tab.js";

/** The view of who is not known. */
export function loginView() {
  showInTab("Log in · awo");
  return { element: told(h("a", { class: "button", href: location.href, target: "_self" }, "Try again")), stop() {} };
}

/** The same above a view that holds what somebody typed; `again` is called when it can be sent. */
export function loginNote(again) {
  const element = told("What you typed is still here. Open the link in another tab of this browser, then ",
    h("button", { type: "button", class: "plain", onclick: () => {
      element.remove();
      again();
    } }, "Go on"));
  element.setAttribute("role", "alert");
  return element;
}

function told(...more) {
  return h("section", { class: "narrow login" },
    h("h1", { tabindex: "-1" }, "This server asks for a key"),
    h("p", {}, "A browser gets in by a link that is good once, within five minutes. Who has a key makes one:"),
    h("pre", { tabindex: "0", "aria-label": "Command" }, "awo login-link"),
    h("p", {}, "or, from another machine:"),
    h("pre", { tabindex: "0", "aria-label": "Request" },
      `curl -s -X POST ${location.origin}/login-links -H "Authorization: Bearer $AWO_API_KEY"`),
    h("p", {}, "Open the link in this browser. The session lasts twelve hours at most, and ends with the key, or with the server."),
    h("p", {}, more));
}
