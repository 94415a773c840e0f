// Owns the form for a new order. What there is to choose from, the server's own description says.

import { ORDERS, change, freshKey, getJson } from "./api.js";
import { bodyOf, number } from "./body.js";
import { h, holdsText, setText, show } from "./dom.js";
import { keepDraft } from "./drafts.js";
import { choice, field, sayErrors, ticks } from "./fields.js";
import { repositoryField } from "./repository-field.js";
import { go, orderAddress } from "./route.js";
import { showInTab } from "./tab.js";

const LIMITS = [
  ["limits.order.max_cost_usd", "Cost of the order, US dollars"],
  ["limits.order.timeout_seconds", "Time of the order, seconds at work"],
  ["limits.order.max_tokens", "Tokens of the order"],
  ["limits.order.max_turns", "Turns of the order"],
  ["limits.max_cost_usd", "Cost of a step, US dollars"],
  ["limits.step_timeout_seconds", "Time of a step, seconds"],
  ["limits.silence_timeout_seconds", "Silence of an agent, seconds"],
  ["limits.max_turns", "Turns of a step"],
  ["limits.max_attempts", "Attempts of a step"],
];

/** The view with the form. */
export function newOrderView() {
  showInTab("New order · awo");
  const element = h("section", { class: "narrow" }, h("h1", { tabindex: "-1" }, "New order"));
  const stopped = new AbortController();
  prepare(element, stopped.signal);
  return {
    element,
    /** The same form is wanted again: it stays, with what was typed. */
    take: () => element.querySelector("form") !== null,
    holdsText: () => holdsText(element),
    stop: () => stopped.abort(),
  };
}

async function prepare(element, signal) {
  try {
    const [description, health, repositories] = await Promise.all([
      getJson("/openapi.json", { signal }), getJson("/health", { signal }), getJson(`${ORDERS}/repositories`, { signal })]);
    const form = orderForm(description.components.schemas.CreateOrder.properties, health, repositories);
    element.append(form.element);
    form.first.focus();
  } catch (problem) {
    if (!signal.aborted) element.append(h("p", { class: "trouble", role: "alert" }, problem.message));
  }
}

function orderForm(known, health, repositories) {
  const text = (more = {}) => h("input", { type: "text", autocomplete: "off", ...more });
  const commands = ticks("selected_commands", "Commands", known.selected_commands.items.enum,
    "In this order. What a command needs must be ticked, too.");
  const optional = ticks("optional_steps", "Further steps of the workflow", known.optional_steps.items.enum);
  const sandbox = field("sandbox_type", "Checkout", choice(known.sandbox_type.enum, known.sandbox_type.default));
  const repository = repositoryField(repositories, chosen);
  const request = field("user_request", "Request", h("textarea", { rows: "5", required: true }), "What is wanted, in your words.");
  const what = runs(commands, optional);
  const agent = agentField(health);
  const model = field("model", "Model", text(), "Left to the agent's program if empty.");
  const others = [
    sandbox,
    field("isolation", "Walls", choice(known.isolation.enum, known.isolation.default)),
    field("network", "Network", choice(known.network.enum, known.network.default)),
    field("base_branch", "Branch to start from", text(), "The repository's usual one if empty."),
    field("github_issue_number", "Issue number", text({ inputmode: "numeric" })),
  ];
  const limits = LIMITS.map(([name, label]) => field(name, label, text({ inputmode: "decimal" })));
  const fields = [repository, request, commands, optional, agent, model, ...others, ...limits];

  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const start = h("button", { class: "strong", value: "start" }, "Start");
  const hold = h("button", { class: "plain", value: "hold" }, "Keep it held");
  const element = h("form", { class: "new-order", novalidate: true, onsubmit: submit },
    repository.element, request.element, what.element,
    h("div", { class: "pair" }, agent.element, model.element),
    h("details", { class: "folded" }, h("summary", {}, "Checkout, walls and network"), h("div", { class: "pairs" }, others.map(it => it.element))),
    h("details", { class: "folded" }, h("summary", {}, "Limits"), h("p", { class: "quiet" }, "Empty leaves it to the server."),
      h("div", { class: "pairs" }, limits.map(it => it.element))),
    trouble,
    h("div", { class: "buttons" }, start, hold));
  let [key, sent] = [freshKey(), ""];
  const forget = keepDraft(element, "new-order");

  /** What a configured repository has for itself is offered first. */
  function chosen({ default_sandbox_type: kind, default_commands: names }) {
    sandbox.control.value = kind === known.sandbox_type.default ? "" : kind;
    commands.set(names);
    what.choose(names.length > 0);
  }

  async function submit(event) {
    event.preventDefault();
    const ofWorkflow = what.isWorkflow();
    const wanted = fields.filter(it => it !== (ofWorkflow ? commands : optional));
    const entries = wanted.map(it => [it.name, limits.includes(it) ? number(it.value()) : it.value()]);
    const body = bodyOf([...entries, ["start", event.submitter?.value !== "hold"]]);
    if (!ofWorkflow && !body.selected_commands) body.selected_commands = [];
    const whole = JSON.stringify(body);
    if (whole !== sent) [key, sent] = [freshKey(), whole]; // sent again as it is, it is the same order
    start.disabled = hold.disabled = true;
    show(trouble, false);
    try {
      const order = await change("POST", ORDERS, body, { "idempotency-key": key });
      forget();
      go(orderAddress(order.agent_work_order_id), { instead: true });
    } catch (problem) {
      const rest = sayErrors(fields, problem.errors);
      show(trouble, true);
      setText(trouble, problem.errors.length > 0 && rest.length === 0 ? "Some fields cannot be used as they are." : [problem.message, ...rest].join("; "));
    } finally {
      start.disabled = hold.disabled = false;
    }
  }

  return { element, first: repository.control };
}

/** Workflow or commands. */
function runs(commands, optional) {
  const radio = (value, checked) => h("input", { type: "radio", name: "what", value, checked });
  const [workflow, selected] = [radio("workflow", true), radio("commands", false)];
  const draw = () => {
    show(commands.element, selected.checked);
    show(optional.element, workflow.checked);
  };
  const element = h("fieldset", { class: "field", oninput: draw }, h("legend", {}, "What runs"),
    h("label", { class: "choice" }, workflow, h("span", {}, "the workflow: classify, plan, find the plan, branch, implement, commit, pull request")),
    h("label", { class: "choice" }, selected, h("span", {}, "some commands")),
    optional.element, commands.element);
  draw();
  return {
    element,
    isWorkflow: () => workflow.checked,
    choose(ofCommands) {
      [workflow.checked, selected.checked] = [!ofCommands, ofCommands];
      draw();
    },
  };
}

/** The agents; of one that cannot be used it is said why, once it is chosen. */
function agentField(health) {
  const details = new Map(health.agent_details.map(agent => [agent.name, agent]));
  const control = choice(health.agents, null);
  const said = h("p", { class: "quiet hint", role: "status" });
  for (const option of control.options) {
    if (details.get(option.value)?.usable === false) option.append(" (cannot be used)");
  }
  control.addEventListener("input", () => {
    const { problem, cure } = details.get(control.value) ?? {};
    setText(said, [problem, cure].filter(Boolean).join("; "));
  });
  const own = field("agent", "Agent", control);
  own.element.append(said);
  return own;
}
