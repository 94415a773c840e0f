// Owns the view of figures: how long steps take, what fails, and what it costs, over all orders of some days.

import { ORDERS, getJson, query } from "./api.js";
import { fill, h, sayTrouble, setText, troubleLine } from "./dom.js";
import { now } from "./clock.js";
import { endOf, failedCount, failureClasses } from "./figures-failures.js";
import { cost, counted, duration, grouped, moment } from "./format.js";
import { dayBar, daily, spread } from "./plots.js";
import { reading } from "./reading.js";
import { go, orderAddress } from "./route.js";
import { showInTab } from "./tab.js";
import { shortRepository } from "./text.js";

const DAYS = [7, 30, 90, 365];
/** Last attempts that each plot shows. */
const DOTS = 50;

/** The view of the days that an address names. */
export function figuresView(at) {
  const days = DAYS.includes(Number(at.days)) ? Number(at.days) : 30;
  showInTab("Figures · awo");
  const trouble = troubleLine();
  const summary = h("p", { class: "quiet", role: "status" });
  const parts = h("div", { class: "figures" });
  const choice = h("select", { id: "days", oninput: () => go(`/${query({ view: "figures", days: choice.value })}`) },
    DAYS.map(count => h("option", { value: count, selected: count === days }, `${count} days`)));
  const element = h("section", {},
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Figures"), h("label", {}, h("span", { class: "heard" }, "Window"), choice), summary),
    trouble, parts);

  const read = signal => Promise.all([
    getJson(`${ORDERS}/stats/steps${query({ days, recent: DOTS, slowest: 10 })}`, { signal }), getJson("/health", { signal })]);

  function take([stats, health]) {
    sayTrouble(trouble, null);
    const { attempts, failed } = stats.total;
    const spent = cost(stats.total.cost_usd);
    setText(summary, [counted(attempts, "attempt"), `${grouped(failed)} failed`, spent].filter(Boolean).join(" · "));
    fill(parts, stats.complete ? null : h("p", { class: "note is-waiting" }, "Histories are still being read; figures will grow."),
      stats.reaches_back_to ? h("p", { class: "note is-warning" }, `Orders from before ${moment(stats.reaches_back_to)} are left out.`) : null,
      stepsTable(stats.groups), failuresTable(stats, days), daysTable(stats.days), repositoriesTable(stats.repositories), slowestTable(stats.slowest_orders),
      nowTable(health));
  }

  const reader = reading(read, take, problem => sayTrouble(trouble, problem));
  return { element, stop: () => reader.stop() };
}

/** Columns of numbers, whose heads stand at the right as they do. */
const NUMBERS = ["Attempts", "Failed", "Median", "95 %", "Longest", "Cost", "Orders", "Time"];

/** A table with a heading of its own; nothing where it has no rows. */
function table(title, columns, rows) {
  if (rows.length === 0) return null;
  const head = columns.map(name => h("th", { scope: "col", class: NUMBERS.includes(name) ? "number" : null }, name));
  return h("section", { class: "figure" }, h("h2", {}, title),
    h("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": title },
      h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(cells => h("tr", {}, cells))))));
}

const cell = value => h("td", {}, value);
const number = value => h("td", { class: "number" }, value);

function stepsTable(groups) {
  const most = Math.max(...groups.map(group => group.max_seconds ?? 0), 0.001);
  return table("Steps", ["Step", "Agent", "Attempts", "Failed", "Median", "95 %", "Longest", "Last attempts", "Cost"],
    groups.map(group => [h("th", { scope: "row" }, group.step), cell(group.agent), number(grouped(group.attempts)),
      number(failedCount(group.failed, { title: classes(group.failures) })),
      number(duration(group.p50_seconds)), number(duration(group.p95_seconds)), number(duration(group.max_seconds)),
      cell(spread(group, most)), number(cost(group.cost_usd))]));
}

/** Each class over the days of the window, beside its count. */
function failuresTable(stats, window) {
  const all = failureClasses(stats, window, now());
  const most = Math.max(...all.flatMap(it => it.perDay.map(day => day.count)), 1);
  const links = orders => orders.map(id => [h("a", { href: orderAddress(id) }, id.slice(-8)), " "]);
  return table("Failures", ["Class", "Failed", `Last ${window} days`, "Last orders"],
    all.map(({ code, count, perDay, orders }) => [h("th", { scope: "row" }, code), number(failedCount(count)), cell(daily(perDay, most)),
      cell(links(orders))]));
}

function daysTable(days) {
  const most = Math.max(...days.map(day => day.attempts), 1);
  return table("Days", ["Day", "Share", "Attempts", "Failed", "Why", "Cost"],
    days.toReversed().map(day => [h("th", { scope: "row" }, day.date), cell(dayBar(day, most)), number(grouped(day.attempts)),
      number(failedCount(day.failed, { until: endOf(day.date) })), cell(classes(day.failures)), number(cost(day.cost_usd))]));
}

const classes = failures => Object.entries(failures).sort((one, other) => other[1] - one[1])
  .map(([code, count]) => `${code} ${count}`).join(", ");

function repositoriesTable(repositories) {
  return table("Repositories", ["Repository", "Orders", "Attempts", "Failed", "Time", "Cost"],
    repositories.map(it => [h("th", { scope: "row" }, h("a", { href: `/${query({ repository_url: it.repository_url })}`, title: it.repository_url },
      shortRepository(it.repository_url))), number(grouped(it.orders)), number(grouped(it.attempts)),
      number(failedCount(it.failed, { repository: it.repository_url })), number(duration(it.total_seconds)), number(cost(it.cost_usd))]));
}

function slowestTable(orders) {
  return table("Slowest orders", ["Order", "Repository", "Agent", "Attempts", "Time", "Slowest step", "Cost"],
    orders.map(it => [h("th", { scope: "row" }, h("a", { href: orderAddress(it.agent_work_order_id) }, it.agent_work_order_id.slice(-8))),
      cell(shortRepository(it.repository_url)), cell(it.agent), number(grouped(it.attempts)), number(duration(it.total_seconds)),
      cell(it.slowest_step), number(cost(it.cost_usd))]));
}

function nowTable(health) {
  const disk = health.workspaces ? `${(health.workspaces.bytes / 1e6).toFixed(0)} MB of ${counted(health.workspaces.orders, "order")}` : "not counted yet";
  const rows = [
    ["Running", h("a", { href: "/?status=running" }, grouped(health.running))],
    ["Waiting", grouped(health.waiting)],
    ["Queued", h("a", { href: "/?status=pending" }, grouped(health.queued))],
    ["Store", health.persistence === "ok" ? "takes what is saved" : `does not take the saves of ${counted(health.degraded_orders, "order")}`],
    ["New orders", health.accepting ? "are taken" : "are not taken"],
    ["Checkouts", disk],
  ];
  return table("Now", ["What", "Value"], rows.map(([name, value]) => [h("th", { scope: "row" }, name), cell(value)]));
}
