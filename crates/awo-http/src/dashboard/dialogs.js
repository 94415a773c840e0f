// Owns questions that must be answered before something is done, and the help.

import { fill, h } from "./dom.js";

/** Asks; whether the answer was yes. */
export function confirmed(title, text, yes) {
  return new Promise(resolve => {
    const dialog = h("dialog", { class: "question", "aria-labelledby": "question-title" },
      h("h2", { id: "question-title" }, title),
      h("p", {}, text),
      h("form", { method: "dialog", class: "buttons" },
        h("button", { value: "no", class: "plain" }, "Leave it"),
        h("button", { value: "yes", class: "strong" }, yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const KEYS = [
  ["j, k", "next and previous row or step"],
  ["Enter", "open the row, unfold the step"],
  ["/", "search"],
  ["n", "new order"],
  ["c", "cancel the order"],
  ["r", "retry the order"],
  ["Esc", "back to the orders"],
  ["?", "this help"],
];

/** Shows what the keys do. */
export function showHelp(more) {
  const dialog = document.getElementById("help");
  fill(dialog,
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", { class: "keys" }, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    more,
    h("form", { method: "dialog", class: "buttons" }, h("button", { class: "plain", autofocus: true }, "Close")));
  dialog.showModal();
}
