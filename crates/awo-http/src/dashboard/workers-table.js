// Owns the table of workers: a row each, which is kept while its worker is heard of.

import { h, keyedList, setAttribute, setText } from "./dom.js";
import { duration } from "./format.js";
import { orderAddress } from "./route.js";

const COLUMNS = [["state", "State"], ["worker", "Worker"], ["version", "Version"], ["load", "Runs"], ["orders", "Orders"], ["labels", "Labels"]];

/** How many orders run, and how many could, with the workers that are there. Pure. */
export function places(workers) {
  const alive = workers.filter(worker => worker.alive);
  const sum = of => alive.reduce((all, worker) => all + of(worker), 0);
  return { taken: sum(worker => worker.orders.length), all: sum(worker => worker.max_running) };
}

/** The table. */
export function workersTable() {
  // The roles are named, as a narrow window lays it out in another way, which would take them away.
  const body = h("tbody", { role: "rowgroup" });
  const head = ([name, words]) => h("th", { role: "columnheader", scope: "col", class: `in-${name}` }, words);
  const element = h("table", { role: "table", class: "orders workers", hidden: true },
    h("caption", { class: "heard" }, "Workers, by name"),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map(head))),
    body);
  return { element, show: keyedList(body, worker => worker.name, row) };
}

function row() {
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  const word = h("span", { class: "word" });
  const name = h("span", { class: "worker-name" });
  const host = h("span", { class: "quiet" });
  const version = h("td", { role: "cell", class: "in-version" });
  const bar = h("progress", { "aria-label": "Places taken" });
  const load = h("span", { class: "number" });
  const orders = h("ul", { class: "links" });
  const labels = h("td", { role: "cell", class: "in-labels" });
  const showOrders = keyedList(orders, id => id, id => ({
    element: h("li", {}, h("a", { href: orderAddress(id), title: id, "data-stop": true }, id.slice(-8))), update() {},
  }));
  const element = h("tr", { role: "row" },
    h("td", { role: "cell", class: "in-state state" }, mark, word),
    h("td", { role: "cell", class: "in-worker" }, name, " ", host),
    version,
    h("td", { role: "cell", class: "in-load" }, h("span", { class: "progress" }, bar, load)),
    h("td", { role: "cell", class: "in-orders" }, orders),
    labels);

  function update(worker) {
    element.className = worker.alive ? "is-completed" : "is-failed";
    setText(mark, worker.alive ? "●" : "✘");
    setText(word, `${worker.alive ? "heard" : "silent"} ${duration(worker.unheard_seconds)}${worker.alive ? " ago" : ""}`);
    setText(name, worker.name);
    setText(host, worker.host);
    setText(version, worker.version);
    setAttribute(bar, "max", Math.max(1, worker.max_running));
    setAttribute(bar, "value", worker.orders.length);
    setText(load, `${worker.orders.length} of ${worker.max_running}`);
    showOrders(worker.orders);
    setText(labels, worker.labels.join(", "));
  }

  return { element, update };
}
