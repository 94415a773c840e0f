// Owns what every view says of the workers that share the orders: the way to them, if there are any, and that their queue is paused.

import { ORDERS, getJson } from "./api.js";
import { fill, h, show } from "./dom.js";

export const WORKERS = `${ORDERS}/workers`;
/** How often the server is asked again, in milliseconds, while somebody looks. */
const PAUSE = 15_000;

const link = document.getElementById("to-workers");
const line = document.getElementById("paused");
let isPaused = false;

/** Takes in what the server said of them. */
export function hearOfWorkers({ shared, paused }) {
  show(link, shared);
  if (paused === isPaused) return;
  isPaused = paused;
  fill(line, paused ? ["The queue is paused: what runs goes on, and no order begins. ", h("a", { href: "/?view=workers" }, "Workers")] : null);
}

/** Asks now and then, unless the server is the only one that runs its orders: that stays so. */
export async function watchWorkers() {
  if (!document.hidden) {
    const told = await getJson(WORKERS).catch(() => null);
    if (told) hearOfWorkers(told);
    if (told && !told.shared) return;
  }
  setTimeout(watchWorkers, PAUSE);
}
