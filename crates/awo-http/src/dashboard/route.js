// Owns the address bar: which view is shown, with which filters. Everything that a reload must keep is there.

let changed = () => {};
let shown = location.search;

/** The fields of the present address, as text; those that may be there more than once as lists. */
export function place() {
  const parameters = new URLSearchParams(location.search);
  const one = name => parameters.get(name) ?? "";
  return {
    order: one("order"),
    view: one("view"),
    step: one("step"),
    statuses: parameters.getAll("status"),
    repository: one("repository_url"),
    text: one("q"),
    cursor: one("cursor"),
    from: Math.max(1, Number.parseInt(one("from"), 10) || 1),
    days: one("days"),
  };
}

/** Calls this whenever another place is to be shown. */
export function onChange(act) {
  changed = act;
  addEventListener("popstate", () => {
    const isSame = location.search === shown; // only a place within the document
    shown = location.search;
    if (!isSame) changed();
  });
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[href^='/?'], a[href='/']");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || link.getAttribute("target")) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
}

/** Shows another place; `instead` of the present one where that is not worth coming back to. */
export function go(address, { instead = false } = {}) {
  if (instead) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  shown = location.search;
  changed();
}

export const orderAddress = id => `/?order=${encodeURIComponent(id)}`;
/** Where a list begins that has the orders made before a moment: their ids begin with the time, in milliseconds. */
export const ordersBefore = time => `wo-${time.toString(16).padStart(12, "0")}70008${"0".repeat(15)}`;
export const NEW_ORDER = "/?view=new";
