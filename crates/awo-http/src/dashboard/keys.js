// Owns the keyboard: single letters, never while somebody types, and never instead of the browser's own.

const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select";

let view = {};

/** The keys of the view that is shown: `{key: act}`. */
export function keysOf(keys) {
  view = keys;
}

/** Begins to listen; `common` are the keys that every view has. */
export function listen(common) {
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest?.(TYPING)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = { j: () => step(1), k: () => step(-1), ...common, ...view }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Moves to the next of what can be walked through. */
function step(by) {
  const all = [...document.querySelectorAll("[data-stop]")].filter(element => element.checkVisibility());
  if (all.length === 0) return;
  const here = all.indexOf(document.activeElement?.closest("[data-stop]"));
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}
