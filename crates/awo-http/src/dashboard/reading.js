// Owns reading again when there is news: one request at a time, never more often than the server and the page can bear, and
// no news is lost. Also asks again by itself when that may help, and now and then in a tab that nobody sees, which has no stream.

import { found, lost } from "./connection.js";
import { beforeTry } from "./pause.js";

/**
 * Asks `read(signal)` and gives its answer to `show`, now and after each `news()`; `failed(problem)` whenever the server
 * did not answer as asked, also where the same is asked again. `pause` is the shortest time between two requests, `unseen()`
 * that in a tab that nobody sees, in milliseconds.
 */
export function reading(read, show, failed, { pause = 100, unseen = () => 5000 } = {}) {
  const me = {};
  let [isBusy, isWanted, tries, timer, polling] = [false, false, 0, null, null];
  const stopped = new AbortController();

  async function run() {
    [timer, isBusy, isWanted] = [null, true, false];
    const begun = performance.now();
    let rest;
    try {
      const answer = await read(stopped.signal);
      if (stopped.signal.aborted) return;
      found(me);
      tries = 0;
      show(answer);
    } catch (problem) {
      if (stopped.signal.aborted) return;
      if (problem.kind === "unreachable") {
        lost(me); // the line on top says it
      } else {
        found(me);
        failed(problem);
      }
      tries = problem.passes ? tries + 1 : 0;
      if (problem.passes) [isWanted, rest] = [true, beforeTry(tries, problem.retryAfter)];
    }
    isBusy = false;
    // What takes long is not asked so often.
    timer = setTimeout(rested, rest ?? Math.max(pause, 2 * (performance.now() - begun)));
  }

  function rested() {
    timer = null;
    if (isWanted) run();
  }

  function news() {
    isWanted = true;
    if (!isBusy && timer === null) run();
  }

  function poll() {
    if (document.hidden) news();
    polling = setTimeout(poll, unseen());
  }

  const turned = () => !document.hidden && news();
  document.addEventListener("visibilitychange", turned);
  news();
  polling = setTimeout(poll, unseen());

  return {
    news,
    stop() {
      stopped.abort();
      clearTimeout(timer);
      clearTimeout(polling);
      document.removeEventListener("visibilitychange", turned);
      found(me);
    },
  };
}
