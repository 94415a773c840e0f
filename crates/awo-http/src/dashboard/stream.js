// Owns streams of server-sent events: they go on by themselves after their last id when they break off, also on errors that
// `EventSource` would give up on, and when nothing comes any more, not even a sign of life.
//
// A tab that nobody sees has no streams: browsers allow few connections to one server, and other tabs need them.

import { Problem, send } from "./api.js";
import { found, lost } from "./connection.js";
import { beforeTry } from "./pause.js";
import { eventReader } from "./sse.js";

/** The server gives a sign of life every five seconds. */
const SILENCE = 20_000;

/**
 * Follows a path until `stop()`. `message({id, event, data})` is called with each message, its data read; `begun()` whenever
 * the stream has begun, as there may be more to know than it tells; `failed(problem)` when it cannot go on.
 */
export function follow(path, { message, begun = () => {}, failed = () => {}, after = null }) {
  const me = {};
  let [last, tries, abort, timer, isOver] = [after, 0, null, null, false];

  async function run() {
    const mine = (abort = new AbortController());
    try {
      await read(mine);
      throw new Problem("unreachable", 0, "the stream ended");
    } catch (problem) {
      if (mine !== abort || isOver) return;
      abort = null;
      again(problem);
    }
  }

  async function read(mine) {
    const headers = { accept: "text/event-stream" };
    if (last !== null) headers["last-event-id"] = last;
    const watch = watchdog(() => mine.abort());
    try {
      const answer = await send(path, { headers, signal: mine.signal, cache: "no-store" });
      found(me);
      tries = 0;
      begun();
      const feed = eventReader(({ id, event, data }) => {
        if (mine !== abort || isOver) return;
        if (id !== null) last = id;
        message({ id, event, data: JSON.parse(data) });
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        watch.reset();
        const { done, value } = await reader.read();
        if (done) return;
        feed(value);
      }
    } finally {
      watch.stop();
    }
  }

  function again(problem) {
    if (problem instanceof Problem && !problem.passes) {
      failed(problem);
      return;
    }
    tries += 1;
    lost(me);
    timer = setTimeout(run, beforeTry(tries, problem.retryAfter));
  }

  function rest() {
    clearTimeout(timer);
    const mine = abort;
    abort = null;
    mine?.abort();
    found(me);
  }

  const turned = () => {
    rest();
    if (!document.hidden) run();
  };
  document.addEventListener("visibilitychange", turned);
  if (!document.hidden) run();

  return {
    stop() {
      isOver = true;
      document.removeEventListener("visibilitychange", turned);
      rest();
    },
  };
}

function watchdog(bark) {
  let timer = setTimeout(bark, SILENCE);
  return {
    reset() {
      clearTimeout(timer);
      timer = setTimeout(bark, SILENCE);
    },
    stop: () => clearTimeout(timer),
  };
}
