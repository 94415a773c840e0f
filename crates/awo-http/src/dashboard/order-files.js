// Owns what an order left: its files here, and its whole diff.

import { getJson, orderPath } from "./api.js";
import { diffButton } from "./diff.js";
import { fileLink, h, keyedList, setText, show } from "./dom.js";

/** The part with the files of an order. */
export function orderFiles(id) {
  const path = orderPath(id);
  const list = h("ul", { class: "files" });
  const files = keyedList(list, file => file.name, ({ name, link }) => ({ element: h("li", {}, fileLink(link, name)), update() {} }));
  const none = h("p", { class: "quiet" }, "None yet.");
  const { button, place } = diffButton(`${path}/diff`, "Whole diff");
  const element = h("section", { class: "files-part", "aria-labelledby": "files-title" },
    h("h2", { id: "files-title" }, "Files"), none, list, button, place);
  let asked = -1;


  async function read() {
    try {
      const { artifacts } = await getJson(`${path}/artifacts`);
      files(artifacts);
      show(none, artifacts.length === 0);
      setText(none, "None yet.");
    } catch (problem) {
      asked = -1;
      setText(none, problem.message);
      show(none, true);
    }
  }

  return {
    element,
    /** Files come with results, so they are read again when there is another one. */
    show(order, history) {
      show(button, order.git_files_changed > 0);
      if (history.steps.length === asked) return;
      asked = history.steps.length;
      read();
    },
  };
}
