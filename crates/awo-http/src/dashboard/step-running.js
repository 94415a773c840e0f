// Owns what is shown of a step at work: how long it usually takes, what its agent did last, and what it has used so far.

import { everySecond, now, since } from "./clock.js";
import { h, keyedList, setText, show } from "./dom.js";
import { clockTime, duration, usageLine } from "./format.js";
import { firstLine, shorten } from "./text.js";

/** Of twenty that are known. */
const LINES = 6;

/** What the line of a step at work holds. */
export function runningBody() {
  const usual = h("p", { class: "quiet usual", hidden: true });
  const slow = h("p", { class: "note is-warning", hidden: true }, "It takes longer than it usually does. Nothing is wrong by that alone.");
  const used = h("p", { class: "quiet", hidden: true });
  const silent = h("p", { class: "quiet" });
  const last = h("ol", { class: "activity", "aria-label": "What the agent did last" });
  const lines = keyedList(last, entry => entry.key, activityLine);
  const element = h("div", {}, usual, slow, last, silent, used);
  let current = null;

  function tick() {
    if (current) setText(usual, usualWords(current));
  }

  function update(row) {
    current = row.current;
    const entries = current.activity.slice(-LINES);
    lines(entries.map(entry => ({ ...entry, key: `${entry.at} ${entry.kind} ${entry.tool ?? ""} ${entry.text ?? ""} ${entry.detail ?? ""}` })));
    show(last, entries.length > 0);
    show(silent, entries.length === 0);
    setText(silent, `Begun ${clockTime(current.started_at, now())} by ${current.agent_name}. Nothing is known of its agent yet.`);
    const usage = usageLine(current.usage);
    show(used, usage !== "");
    setText(used, `${usage} so far`);
    show(usual, Boolean(current.usual));
    show(slow, Boolean(current.slow_since));
    tick();
  }

  everySecond(element, tick);
  return { element, update };
}

/** A calm estimate: never a countdown, and no promise once the usual time is over. */
function usualWords(current) {
  if (!current.usual) return "";
  const { p50_seconds: half, p95_seconds: most, samples } = current.usual;
  const left = half - since(current.started_at);
  const usually = `Usually ${duration(half)}, nearly always within ${duration(most)} (of ${samples})`;
  if (left > 1) return `${usually}. Perhaps ${duration(roughly(left))} more.`;
  return `${usually}.`;
}

const roughly = seconds => seconds < 60 ? Math.max(5, Math.ceil(seconds / 5) * 5) : Math.ceil(seconds / 30) * 30;

const WORDS = { tool_started: "uses", tool_ended: "has used", retry: "asks its service again", text: "says" };

function activityLine() {
  const time = h("time");
  const kind = h("span", { class: "quiet" });
  const what = h("span", { class: "what" });
  const element = h("li", {}, time, kind, what);
  return {
    element,
    update(entry) {
      setText(time, clockTime(entry.at, now()));
      const failed = entry.kind === "tool_ended" && entry.success === false;
      setText(kind, failed ? "failed with" : WORDS[entry.kind] ?? entry.kind);
      element.className = failed ? "is-failed" : "";
      setText(what, shorten([entry.tool, entry.detail, firstLine(entry.text ?? "")].filter(Boolean).join(" · "), 240));
    },
  };
}
