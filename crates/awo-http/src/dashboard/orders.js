// Owns the view of all orders: reads the page of them that the address names, and keeps it new.

import { ORDERS, getJson, getWithHead, orderPath, query } from "./api.js";
import { fill, h, sayTrouble, setText, show, troubleLine } from "./dom.js";
import { counted, grouped } from "./format.js";
import { orderFilters } from "./orders-filters.js";
import { cancelKey, retryKey } from "./order-actions.js";
import { ordersTable } from "./orders-table.js";
import { reading } from "./reading.js";
import { NEW_ORDER } from "./route.js";
import { follow } from "./stream.js";
import { showInTab } from "./tab.js";

/** Orders of a page. */
export const PAGE = 100;
/** More changes than this are read as a page, not one by one. */
const FEW = 8;

const filtersOf = at => ({ status: at.statuses, repository_url: at.repository, q: at.text });
const isFiltered = at => at.statuses.length > 0 || at.repository !== "" || at.text !== "";
const addressOf = (at, more) => `/${query({ ...filtersOf(at), ...more })}`;

/** The view of the orders that an address names. */
export function ordersView(first) {
  let [at, orders, total] = [first, [], 0];
  let [changed, isStale] = [new Set(), true];

  const heading = h("h1", { tabindex: "-1" }, "Orders");
  const summary = h("p", { class: "quiet", role: "status" });
  const trouble = troubleLine();
  const undone = troubleLine(); // stays when the orders are read again
  const damaged = h("p", { class: "note is-warning", role: "status", hidden: true });
  const filters = orderFilters(first);
  const table = ordersTable();
  const empty = h("div", { class: "empty", hidden: true });
  const newer = h("a", { class: "button", href: "/" }, "← Newest");
  const older = h("a", { class: "button", rel: "next", href: "/" }, `Older ${PAGE} →`);
  const paging = h("nav", { class: "paging", "aria-label": "Pages" }, newer, older);
  const element = h("section", {}, h("div", { class: "head" }, heading, summary), filters.element, trouble, undone, damaged, table.element,
    empty, paging);

  /** Reads the few orders of the page that have changed, or all of it. */
  async function read(signal) {
    const [asked, few] = [at, [...changed]];
    const all = isStale || document.hidden || few.length > FEW;
    [changed, isStale] = [new Set(), false];
    try {
      if (!all) return { asked, patches: await Promise.all(few.map(id => readOne(id, signal))) };
      const { value, headers } = await getWithHead(ORDERS + query({ ...filtersOf(at), limit: PAGE, cursor: at.cursor }), { signal });
      return { asked, page: value, total: Number(headers.get("x-total-count")), unread: headers.get("x-damaged-orders") };
    } catch (problem) {
      isStale = true;
      throw problem;
    }
  }

  /** Whether an order is on this page, as far as that is known: ids sort as orders were made. */
  function hear(id) {
    const isKnown = orders.some(order => order.agent_work_order_id === id);
    const end = orders.at(-1)?.agent_work_order_id;
    const isNew = !isKnown && at.cursor === "" && (orders.length < PAGE || id > end);
    if (isNew || isFiltered(at)) isStale = true;
    else if (isKnown) changed.add(id);
    else return;
    reader.news();
  }

  async function readOne(id, signal) {
    const order = await getJson(orderPath(id), { signal }).catch(problem => {
      if (problem.status !== 404) throw problem;
      return null;
    });
    return { id, order };
  }

  function take({ asked, page, total: all, unread, patches }) {
    if (asked !== at) return; // of a place that was left meanwhile
    sayTrouble(trouble, null);
    if (page) {
      [orders, total] = [page, all];
      show(damaged, unread !== null);
      setText(damaged, `Damaged orders are left out, as they cannot be read: ${unread}. awo state verify says more.`);
    }
    for (const { id, order } of patches ?? []) {
      const index = orders.findIndex(known => known.agent_work_order_id === id);
      if (index < 0) continue;
      if (order) orders[index] = order;
      else [orders, total] = [orders.toSpliced(index, 1), total - 1];
    }
    draw();
  }

  function draw() {
    table.show(orders);
    const last = at.from + orders.length - 1;
    setText(summary, orders.length < total || at.from > 1 ? `${grouped(at.from)}–${grouped(last)} of ${grouped(total)}`
      : orders.length > 0 ? counted(total, "order") : "");
    show(table.element, orders.length > 0);
    show(empty, orders.length === 0);
    if (orders.length === 0) fill(empty, isFiltered(at) ? nothingMatches() : nothingYet());
    show(newer, at.cursor !== "");
    newer.setAttribute("href", addressOf(at, {}));
    const end = orders.at(-1);
    show(older, end !== undefined && last < total);
    if (end) older.setAttribute("href", addressOf(at, { cursor: end.agent_work_order_id, from: last + 1 }));
    const running = orders.filter(order => order.status === "running").length;
    showInTab(running > 0 ? `(${running}) Orders · awo` : "Orders · awo", running > 0 ? "running" : "idle");
  }

  const reader = reading(read, take, problem => sayTrouble(trouble, problem), { pause: 400, unseen: () => 30_000 });
  const stream = follow(`${ORDERS}/events`, {
    message({ event, data }) {
      if (event !== "reset") hear(data.agent_work_order_id);
      else again();
    },
  });

  function again() {
    isStale = true;
    reader.news();
  }

  const focused = () => orders.find(order => order.agent_work_order_id === document.activeElement?.dataset?.order);
  return {
    element,
    keys: {
      "/": () => filters.search.focus(),
      c: () => cancelKey(focused(), undone),
      r: () => retryKey(focused(), undone),
    },
    take(next) {
      at = next;
      sayTrouble(undone, null);
      filters.show(next);
      again();
      scrollTo(0, 0);
      return true;
    },
    stop() {
      filters.stop();
      reader.stop();
      stream.stop();
    },
  };
}

const nothingMatches = () => h("p", {}, "No order matches. ", h("a", { href: "/" }, "Show all orders"));

function nothingYet() {
  const body = `{"repository_url": "https://github.com/o/r.git", "user_request": "Add a test"}`;
  return [
    h("h2", {}, "No orders yet"),
    h("p", {}, "An order is one request on one repository. Coding agents work through it in small steps, and each step is " +
      "here the moment it ends."),
    h("p", {}, h("a", { class: "button strong", href: NEW_ORDER }, "Make the first order")),
    h("p", {}, "or, from a shell:"),
    h("pre", { tabindex: "0", "aria-label": "Command" },
      `curl -s ${location.origin}${ORDERS} -H 'Content-Type: application/json' \\\n  -d '${body}'`),
  ];
}
