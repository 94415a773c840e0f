// Owns what a person can do to an order, and what is said when it was not done.

import { ORDERS, change, freshKey, orderPath } from "./api.js";
import { announce } from "./announce.js";
import { confirmed } from "./dialogs.js";
import { h, setAttribute, setText, show } from "./dom.js";
import { canNotify, notifies, toggleNotify } from "./notify.js";
import { go } from "./route.js";
import { allowed } from "./status.js";
import { firstLine, shorten } from "./text.js";

/** The buttons of an order, its form for a prompt, and `retryFrom(step)`. `done` is called after each change. */
export function actions(id, done) {
  const path = orderPath(id);
  let order = null;
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });

  async function act(what, method, place, body) {
    show(trouble, false);
    try {
      await change(method, place, body);
      announce(what);
      return true;
    } catch (problem) {
      show(trouble, true);
      setText(trouble, problem.message);
      return false;
    } finally {
      done();
    }
  }

  const retryFrom = step => act("Tried again", "POST", `${path}/retry`, step ? { from_step: step } : {});
  const start = button("Start", () => act("Started", "POST", `${path}/start`), "strong");
  const retry = button("Retry", () => retryFrom(null), "strong");
  const prompt = button("Prompt…", () => form.text.focus());
  const cancel = button("Cancel…", async () => {
    if (await asksToCancel(order)) act("Cancel requested", "POST", `${path}/cancel`);
  });
  const remove = button("Delete…", async () => {
    const text = "Its history, log and files here go. The branch and the pull request stay.";
    if (await confirmed("Delete this order?", text, "Delete") && await act("Deleted", "DELETE", path)) go("/");
  });
  const bell = button("Notify me", async () => setAttribute(bell, "aria-pressed", String(await toggleNotify())));
  setAttribute(bell, "aria-pressed", String(notifies()));
  setAttribute(bell, "title", "A notification of this browser when an order ends whose tab is not looked at");
  const form = promptForm(path, done);

  return {
    element: h("div", { class: "actions" }, start, retry, prompt, cancel, remove, bell, trouble),
    promptForm: form.element,
    retryFrom,
    mayRetry: () => order !== null && allowed(order).retry,
    show(next) {
      order = next;
      const may = allowed(order);
      show(start, may.start);
      show(retry, may.retry && order.status !== "completed");
      show(prompt, may.prompt);
      show(cancel, may.cancel);
      show(remove, may.remove);
      show(bell, canNotify() && !may.remove);
      show(form.element, may.prompt);
    },
  };
}

const button = (words, act, kind = "plain") => h("button", { type: "button", class: kind, onclick: act, hidden: true }, words);

function promptForm(path, done) {
  const text = h("textarea", { id: "prompt", rows: "3", "aria-describedby": "prompt-error" });
  const error = h("p", { id: "prompt-error", class: "error", role: "alert" });
  const submit = h("button", { class: "plain" }, "Send");
  let [key, sent] = [freshKey(), ""];

  async function send(event) {
    event.preventDefault();
    if (text.value !== sent) [key, sent] = [freshKey(), text.value]; // the same words sent again are the same prompt
    submit.disabled = true;
    try {
      await change("POST", `${path}/prompt`, { prompt_text: text.value }, { "idempotency-key": key });
      [text.value, sent] = ["", ""];
      setText(error, "");
      announce("Prompt stored");
    } catch (problem) {
      setText(error, problem.errors[0]?.msg ? `The prompt ${problem.errors[0].msg}` : problem.message);
      text.focus();
    } finally {
      submit.disabled = false;
      done();
    }
  }

  const element = h("form", { class: "prompt", onsubmit: send, hidden: true },
    h("label", { for: "prompt" }, "Say something more"),
    h("p", { class: "quiet" }, "It becomes a further step, on the same branch, in the agent's session where that goes on."),
    text, error, submit);
  return { element, text };
}

const asksToCancel = order => confirmed("Cancel this order?",
  `“${shorten(firstLine(order.user_request), 120)}” ends where it is. What its finished steps left stays, and it can be tried again.`,
  "Cancel the order");

/** What the key `c` does to an order. */
export async function cancelKey(order, done = () => {}) {
  if (!order || !allowed(order).cancel || !(await asksToCancel(order))) return;
  await told(() => change("POST", `${ORDERS}/${order.agent_work_order_id}/cancel`), "Cancel requested");
  done();
}

/** What the key `r` does to an order. */
export async function retryKey(order, done = () => {}) {
  if (!order || !allowed(order).retry) return;
  await told(() => change("POST", `${ORDERS}/${order.agent_work_order_id}/retry`, {}), "Tried again");
  done();
}

async function told(act, words) {
  try {
    await act();
    announce(words);
  } catch (problem) {
    announce(problem.message);
  }
}
