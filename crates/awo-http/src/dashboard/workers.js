// Owns the view of the workers that share the orders: who they are, what each runs, and the button that pauses their queue.

import { change, getJson } from "./api.js";
import { fill, h, oneAtATime, sayTrouble, setText, show, troubleLine } from "./dom.js";
import { WORKERS, hearOfWorkers } from "./fleet.js";
import { counted, grouped } from "./format.js";
import { reading } from "./reading.js";
import { showInTab } from "./tab.js";
import { places, workersTable } from "./workers-table.js";

/** How often the server is asked, in milliseconds: workers are heard of every few seconds, and nothing tells of that. */
const PAUSE = 2000;

/** The view. */
export function workersView() {
  let [list, said] = [null, null];
  showInTab("Workers · awo");
  const summary = h("p", { class: "quiet", role: "status" });
  const trouble = troubleLine();
  const undone = troubleLine(); // stays when the workers are read again
  const turn = h("button", { type: "button", class: "end", hidden: true, onclick: oneAtATime(turned) });
  const table = workersTable();
  const empty = h("div", { class: "empty", hidden: true });
  const element = h("section", {}, h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Workers"), summary, turn), trouble, undone,
    table.element, empty);

  async function turned() {
    sayTrouble(undone, null);
    try {
      take(await change("POST", `${WORKERS}/${list.paused ? "resume" : "pause"}`));
    } catch (problem) {
      sayTrouble(undone, problem);
    }
  }

  function take(told) {
    sayTrouble(trouble, null);
    list = told;
    hearOfWorkers(list);
    const { workers, shared, paused } = list;
    setText(summary, workers.length > 0 ? summaryOf(workers) : "");
    show(turn, shared);
    setText(turn, paused ? "Resume the queue" : "Pause the queue");
    table.show(workers);
    show(table.element, workers.length > 0);
    showEmpty(workers.length > 0 ? null : shared ? nobody : alone);
  }

  /** What is said in the place of the table; kept while it stays the same. */
  function showEmpty(words) {
    if (words !== said) fill(empty, words?.());
    said = words;
    show(empty, words !== null);
  }

  const reader = reading(signal => getJson(WORKERS, { signal }), take, problem => sayTrouble(trouble, problem), { unseen: () => 30_000 });
  const asking = setInterval(() => !document.hidden && reader.news(), PAUSE);

  return {
    element,
    stop() {
      clearInterval(asking);
      reader.stop();
    },
  };
}

function summaryOf(workers) {
  const silent = workers.filter(worker => !worker.alive).length;
  const { taken, all } = places(workers);
  return [counted(workers.length, "worker"), silent > 0 && `${grouped(silent)} silent`, `${grouped(taken)} of ${counted(all, "place")} taken`]
    .filter(Boolean).join(" · ");
}

const command = text => h("pre", { tabindex: "0", "aria-label": "Command" }, text);

const nobody = () => [
  h("h2", {}, "No workers"),
  h("p", {}, "Nobody runs orders at present. Those that are made wait until a worker is there."),
  command("awo worker"),
];

const alone = () => [
  h("h2", {}, "No workers share these orders"),
  h("p", {}, "This server runs them by itself. Workers on other machines share the orders of a PostgreSQL database."),
];
