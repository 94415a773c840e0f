// Owns the head of an order: what was asked, where it stands, what it waits for, and what it works with.

import { everySecond, now, since } from "./clock.js";
import { fill, h, outsideLink, setAttribute, setText, show } from "./dom.js";
import { clockTime, cost, counted, duration, elapsed, moment, short } from "./format.js";
import { hasEnded, orderState } from "./status.js";
import { firstLine, visible } from "./text.js";

/** The head; `doing` has the buttons. */
export function orderHead(doing) {
  const title = h("h1", { tabindex: "-1" });
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  const word = h("strong", { class: "word" });
  const steps = h("span", { class: "quiet" });
  const clock = h("span", { class: "quiet clock" });
  const money = h("span", { class: "quiet" });
  const state = h("p", { class: "state" }, mark, word, steps, clock, money);
  const whole = h("details", { class: "request", hidden: true }, h("summary", {}, "Whole request"), h("pre", { tabindex: "0" }));
  const notes = h("div", { class: "notes" });
  const facts = h("dl", { class: "facts" });
  const element = h("header", { class: "order-head" }, title, state, doing.element, notes, whole, facts);
  let [order, shownNotes, shownFacts] = [null, "", ""];

  function tick() {
    if (!order) return;
    const begun = order.started_at;
    const whole = begun && order.completed_at ? (Date.parse(order.completed_at) - Date.parse(begun)) / 1000 : null;
    setText(clock, !begun ? "" : whole === null || !hasEnded(order) ? elapsed(since(begun)) : duration(whole));
  }

  /** Puts new elements only where what they say is new: whoever reads or selects them is left alone. */
  function draw(next, history) {
    order = next;
    const { kind, mark: sign, word: said } = orderState(order);
    element.className = `order-head is-${kind}`;
    setText(title, firstLine(order.user_request) || "(no request)");
    setText(mark, sign);
    setText(word, said);
    setText(steps, `${order.steps_completed} of ${counted(order.total_steps, "step")}`);
    setText(money, cost(order.cost_usd));
    show(whole, order.user_request.trim() !== firstLine(order.user_request));
    setText(whole.lastElementChild, order.user_request);
    const told = notesOf(order, history);
    if (JSON.stringify(told) !== shownNotes) {
      shownNotes = JSON.stringify(told);
      fill(notes, told.map(note));
    }
    const known = factsOf(order);
    if (JSON.stringify(known) !== shownFacts) {
      shownFacts = JSON.stringify(known);
      fill(facts, known.map(fact));
    }
    setAttribute(clock, "title", order.started_at ? `since ${moment(order.started_at)}` : null);
    tick();
  }

  everySecond(element, tick);
  return { element, show: draw };
}

/** What a person should know now, each once: `[kind, words]`. */
function notesOf(order, history) {
  const notes = [];
  const ofStep = result => !result.success && !result.superseded && result.error_code === order.error_code;
  // What is said at its step is not said here, too.
  if (order.error_message && !history.steps.some(ofStep)) {
    notes.push([order.status === "failed" ? "failed" : "warning",
      [`${order.error_code ?? "failed"}: ${order.error_message}`, order.advice].filter(Boolean)]);
  }
  if (order.persistence === "degraded") {
    const unsaved = order.pending_steps > 0 ? ` ${counted(order.pending_steps, "finished step")} cannot be shown until then.` : "";
    notes.push(["warning", [`The store does not take what is saved at present. The work goes on, and is saved when it does.${unsaved}`]]);
  }
  if (order.waiting_for === "start") {
    notes.push(["waiting", ["Held: nothing runs before somebody starts it."]]);
  } else if (order.waiting_for) {
    const until = order.waiting_until ? ` It goes on by itself, about ${clockTime(order.waiting_until, now())}.` : " It goes on by itself.";
    notes.push(["waiting", [`Waits: ${order.waiting_for}.`.replace(/\.\.$/, ".") + until]]);
  }
  if (order.finishing) notes.push(["waiting", ["All steps have ended; the last save is outstanding."]]);
  if (order.cancel_requested && !hasEnded(order)) notes.push(["waiting", ["It is being cancelled: its agent is asked to end."]]);
  if (order.queued_prompts > 0) {
    notes.push(["waiting", [`${counted(order.queued_prompts, "prompt")} will be taken up after the present step.`]]);
  }
  return notes;
}

const note = ([kind, [first, ...more]]) =>
  h("div", { class: `note is-${kind}` }, h("p", {}, first), more.map(words => h("p", { class: "advice" }, words)));

/** Name, text, and whether the text is a link or a name of something. */
function factsOf(order) {
  const changed = order.git_files_changed > 0 &&
    `${counted(order.git_commit_count, "commit")}, ${counted(order.git_files_changed, "file")}, +${order.git_lines_added} −${order.git_lines_removed}`;
  const tokens = order.tokens && short((order.tokens.input ?? 0) + (order.tokens.output ?? 0));
  return [
    ["Repository", order.repository_url, "code"],
    ["Branch", order.git_branch_name, "code"],
    ["From", order.base_branch, "code"],
    ["Pull request", order.github_pull_request_url, "link"],
    ["Changes", changed],
    ["Issue", order.github_issue_number],
    ["Runs", order.selected_commands?.join(", ") ?? order.workflow_type],
    ["Agent", [order.agent, order.model].filter(Boolean).join(" · ")],
    ["Used", [tokens && `${tokens} tokens`, order.turns !== null && counted(order.turns, "turn")].filter(Boolean).join(" · ")],
    ["Walls", stated(order.isolation), null, order.isolation.reason],
    ["Network", stated(order.network), null, order.network.reason],
    ["Made", moment(order.created_at)],
    ["Id", order.agent_work_order_id, "code"],
  ].filter(([, text]) => Boolean(text));
}

const stated = ({ requested, effective }) =>
  effective && effective !== requested ? `${effective} (${requested} was asked for)` : effective ?? requested;

function fact([name, text, kind, reason]) {
  const value = kind === "link" ? outsideLink(text) : kind === "code" ? h("code", { title: visible(text) }, text) : text;
  return h("div", {}, h("dt", {}, name), h("dd", {}, value, reason ? h("span", { class: "quiet" }, ` — ${reason}`) : null));
}
