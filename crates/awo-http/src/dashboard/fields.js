// Owns the fields of a form and what is said about them: each error stands at its field, tied to it for who hears the page.

import { fill, h, setAttribute } from "./dom.js";

/** A field with its label, a hint and a place for errors. `name` is the path in the body, such as `limits.max_turns`. */
export function field(name, label, control, hint) {
  const id = `field-${name.replaceAll(".", "-")}`;
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`];
  setAttribute(control, "id", id);
  const error = h("p", { id: errorId, class: "error" });
  const describe = isWrong => {
    const ids = [hint ? hintId : null, isWrong ? errorId : null].filter(Boolean).join(" ");
    setAttribute(control, "aria-describedby", ids === "" ? null : ids);
    setAttribute(control, "aria-invalid", isWrong ? "true" : null);
  };
  describe(false);
  return {
    name,
    control,
    element: h("div", { class: "field" }, h("label", { for: id }, label),
      hint ? h("p", { id: hintId, class: "quiet hint" }, hint) : null, control, error),
    value: () => control.value.trim(),
    say(words) {
      fill(error, words);
      describe(words !== null);
    },
  };
}

/** Several boxes to tick, one name. */
export function ticks(name, label, options, hint) {
  const id = `field-${name}`;
  const boxes = options.map(value => h("input", { type: "checkbox", name, value }));
  const error = h("p", { id: `${id}-error`, class: "error" });
  const element = h("fieldset", { class: "field ticks", id }, h("legend", {}, label), hint ? h("p", { class: "quiet hint" }, hint) : null,
    options.map((option, index) => h("label", { class: "choice" }, boxes[index], h("span", {}, option))), error);
  return {
    name,
    control: boxes[0],
    element,
    value: () => boxes.filter(box => box.checked).map(box => box.value),
    set: values => boxes.forEach(box => (box.checked = values.includes(box.value))),
    say(words) {
      fill(error, words);
      setAttribute(element, "aria-describedby", words === null ? null : `${id}-error`);
    },
  };
}

/** Something to choose from; `""` stands for leaving it to the server. */
export function choice(words, usual) {
  const others = words.filter(word => word !== null);
  return h("select", {}, h("option", { value: "" }, usual ? `usual (${usual})` : "usual"),
    others.map(word => h("option", { value: word }, word)));
}

/** Puts what the server found wrong at its fields, and the first of them in focus; what belongs to none is given back. */
export function sayErrors(fields, errors) {
  const byName = new Map(fields.map(it => [it.name, it]));
  const said = new Map();
  const others = [];
  for (const { loc, msg } of errors) {
    const path = loc.slice(1).map(String);
    while (path.length > 0 && !byName.has(path.join("."))) path.pop();
    const name = path.join(".");
    if (name === "") others.push(`${loc.join(".")} ${msg}`);
    else said.set(name, [...(said.get(name) ?? []), msg]);
  }
  for (const it of fields) it.say(said.has(it.name) ? said.get(it.name).join("; ") : null);
  const first = fields.find(it => said.has(it.name));
  if (first) {
    first.control.closest("details:not([open])")?.setAttribute("open", "");
    first.control.focus();
  }
  return others;
}
