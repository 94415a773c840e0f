// Owns what a person can do to an order, and what is said when it was not done.

import { change, freshKey, orderPath } from "./api.js";
import { announce } from "./announce.js";
import { confirmed } from "./dialogs.js";
import { keepDraft } from "./drafts.js";
import { h, holdsText, oneAtATime, sayTrouble, setAttribute, setText, show, troubleLine } from "./dom.js";
import { canNotify, notifies, toggleNotify } from "./notify.js";
import { go } from "./route.js";
import { allowed } from "./status.js";
import { firstLine, shorten } from "./text.js";
import { canGoOn, leadsOn } from "./timeline.js";

/** Does something and says so; whether it was done. Why it was not stands in `trouble`. */
async function deed(trouble, words, method, path, body) {
  sayTrouble(trouble, null);
  try {
    await change(method, path, body);
    announce(words);
    return true;
  } catch (problem) {
    sayTrouble(trouble, problem);
    return false;
  }
}

/** The buttons of an order, its form for a prompt, and what its keys do. `done` is called after each change. */
export function actions(id, done) {
  const path = orderPath(id);
  let [order, history] = [null, null];
  const trouble = troubleLine();

  async function act(...what) {
    const isDone = await deed(trouble, ...what);
    done();
    return isDone;
  }

  const retryFrom = step => act("Tried again", "POST", `${path}/retry`, step ? { from_step: step } : {});
  const start = button("Start", () => act("Started", "POST", `${path}/start`), "strong");
  const retry = button("Retry", () => retryFrom(null), "strong");
  const prompt = button("Prompt…", () => form.text.focus());
  const cancel = button("Cancel…", async () => {
    if (await asksToCancel(order)) await act("Cancel requested", "POST", `${path}/cancel`);
  });
  const remove = button("Delete…", async () => {
    const text = "Its history, log and files here go. The branch and the pull request stay.";
    if (await confirmed("Delete this order?", text, "Delete") && await act("Deleted", "DELETE", path)) go("/");
  });
  const bell = button("Notify me", async () => setAttribute(bell, "aria-pressed", String(await toggleNotify())));
  setAttribute(bell, "aria-pressed", String(notifies()));
  setAttribute(bell, "title", "A notification of this browser when an order ends whose tab is not looked at");
  const form = promptForm(id, path, done);
  const press = it => it.hidden || it.click();

  return {
    element: h("div", { class: "actions" }, start, retry, prompt, cancel, remove, bell, trouble),
    promptForm: form.element,
    keys: { c: () => press(cancel), r: () => press(retry) },
    retryFrom,
    mayRetryFrom: step => order !== null && allowed(order).retry && leadsOn(history, step),
    show(nextOrder, nextHistory) {
      [order, history] = [nextOrder, nextHistory];
      const may = allowed(order);
      show(start, may.start);
      show(retry, may.retry && canGoOn(history));
      show(prompt, may.prompt);
      show(cancel, may.cancel);
      show(remove, may.remove);
      show(bell, canNotify() && !may.remove);
      form.allow(may.prompt);
    },
  };
}

const button = (words, act, kind = "plain") =>
  h("button", { type: "button", class: kind, onclick: oneAtATime(act), hidden: true }, words);

function promptForm(id, path, done) {
  const text = h("textarea", { id: "prompt", rows: "3", "aria-describedby": "prompt-error" });
  const error = h("p", { id: "prompt-error", class: "error", role: "alert" });
  const submit = h("button", { class: "plain" }, "Send");
  const later = h("p", { class: "quiet", role: "status", hidden: true }, "The order is being cancelled. This can be sent when it has ended.");
  let [key, sent, isSending, isAllowed] = [null, null, false, true];

  async function send(event) {
    event.preventDefault();
    const words = text.value;
    if (words !== sent) [key, sent] = [freshKey(), words]; // the same words sent again are the same prompt
    isSending = true;
    draw();
    try {
      await change("POST", `${path}/prompt`, { prompt_text: words }, { "idempotency-key": key });
      sent = null;
      if (text.value === words) {
        text.value = "";
        forget();
      }
      setText(error, "");
      announce("Prompt stored");
    } catch (problem) {
      setText(error, problem.errors[0]?.msg ? `The prompt ${problem.errors[0].msg}` : problem.message);
      text.focus();
    } finally {
      isSending = false;
      draw();
      done();
    }
  }

  /** Words that somebody types are never taken from them: where they cannot be sent now, it is said why. */
  function draw() {
    show(element, isAllowed || holdsText(element) || element.contains(document.activeElement));
    submit.disabled = isSending || !isAllowed;
    show(later, !isAllowed);
  }

  const element = h("form", { class: "prompt", onsubmit: send, hidden: true },
    h("label", { for: "prompt" }, "Say something more"),
    h("p", { class: "quiet" }, "It becomes a further step, on the same branch, in the agent's session where that goes on."),
    text, error, later, submit);
  const forget = keepDraft(element, id);
  return {
    element,
    text,
    allow(isIt) {
      isAllowed = isIt;
      draw();
    },
  };
}

const asksToCancel = order => confirmed("Cancel this order?",
  `“${shorten(firstLine(order.user_request), 120)}” ends where it is. What its finished steps left stays, and it can be tried again.`,
  "Cancel the order");

/** What the key `c` does to an order of a list. */
export async function cancelKey(order, trouble) {
  if (!order || !allowed(order).cancel || !(await asksToCancel(order))) return;
  await deed(trouble, "Cancel requested", "POST", `${orderPath(order.agent_work_order_id)}/cancel`);
}

/** What the key `r` does to an order of a list. */
export async function retryKey(order, trouble) {
  if (!order || !allowed(order).retry) return;
  await deed(trouble, "Tried again", "POST", `${orderPath(order.agent_work_order_id)}/retry`, {});
}
