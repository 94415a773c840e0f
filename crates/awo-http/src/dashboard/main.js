// Starts the page: finds the view for the address, shows it, and gives it up when another one is wanted.

import { change, getJson, onRefused } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { showHelp } from "./dialogs.js";
import { forgetDrafts } from "./drafts.js";
import { figuresView } from "./figures.js";
import { watchWorkers } from "./fleet.js";
import { keysOf, listen } from "./keys.js";
import { loginNote, loginView } from "./login.js";
import { newOrderView } from "./new-order.js";
import { orderView } from "./order.js";
import { ordersView } from "./orders.js";
import { NEW_ORDER, go, onChange, place } from "./route.js";
import { workersView } from "./workers.js";

const root = document.getElementById("view");
let shown = { stop() {} };
let shownName = null;

function viewOf(at) {
  if (at.order) return ["order", () => orderView(at)];
  if (at.view === "new") return ["new", () => newOrderView()];
  if (at.view === "figures") return ["figures", () => figuresView(at)];
  if (at.view === "workers") return ["workers", () => workersView()];
  return ["orders", () => ordersView(at)];
}

/** Shows the view of the address. A view that can take the new address itself stays. */
function show() {
  const at = place();
  const [name, make] = viewOf(at);
  if (name === shownName && shown.take?.(at)) return;
  put(name, make());
}

function put(name, view) {
  const isFirst = shownName === null;
  shown.stop();
  [shown, shownName] = [view, name];
  fill(root, view.element);
  keysOf(view.keys ?? {});
  for (const [id, of] of [["to-orders", "orders"], ["to-figures", "figures"], ["to-workers", "workers"], ["to-new", "new"]]) {
    const link = document.getElementById(id);
    if (of === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (isFirst) return;
  scrollTo(0, 0);
  // Who hears the page is told where they are.
  (root.querySelector("[data-first]") ?? root.querySelector("h1"))?.focus();
}

async function showServer() {
  const health = await getJson("/health").catch(() => null);
  if (health) setText(document.getElementById("server"), `${location.host} · ${health.version}`);
}

function help() {
  const logOut = async () => {
    await change("POST", "/logout").catch(() => null);
    forgetDrafts();
    location.assign("/");
  };
  showHelp(h("p", {}, "Where the server asks for keys: ", h("button", { type: "button", onclick: logOut }, "Log out")));
}

/** Says how to get in: in the place of the view, or above one that holds what somebody typed. */
function askToLogIn() {
  if (shownName === "login" || root.querySelector(".login")) return;
  if (shown.holdsText?.()) root.prepend(loginNote(() => shown.again?.()));
  else put("login", loginView());
}

/** Leaves the view for another, unless words that somebody typed would be lost. */
const leave = address => shown.holdsText?.() || go(address);

onRefused(askToLogIn);
// Within the tab they are kept; with the tab they would be lost.
addEventListener("beforeunload", event => shown.holdsText?.() && event.preventDefault());
onChange(show);
listen({ n: () => leave(NEW_ORDER), "?": help, Escape: () => shownName !== "orders" && leave("/") });
document.getElementById("ask-help").addEventListener("click", help);
show();
showServer();
watchWorkers();
