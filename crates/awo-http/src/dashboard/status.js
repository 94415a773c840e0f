// Owns what state an order or a step is in, as a sign and a word: a colour is never the only sign. Pure.

export const ENDED = ["completed", "failed", "cancelled"];

const SIGNS = {
  held: ["◇", "held"],
  pending: ["○", "queued"],
  running: ["◐", "running"],
  waiting: ["◔", "waiting"],
  finishing: ["◕", "finishing"],
  cancelling: ["◐", "cancelling"],
  completed: ["●", "completed"],
  failed: ["✘", "failed"],
  cancelled: ["⊘", "cancelled"],
};

/** What an order does: a kind for its looks, a mark, and a word. */
export function orderState(order) {
  const kind = orderKind(order);
  const [mark, word] = SIGNS[kind] ?? ["?", kind];
  return { kind, mark, word };
}

function orderKind(order) {
  if (order.status === "pending") return order.waiting_for === "start" ? "held" : "pending";
  if (order.status !== "running") return order.status;
  if (order.cancel_requested) return "cancelling";
  if (order.finishing) return "finishing";
  return order.waiting_for && !order.current_step ? "waiting" : "running";
}

export const hasEnded = order => ENDED.includes(order.status);

/** What a person may do to an order now. */
export function allowed(order) {
  const ended = hasEnded(order);
  return {
    start: orderKind(order) === "held",
    cancel: !ended && !order.cancel_requested,
    retry: ended && order.status !== "completed",
    prompt: ended || !order.cancel_requested,
    remove: ended,
  };
}

/** Title of the tab: how far the order is, then what it is about. */
export function tabTitle(order, request) {
  const { kind, mark, word } = orderState(order);
  if (kind === "completed" || kind === "failed" || kind === "cancelled") return `${mark} ${request}`;
  const step = order.current_step?.step;
  return `${order.steps_completed}/${order.total_steps} ${step ?? word} · ${request}`;
}
