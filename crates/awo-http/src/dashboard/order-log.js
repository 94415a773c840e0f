// Owns the log of an order: what its work says about itself, filtered by the server, and followed while it is open.

import { getJson, orderPath, query } from "./api.js";
import { fill, h, oneAtATime, setText, show } from "./dom.js";
import { clockTime, counted } from "./format.js";
import { now } from "./clock.js";
import { follow } from "./stream.js";

/** Lines that are read at once, and lines that are kept here at most. */
const PAGE = 200;
const MOST = 2000;
const REST = 250;

/** The part with the log. It asks for nothing before it is unfolded. */
export function orderLog(id) {
  const path = `${orderPath(id)}/logs`;
  const level = h("select", { id: "log-level" }, [["", "all levels"], ["info", "info"], ["warning", "warning"], ["error", "error"], ["debug", "debug"]]
    .map(([value, words]) => h("option", { value }, words)));
  const step = h("select", { id: "log-step" }, h("option", { value: "" }, "all steps"));
  const text = h("input", { type: "search", id: "log-text", placeholder: "Text in the log", autocomplete: "off" });
  const followed = h("input", { type: "checkbox", id: "log-follow", checked: true });
  const earlier = h("button", { type: "button", class: "plain", onclick: oneAtATime(readEarlier), hidden: true });
  const list = h("ol", { class: "log-lines" });
  const box = h("div", { class: "log-box", tabindex: "0", role: "region", "aria-label": "Lines of the log" }, list);
  const trouble = h("p", { class: "quiet" });
  const details = h("details", { class: "log", ontoggle: () => details.open ? begin() : stop() },
    h("summary", {}, h("h2", {}, "Log")),
    h("form", { class: "filters", "aria-label": "Log", oninput: soon, onsubmit: event => event.preventDefault() },
      h("label", {}, h("span", { class: "heard" }, "Level"), level),
      h("label", {}, h("span", { class: "heard" }, "Step"), step),
      h("label", { class: "grow" }, h("span", { class: "heard" }, "Text"), text),
      h("label", { class: "choice" }, followed, h("span", {}, "follow"))),
    earlier, box, trouble);
  const element = h("section", { class: "log-part", "aria-label": "Log" }, details);
  let [stream, first, timer, names] = [null, 0, null, ""];
  /** What the lines in the list were asked by; what is still on its way for them ends with them. */
  let round = { asked: {}, stopped: new AbortController() };

  const filters = () => ({ level: level.value, step: step.value, q: text.value.trim() });

  /** Reads the newest lines that match, then follows what comes after them. */
  async function begin() {
    stop();
    const mine = (round = { asked: filters(), stopped: new AbortController() });
    try {
      const { total } = await read(mine, { limit: 1 });
      const from = Math.max(0, total - PAGE);
      const { log_entries: lines } = await read(mine, { limit: PAGE, offset: from });
      first = from;
      fill(list, lines.map(line));
      setText(trouble, lines.length === 0 ? "No line matches." : "");
      drawEarlier();
      toEnd();
      stream = follow(`${path}/stream${query(mine.asked)}`, { after: String(lines.at(-1)?.number ?? 0), message: add, failed: say });
    } catch (problem) {
      if (!mine.stopped.signal.aborted) say(problem);
    }
  }

  function stop() {
    round.stopped.abort();
    clearTimeout(timer);
    stream?.stop();
    stream = null;
  }

  const read = ({ asked, stopped: { signal } }, part) => getJson(path + query({ ...asked, ...part }), { signal });

  const say = problem => setText(trouble, problem.message);

  function add({ data }) {
    list.append(line(data));
    setText(trouble, "");
    const beyond = Math.max(0, list.childElementCount - MOST);
    for (let count = 0; count < beyond; count += 1) list.firstElementChild.remove();
    first += beyond;
    if (beyond > 0) drawEarlier();
    toEnd();
  }

  function toEnd() {
    if (followed.checked) box.scrollTop = box.scrollHeight;
  }

  async function readEarlier() {
    const [mine, upTo] = [round, first];
    const from = Math.max(0, upTo - PAGE);
    try {
      const { log_entries: lines } = await read(mine, { limit: upTo - from, offset: from });
      if (first !== upTo) return; // lines were left out meanwhile: these would not join on
      first = from;
      const height = box.scrollHeight;
      list.prepend(...lines.map(line));
      box.scrollTop += box.scrollHeight - height;
      setText(trouble, "");
      drawEarlier();
    } catch (problem) {
      if (!mine.stopped.signal.aborted) say(problem);
    }
  }

  function drawEarlier() {
    show(earlier, first > 0);
    setText(earlier, `${counted(first, "earlier line")}`);
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(begin, REST);
  }

  return {
    element,
    stop,
    search() {
      details.open = true;
      text.focus();
    },
    /** The steps that there are to choose from. */
    show(history) {
      const all = history.workflow ?? [];
      if (all.join() === names) return;
      names = all.join();
      const chosen = step.value;
      fill(step, h("option", { value: "" }, "all steps"), all.map(name => h("option", { value: name }, name)));
      step.value = chosen;
    },
  };
}

function line(entry) {
  return h("li", { class: `is-${entry.level}` },
    h("time", { datetime: entry.timestamp }, clockTime(entry.timestamp, now())), " ",
    h("span", { class: "level" }, entry.level), " ",
    entry.step ? h("span", { class: "step-name" }, `${entry.step} `) : null,
    h("span", { class: "event" }, entry.event),
    entry.message ? ` ${entry.message}` : null,
    h("span", { class: "quiet" }, more(entry)));
}

const NAMED = ["work_order_id", "number", "level", "event", "timestamp", "step", "message"];

/** What else is known of a line. */
function more(entry) {
  const others = Object.entries(entry).filter(([name, value]) => !NAMED.includes(name) && value !== null);
  return others.map(([name, value]) => ` ${name}=${shown(value)}`).join("");
}

function shown(value) {
  if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
  return typeof value === "string" ? value : JSON.stringify(value);
}
