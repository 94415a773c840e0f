// Owns what is shown of a result: why it failed and what can be done, what the engine saw, what it used, and what was said.

import { getText, orderPath } from "./api.js";
import { diffButton } from "./diff.js";
import { fileLink, fill, h, oneAtATime, outsideLink, setText, show } from "./dom.js";
import { counted, duration, moment, usageLine } from "./format.js";
import { resultLine } from "./timeline.js";
import { firstLine, shorten } from "./text.js";

/** What the line of a step that has ended holds; `doing`, of its last result only, knows how to try again from there. */
export function resultBody(id, { number, result }, doing = null) {
  const path = `${orderPath(id)}/steps/${number}`;
  const retry = doing && h("button", { type: "button", class: result.success ? "plain" : "strong",
    onclick: oneAtATime(() => doing.retryFrom(result.step)) }, "Retry from here");
  const update = () => retry && show(retry, doing.mayRetryFrom(result.step));
  const element = h("div", {},
    result.success ? null : failure(result),
    result.prompt_text ? h("blockquote", { class: "asked" }, result.prompt_text) : null,
    output(path, result),
    h("dl", { class: "facts" }, factsOf(result).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    tries(result),
    h("div", { class: "buttons" },
      retry,
      result.artifacts.some(name => name.includes("transcript")) ? fileLink(`${path}/transcript`, "Transcript") : null,
      changes(result) ? Object.values(diffButton(`${path}/diff`, "Diff")) : null));
  update();
  return { element, update };
}

/** Earlier results that are shown at once. */
const PART = 50;

/** Earlier results of a step, folded, the newest first; there may be very many. */
export function earlierResults(id, earlier) {
  if (earlier.length === 0) return null;
  const list = h("ol", { class: "earlier" });
  const more = h("button", { type: "button", class: "plain", onclick: next }, "More");
  function next() {
    const shown = list.childElementCount;
    list.append(...earlier.slice(shown, shown + PART).map(entry => earlierResult(id, entry)));
    show(more, list.childElementCount < earlier.length);
    setText(more, `${counted(earlier.length - list.childElementCount, "attempt")} before these`);
  }
  const unfolded = event => event.target.open && list.childElementCount === 0 && next();
  return h("details", { class: "folded", ontoggle: unfolded }, h("summary", {}, counted(earlier.length, "earlier attempt")), list, more);
}

function earlierResult(id, entry) {
  const { result } = entry;
  const body = h("div", { class: "step-body" });
  const unfolded = event => {
    if (event.target.open && body.childElementCount === 0) fill(body, resultBody(id, entry).element);
  };
  return h("li", {}, h("details", { ontoggle: unfolded }, h("summary", {},
    h("span", { class: "mark", "aria-hidden": "true" }, result.success ? "●" : "✘"),
    `Attempt ${result.attempt} `, h("span", { class: "clock" }, duration(result.duration_seconds)), " ",
    h("span", { class: "told" }, shorten(firstLine(resultLine(result)), 120))), body));
}

function failure(result) {
  return h("div", { class: "note is-failed" },
    h("p", {}, h("code", {}, result.error_code ?? "failed"), " ", result.error_message ?? ""),
    result.advice ? h("p", { class: "advice" }, result.advice) : null,
    ended(result) ? h("p", { class: "quiet" }, ended(result)) : null);
}

function ended({ exit_code: code, exit_signal: signal }) {
  if (signal !== null) return `The agent's program was ended by signal ${signal}.`;
  return code === null ? "" : `The agent's program ended with code ${code}.`;
}

/** What it said: its last words if it failed, its answer if not. */
function output(path, result) {
  if (!result.output) return null;
  const text = h("pre", { class: "output", tabindex: "0", "aria-label": `Output of ${result.step}` }, result.output);
  const more = result.output_truncated ? h("button", { type: "button", class: "plain", onclick: whole }, "Whole output") : null;
  async function whole() {
    try {
      setText(text, await getText(`${path}/output`));
      more.remove();
    } catch (problem) {
      setText(more, problem.message);
    }
  }
  return h("div", { class: "said" }, h("h3", {}, result.success ? "Output" : "Its last words"), text, more);
}

const changes = result => (result.evidence.changes?.files_changed ?? 0) > 0;

function factsOf(result) {
  const { evidence, usage } = result;
  const code = text => text ? h("code", {}, text) : null;
  const pull = evidence.pull_request;
  return [
    ["By", result.agent_name],
    ["Took", `${duration(result.duration_seconds)}, until ${moment(result.timestamp)}`],
    ["Class", evidence.issue_class],
    ["Plan", code(evidence.plan_file)],
    ["Branch", code(evidence.branch)],
    ["Changed", changes(result) ? files(evidence.changes) : null],
    ["Tells machines what to run", evidence.flagged.length > 0 ? evidence.flagged.map(name => [h("code", {}, name), " "]).flat() : null],
    ["Pushed", evidence.push ? [h("code", {}, evidence.push.branch), " at ", h("code", {}, evidence.push.commit.slice(0, 10))] : null],
    ["Pull request", pull ? pull.url ? [outsideLink(pull.url), ` (${pull.kind})`] : "the remote has no forge; the branch is pushed" : null],
    ["Used", usageLine(usage)],
    ["Model", usage?.model],
    ["Program", usage?.agent_version],
    ["Session", code(result.session_id)],
  ].filter(([, value]) => Boolean(value));
}

function files(summary) {
  const names = summary.files.slice(0, 12).map(name => h("li", {}, h("code", {}, name)));
  const more = summary.files_changed - names.length;
  return [`${counted(summary.files_changed, "file")}, +${summary.lines_added} −${summary.lines_removed}`,
    h("ul", { class: "files" }, names, more > 0 ? h("li", { class: "quiet" }, `and ${more} more`) : null)];
}

function tries(result) {
  if (result.tries.length === 0) return null;
  const words = result.tries.length === 1 ? "1 try before it" : `${result.tries.length} tries before it`;
  return h("details", { class: "folded" }, h("summary", {}, words),
  h("ol", {}, result.tries.map(it => h("li", {}, h("code", {}, it.error_code), ` ${it.error_message} `,
    h("span", { class: "quiet" }, `after ${duration(it.duration_seconds)}`,
      it.waited_seconds === null ? null : `, then waited ${duration(it.waited_seconds)}`)))));
}
