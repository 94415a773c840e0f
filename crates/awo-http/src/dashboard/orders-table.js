// Owns the table of orders: a row each, which is kept while its order changes.

import { everySecond, since } from "./clock.js";
import { fill, h, heard, keyedList, outsideLink, setAttribute, setText, show } from "./dom.js";
import { age, cost, elapsed, moment } from "./format.js";
import { orderAddress } from "./route.js";
import { orderState } from "./status.js";
import { firstLine, shorten, shortRepository } from "./text.js";

const COLUMNS = ["State", "Request", "Repository", "Progress", "Age", "Cost", "PR"];

/** The table. */
export function ordersTable() {
  // The roles are named, as a narrow window lays it out in another way, which would take them away.
  const body = h("tbody", { role: "rowgroup" });
  const head = name => h("th", { role: "columnheader", scope: "col", class: `in-${name.toLowerCase()}` }, name);
  const element = h("table", { role: "table", class: "orders", hidden: true },
    h("caption", { class: "heard" }, "Orders, newest first"),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map(head))),
    body);
  return { element, show: keyedList(body, order => order.agent_work_order_id, row) };
}

function row(first) {
  let order = first;
  const id = first.agent_work_order_id;
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  const word = h("span", { class: "word" });
  const link = h("a", { href: orderAddress(id), "data-stop": true, "data-order": id });
  const repository = h("span", { class: "repository" });
  const bar = h("progress", { "aria-label": "Steps done" });
  const steps = h("span", { class: "steps" });
  const step = h("span", { class: "step-name" });
  const clock = h("span", { class: "clock" });
  const created = h("time");
  const money = h("td", { role: "cell", class: "in-cost number" });
  const pull = h("td", { role: "cell", class: "in-pr" });
  const element = h("tr", { role: "row" },
    h("td", { role: "cell", class: "in-state" }, mark, word),
    h("td", { role: "cell", class: "in-request" }, link),
    h("td", { role: "cell", class: "in-repository" }, repository),
    h("td", { role: "cell", class: "in-progress" }, h("span", { class: "progress" }, bar, steps, step, clock)),
    h("td", { role: "cell", class: "in-age number" }, created),
    money,
    pull);
  let shownPull = null;

  function tick() {
    const current = order.current_step;
    setText(clock, current ? elapsed(since(current.started_at)) : "");
    setText(created, age(since(order.created_at)));
  }

  function update(next) {
    order = next;
    const state = orderState(order);
    element.className = `is-${state.kind}`;
    setText(mark, state.mark);
    setText(word, state.word);
    setText(link, shorten(firstLine(order.user_request) || "(no request)", 200));
    setText(repository, shortRepository(order.repository_url));
    setAttribute(repository, "title", order.repository_url);
    setAttribute(bar, "max", Math.max(1, order.total_steps));
    setAttribute(bar, "value", order.steps_completed);
    setText(steps, `${order.steps_completed}/${order.total_steps}`);
    setText(step, order.current_step?.step ?? (state.kind === "failed" ? order.error_code ?? "" : ""));
    setAttribute(created, "datetime", order.created_at);
    setAttribute(created, "title", moment(order.created_at));
    setText(money, cost(order.cost_usd));
    if (order.github_pull_request_url !== shownPull) {
      shownPull = order.github_pull_request_url;
      fill(pull, shownPull ? outsideLink(shownPull, [heard("Pull request "), pullNumber(shownPull)]) : null);
    }
    element.classList.toggle("is-slow", Boolean(order.current_step?.slow_since));
    show(clock, Boolean(order.current_step));
    tick();
  }

  everySecond(element, tick);
  return { element, update };
}

const pullNumber = address => /\/(\d+)\/?$/.exec(address)?.[1]?.replace(/^/, "#") ?? "open";
