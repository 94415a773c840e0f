// Owns every change of the document. Whatever is shown goes through here as text, never as markup.

import { safeLink, visible } from "./text.js";

/** Names the elements of pictures; nothing is asked for there. */
const PICTURE = "http://www.w3.org/2000/svg";

/**
 * An element. Properties that begin with `on` are listeners, `true` and `false` set attributes without a value, null and
 * undefined are left out. Children are elements, texts, or nothing.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  append(element, children);
  return element;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : visible(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** An element of a picture, as `h` makes one of a text. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(PICTURE, tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
}

/** Sets the text of an element, if it is another one. */
export function setText(element, text) {
  const shown = visible(text ?? "");
  if (element.textContent !== shown) element.textContent = shown;
}

/** Puts these children in the place of all others. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Shows or hides an element. */
export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * Makes the children of an element those of a list, each known by its key: what is there already is kept and updated, so
 * that focus, selection and what is unfolded stay. `make(item)` gives `{element, update(item)}`.
 */
export function keyedList(parent, keyOf, make) {
  const known = new Map();
  const draw = items => {
    const wanted = new Set(items.map(keyOf));
    for (const [key, entry] of known) {
      if (!wanted.has(key)) {
        entry.element.remove();
        known.delete(key);
      }
    }
    let place = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      if (!known.has(key)) known.set(key, make(item));
      const entry = known.get(key);
      entry.update(item);
      if (entry.element === place) place = place.nextElementSibling;
      else parent.insertBefore(entry.element, place);
    }
  };
  /** Updates one that is there already, and leaves all others alone. */
  draw.one = item => known.get(keyOf(item))?.update(item);
  return draw;
}

/** A place for what went wrong; nothing is there yet. */
export const troubleLine = () => h("p", { class: "trouble", role: "alert", hidden: true });

/** Says there what went wrong, or nothing any more. */
export function sayTrouble(line, problem) {
  show(line, problem !== null);
  setText(line, problem?.message);
}

/** A listener of a button that is deaf while what it began still goes on. The button says so, and keeps the focus. */
export function oneAtATime(act) {
  let isBusy = false;
  return async ({ currentTarget: button }) => {
    if (isBusy) return;
    isBusy = true;
    setAttribute(button, "aria-disabled", "true");
    try {
      await act(button);
    } finally {
      isBusy = false;
      setAttribute(button, "aria-disabled", null);
    }
  };
}

/** Whether somebody has typed into an element what was not sent. A search is nothing to lose. */
export const holdsText = element =>
  [...element.querySelectorAll("textarea, input[type=text]")].some(it => it.value.trim() !== "");

/** A link to elsewhere; mere text if the address is none that may be followed. */
export function outsideLink(address, text) {
  const href = safeLink(address);
  if (!href) return h("span", {}, text ?? address);
  return h("a", { href, rel: "noreferrer noopener", target: "_blank" }, text ?? address);
}

/** A link to a file that the server gives, in a tab of its own. */
export function fileLink(path, text) {
  return h("a", { href: path, target: "_blank", rel: "noreferrer" }, text);
}

/** Words for those who hear the page. */
export const heard = text => h("span", { class: "heard" }, text);
