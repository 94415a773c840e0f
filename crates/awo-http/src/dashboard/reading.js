// Owns reading again when there is news: one request at a time, never more often than the server and the page can bear, and
// no news is lost. Also asks again by itself when that failed, and now and then in a tab that nobody sees, which has no stream.

import { found, lost } from "./connection.js";
import { backoff } from "./pause.js";

/**
 * Asks `read(signal)` and gives its answer to `show`, now and after each `news()`; `failed(problem)` when asking is no
 * use. `pause` is the shortest time between two requests, `unseen` that in a tab that nobody sees, in milliseconds.
 */
export function reading(read, show, failed, { pause = 100, unseen = 5000 } = {}) {
  const me = {};
  let [isBusy, isWanted, tries, timer] = [false, false, 0, null];
  const stopped = new AbortController();

  async function run() {
    [timer, isBusy, isWanted] = [null, true, false];
    const begun = performance.now();
    try {
      const answer = await read(stopped.signal);
      if (stopped.signal.aborted) return;
      found(me);
      tries = 0;
      show(answer);
    } catch (problem) {
      if (stopped.signal.aborted) return;
      if (problem.passes !== true) {
        isBusy = false;
        found(me);
        failed(problem);
        return;
      }
      if (problem.kind === "unreachable") lost(me);
      tries += 1;
      isWanted = true;
    }
    isBusy = false;
    // What takes long is not asked so often.
    const rest = tries > 0 ? backoff(tries) : Math.max(pause, 2 * (performance.now() - begun));
    timer = setTimeout(rested, rest);
  }

  function rested() {
    timer = null;
    if (isWanted) run();
  }

  function news() {
    isWanted = true;
    if (!isBusy && timer === null) run();
  }

  const polling = setInterval(() => document.hidden && news(), unseen);
  const turned = () => !document.hidden && news();
  document.addEventListener("visibilitychange", turned);
  news();

  return {
    news,
    stop() {
      stopped.abort();
      clearTimeout(timer);
      clearInterval(polling);
      document.removeEventListener("visibilitychange", turned);
      found(me);
    },
  };
}
