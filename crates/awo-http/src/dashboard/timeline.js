// Owns the order of an order's steps as they are shown: one row for each step of the workflow, its earlier results folded
// under it. Pure.

/**
 * Rows of a history: `{key, kind, step, number, result, current, earlier}`. `kind` is `done`, `failed`, `cut`, `running` or
 * `todo`; `number` is the result's place in the history, from 1; `earlier` are `{number, result}`, the newest first.
 */
export function rows(history) {
  const results = history.steps.map((result, index) => ({ number: index + 1, result }));
  const byStep = new Map();
  for (const entry of results) {
    const known = byStep.get(entry.result.step);
    if (known) known.push(entry);
    else byStep.set(entry.result.step, [entry]);
  }
  const names = stepNames(history, byStep);
  return names.map(step => row(step, byStep.get(step) ?? [], history));
}

/** All steps: those of the workflow in its order, and before them whatever has results and is not in it any more. */
function stepNames(history, byStep) {
  const planned = history.workflow ?? [];
  const others = [...byStep.keys()].filter(step => !planned.includes(step));
  const current = history.current_step?.step;
  const names = [...others, ...planned];
  return current && !names.includes(current) ? [...names, current] : names;
}

function row(step, entries, history) {
  const current = history.current_step?.step === step ? history.current_step : null;
  const newestFirst = entries.toReversed();
  const [last, ...earlier] = newestFirst;
  const isPlanned = (history.workflow ?? []).includes(step);
  if (current) return { key: step, kind: "running", step, current, earlier: newestFirst };
  if (!last || (isPlanned && last.result.superseded)) return { key: step, kind: "todo", step, earlier: newestFirst };
  const cut = ["interrupted", "cancelled"].includes(last.result.error_code);
  const kind = last.result.success ? "done" : cut ? "cut" : "failed";
  return { key: step, kind, step, number: last.number, result: last.result, earlier };
}

/** Where an order that has ended would go on: the place of its first step that is not done, or behind all where a prompt waits; -1 if nowhere. */
function placeToGoOn(history) {
  const planned = history.workflow ?? [];
  const done = new Set(rows(history).filter(row => row.kind === "done").map(row => row.step));
  const open = planned.findIndex(name => !done.has(name));
  return open < 0 && history.queued_prompts > 0 ? planned.length : open;
}

/** Whether something of an order that has ended is left to be tried again. */
export const canGoOn = history => placeToGoOn(history) >= 0;

/** Whether it can be tried again from a step: the first that is not done, or one before it. */
export function leadsOn(history, step) {
  const planned = history.workflow ?? [];
  return planned.includes(step) && planned.indexOf(step) <= placeToGoOn(history);
}

/** What a result shows in its one line. */
export function resultLine(result) {
  if (!result.success) return `${result.error_code ?? "failed"}: ${result.error_message ?? ""}`;
  const { plan_file, branch, push, pull_request, issue_class, changes } = result.evidence;
  const parts = [];
  if (pull_request?.kind === "no_forge" || (push && !pull_request)) parts.push(`pushed ${push?.branch ?? ""}`.trim());
  else if (pull_request) parts.push(`pull request ${pull_request.kind}`);
  if (plan_file) parts.push(plan_file);
  else if (branch && !push) parts.push(branch);
  else if (issue_class) parts.push(issue_class);
  if (changes && changes.files_changed > 0) {
    parts.push(`${changes.files_changed} ${changes.files_changed === 1 ? "file" : "files"}, ` +
      `+${changes.lines_added} −${changes.lines_removed}`);
  }
  return parts.length > 0 ? parts.join(" · ") : result.output ?? "";
}
