// Owns how a diff is shown: a part at a time, as diffs may be long.

import { getText } from "./api.js";
import { fileLink, fill, h, oneAtATime } from "./dom.js";
import { counted } from "./format.js";

const PART = 500;

/** A button that unfolds the diff at a path, and the place where it is unfolded. */
export function diffButton(path, words) {
  const place = h("div", { class: "diff-place" });
  const button = h("button", { type: "button", class: "plain", "aria-expanded": "false", onclick: oneAtATime(toggle) }, words);
  async function toggle() {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    fill(place, isOpen ? null : await diffView(path));
    button.setAttribute("aria-expanded", String(!isOpen));
  }
  return { button, place };
}

/** The diff at a path, or why there is none. */
async function diffView(path) {
  let lines;
  try {
    lines = (await getText(path)).replace(/\n$/, "").split("\n");
  } catch (problem) {
    return h("p", { class: "trouble" }, problem.message);
  }
  let shown = 0;
  const text = h("pre", { class: "diff", tabindex: "0", "aria-label": "Diff" });
  const more = h("button", { type: "button", class: "plain", onclick: next }, "More");
  function next() {
    text.append(...lines.slice(shown, shown + PART).map(line => h("span", { class: kindOf(line) }, line + "\n")));
    shown += PART;
    if (shown >= lines.length) more.remove();
    else more.textContent = `${counted(lines.length - shown, "line")} more`;
  }
  next();
  return h("div", { class: "diff-box" }, text, shown < lines.length ? more : null, " ", fileLink(path, "As text"));
}

function kindOf(line) {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|similarity|rename|old mode|new mode)/.test(line)) return "of-file";
  if (line.startsWith("@@")) return "of-place";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : null;
}
