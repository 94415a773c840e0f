// Owns the timeline: a line for each step, which grows while it runs, settles when it ends, and opens by itself when it failed.

import { h, heard, keyedList, setAttribute, setText, show } from "./dom.js";
import { elapsed, duration } from "./format.js";
import { everySecond, since, stopTicking } from "./clock.js";
import { resultLine, rows } from "./timeline.js";
import { runningBody } from "./step-running.js";
import { earlierResults, resultBody } from "./step-result.js";
import { firstLine, shorten } from "./text.js";

const SIGNS = { done: ["●", "done"], failed: ["✘", "failed"], cut: ["⊘", "cut short"], running: ["◐", "running"], todo: ["○", "not begun"] };

/** The timeline of an order; `doing` knows how to try again. */
export function timelineOf(id, doing) {
  const element = h("ol", { class: "timeline" });
  const list = keyedList(element, row => row.key, row => line(id, row, doing));
  let drawn = null;
  return {
    element,
    show(order, history) {
      // What runs changes often, what has ended never: the rest is made anew only when something was stored.
      const stored = `${history.version} ${history.pending_steps} ${order.status} ${history.current_step?.step}`;
      const all = rows(history);
      if (stored !== drawn) list(all);
      else all.filter(row => row.kind === "running").forEach(list.one);
      drawn = stored;
    },
  };
}

function line(id, first, doing) {
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  const word = heard("");
  const name = h("span", { class: "step-name" });
  const badge = h("span", { class: "badge", hidden: true });
  const time = h("span", { class: "clock" });
  const told = h("span", { class: "told" });
  const summary = h("summary", { "data-stop": true }, mark, word, name, time, told, badge);
  const body = h("div", { class: "step-body" });
  const details = h("details", { ontoggle: unfolded }, summary, body);
  const element = h("li", {}, details);
  let [row, made, part] = [first, null, null];

  /** What a line holds is made when somebody wants to see it. */
  function unfolded() {
    if (!details.open) return;
    const wanted = `${row.kind} ${row.number ?? ""} ${row.earlier.length}`;
    if (made === wanted) {
      part?.update?.(row);
      return;
    }
    made = wanted;
    part = row.kind === "running" ? runningBody() : row.result ? resultBody(id, row, doing) : null;
    body.replaceChildren(...[part?.element, earlierResults(id, row.earlier)].filter(Boolean));
    part?.update?.(row);
  }

  function tick() {
    setText(time, elapsed(since(row.current.started_at)));
  }

  function update(next) {
    const before = row;
    row = next;
    const [sign, said] = SIGNS[row.kind];
    element.className = `step is-${row.kind}`;
    setText(mark, sign);
    setText(word, ` ${said}: `);
    setText(name, row.step);
    const attempt = row.current?.attempt ?? row.result?.attempt ?? 1;
    show(badge, attempt > 1);
    setText(badge, `attempt ${attempt}`);
    if (row.kind === "running") everySecond(time, tick);
    else stopTicking(time);
    if (row.kind !== "running") setText(time, row.result ? duration(row.result.duration_seconds) : "");
    setText(told, row.result && row.kind !== "todo" ? shorten(firstLine(resultLine(row.result)), 160) : "");
    setAttribute(summary, "aria-disabled", row.kind === "todo" && row.earlier.length === 0 ? "true" : null);
    if (made === null || before.kind !== row.kind) opensByItself(before);
    unfolded();
  }

  /** A step at work is open while it works; one that failed stays open until somebody folds it. */
  function opensByItself(before) {
    const wasRunning = before.kind === "running";
    if (row.kind === "running" || (row.kind === "failed" && (made === null || wasRunning))) details.open = true;
    else if (wasRunning && !body.contains(document.activeElement)) details.open = false;
  }

  return { element, update };
}
