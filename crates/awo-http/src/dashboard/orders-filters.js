// Owns the filters of the list. They stand in the address, so that a reload, a link and the way back keep them.

import { query } from "./api.js";
import { h } from "./dom.js";
import { go } from "./route.js";

const STATUSES = ["pending", "running", "completed", "failed", "cancelled"];
/** After the last letter of a search. */
const REST = 250;

/** The filters, as an address has them. */
export function orderFilters(at) {
  let timer = null;
  const search = h("input", { type: "search", id: "search", name: "q", placeholder: "Request, repository, branch, id",
    autocomplete: "off", value: at.text });
  const repository = h("input", { type: "text", id: "of-repository", name: "repository_url", autocomplete: "off",
    placeholder: "Repository, its whole address", value: at.repository });
  const boxes = STATUSES.map(status => h("input", { type: "checkbox", name: "status", value: status,
    checked: at.statuses.includes(status) }));
  let isNoted = false;

  function apply() {
    clearTimeout(timer);
    const statuses = boxes.filter(box => box.checked).map(box => box.value);
    const address = `/${query({ status: statuses, repository_url: repository.value.trim(), q: search.value.trim() })}`;
    if (address === location.pathname + location.search) return;
    // Each letter of a search is no place of its own to come back to.
    go(address, { instead: isNoted });
    isNoted = true;
  }

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(apply, REST);
  };
  const element = h("form", { class: "filters", role: "search", "aria-label": "Orders", onsubmit: event => {
    event.preventDefault();
    apply();
  }, oninput: soon, onfocusout: () => (isNoted = false) },
  h("label", { class: "grow" }, h("span", { class: "heard" }, "Search"), search),
  h("fieldset", { class: "choices" }, h("legend", { class: "heard" }, "Status"),
    STATUSES.map((status, index) => h("label", { class: "choice" }, boxes[index], h("span", {}, status)))),
  h("label", { class: "of-repository" }, h("span", { class: "heard" }, "Repository"), repository));

  return {
    element,
    search,
    /** Nobody is here to be led elsewhere any more. */
    stop: () => clearTimeout(timer),
    show(next) {
      for (const [field, text] of [[search, next.text], [repository, next.repository]]) {
        if (field !== document.activeElement && field.value !== text) field.value = text;
      }
      for (const box of boxes) box.checked = next.statuses.includes(box.value);
    },
  };
}
