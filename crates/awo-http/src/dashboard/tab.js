// Owns what a tab in the background shows: its title and its icon.

import { shorten, visible } from "./text.js";

const icon = document.querySelector("link[rel='icon']");

/** Sets the title, and the icon of a kind of state: `idle`, `running`, `completed` or `failed`. */
export function showInTab(title, kind = "idle") {
  const text = shorten(visible(title), 120);
  if (document.title !== text) document.title = text;
  const href = `/page/icon-${kind}.svg`;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

/** The icon of an order. */
export function iconOf(kind) {
  if (kind === "completed" || kind === "failed") return kind;
  return kind === "cancelled" || kind === "held" ? "idle" : "running";
}
