// Owns the view of one order: reads it and its steps, follows its events, and hands what it knows to the parts.

import { ORDERS, getJson, orderPath } from "./api.js";
import { announce } from "./announce.js";
import { h, holdsText, sayTrouble, show, troubleLine } from "./dom.js";
import { actions } from "./order-actions.js";
import { orderFiles } from "./order-files.js";
import { orderHead } from "./order-head.js";
import { orderLog } from "./order-log.js";
import { notify } from "./notify.js";
import { reading } from "./reading.js";
import { hasEnded, orderState, tabTitle } from "./status.js";
import { follow } from "./stream.js";
import { iconOf, showInTab } from "./tab.js";
import { firstLine } from "./text.js";
import { timelineOf } from "./order-timeline.js";

/** The view of the order that an address names. */
export function orderView(at) {
  const id = at.order;
  const path = orderPath(id);
  let [order, history, stream, followsOwn] = [null, null, null, null];

  const trouble = troubleLine();
  const doing = actions(id, () => reader.news());
  const head = orderHead(doing);
  const timeline = timelineOf(id, doing);
  const files = orderFiles(id);
  const log = orderLog(id);
  const parts = h("div", { class: "order", hidden: true },
    head.element,
    h("div", { class: "columns" },
      h("section", { class: "steps-part", "aria-labelledby": "steps-title" },
        h("h2", { id: "steps-title" }, "Steps"), timeline.element, doing.promptForm),
      h("div", { class: "side" }, files.element, log.element)));
  const element = h("article", {}, trouble, parts);

  const read = signal => Promise.all([getJson(path, { signal }), getJson(`${path}/steps`, { signal })]);

  function take([newOrder, newHistory]) {
    const before = order;
    [order, history] = [newOrder, newHistory];
    sayTrouble(trouble, null);
    show(parts, true);
    draw();
    if (before) tell(before);
    else if (document.activeElement === document.body) element.querySelector("h1").focus(); // it could not be, hidden
    if (followsOwn !== !hasEnded(order)) listen();
  }

  function draw() {
    doing.show(order, history);
    head.show(order, history);
    timeline.show(order, history);
    files.show(order, history);
    log.show(history);
    showInTab(tabTitle(order, firstLine(order.user_request)), iconOf(orderState(order).kind));
  }

  /** Says what has changed, to who hears the page, and to who looks elsewhere. */
  function tell(before) {
    if (!hasEnded(before) && hasEnded(order)) {
      announce(`Order ${order.status}`);
      notify(`${orderState(order).mark} ${order.status}: ${firstLine(order.user_request)}`, order.error_message ?? "", id);
    } else if (before.current_step?.step !== order.current_step?.step && order.current_step) {
      announce(`Step ${order.steps_completed + 1} of ${order.total_steps}: ${order.current_step.step}`);
    } else if (before.waiting_for !== order.waiting_for && order.waiting_for) {
      announce(`Waits: ${order.waiting_for}`);
    }
  }

  /** Follows the order as long as it has not ended; then only whether anybody does something to it. */
  function listen() {
    stream?.stop();
    followsOwn = !hasEnded(order);
    const others = ({ event, data }) => (event === "reset" || data.agent_work_order_id === id) && reader.news();
    stream = followsOwn ? follow(`${path}/events`, { after: String(order.version), message: hear, failed: refuse })
      : follow(`${ORDERS}/events`, { message: others, failed: refuse });
  }

  function hear({ event, data }) {
    if (event === "end") {
      stream.stop(); // it would only begin again and end
      followsOwn = null; // whoever opens the order again may be faster than what is read next
    }
    if (event !== "activity") {
      reader.news();
    } else if (data.current_step?.step === history.current_step?.step) {
      order = { ...order, current_step: data.current_step };
      history = { ...history, current_step: data.current_step };
      draw();
    }
  }

  function refuse(problem) {
    sayTrouble(trouble, problem);
    if (problem.status !== 404) return;
    show(parts, holdsText(parts));
    stream?.stop();
    showInTab("No such order · awo");
  }

  const reader = reading(read, take, refuse, { pause: 150, unseen: () => order && hasEnded(order) ? 60_000 : 5000 });
  return {
    element,
    keys: {
      ...doing.keys,
      "/": () => log.search(),
    },
    holdsText: () => holdsText(element),
    /** Goes on after somebody logged in again. */
    again() {
      followsOwn = null;
      reader.news();
    },
    stop() {
      reader.stop();
      stream?.stop();
      log.stop();
    },
  };
}
