// Owns the field for a repository: those that are configured are offered, and an address can be looked up.

import { ORDERS, change } from "./api.js";
import { h, setText } from "./dom.js";
import { field } from "./fields.js";

/** The field; `chosen(repository)` is called when a configured one is chosen. */
export function repositoryField(repositories, chosen) {
  const list = h("datalist", { id: "repositories" },
    repositories.map(it => h("option", { value: it.repository_url }, it.display_name ?? it.repository_url)));
  const input = h("input", { type: "text", list: "repositories", autocomplete: "off", spellcheck: "false", required: true, oninput: look });
  const said = h("span", { class: "quiet", role: "status" });
  const check = h("button", { type: "button", class: "plain", onclick: lookUp }, "Look it up");
  const own = field("repository_url", "Repository", input, "An https or ssh address, or a path on the server's machine.");
  own.element.append(list, h("div", { class: "buttons" }, check, said));

  function look() {
    setText(said, "");
    const known = repositories.find(it => it.repository_url === input.value.trim());
    if (known) chosen(known);
  }

  async function lookUp() {
    setText(said, "Looking…");
    try {
      const found = await change("POST", `${ORDERS}/github/verify-repository`, { repository_url: input.value.trim() });
      const branch = found.default_branch ? `, default branch ${found.default_branch}` : "";
      setText(said, found.is_accessible ? `✔ ${found.repository_owner}/${found.repository_name} is there${branch}` : `✘ ${found.error_message}`);
    } catch (problem) {
      setText(said, `✘ ${problem.errors[0] ? `The address ${problem.errors[0].msg}` : problem.message}`);
    }
  }

  return own;
}
