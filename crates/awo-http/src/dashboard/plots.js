// Owns the small plots: each stands beside the numbers that it shows, so who cannot see it misses nothing.

import { svg } from "./dom.js";
import { duration } from "./format.js";
import { orderAddress } from "./route.js";

const WIDTH = 180;
const HEIGHT = 22;

/** The last attempts of a group as dots, over the span from the median to nearly all; `most` seconds are the whole width. */
export function spread(group, most) {
  const at = seconds => 3 + (WIDTH - 6) * Math.min(1, seconds / most);
  const middle = HEIGHT / 2;
  const { p50_seconds: half, p95_seconds: nearly } = group;
  return svg("svg", { class: "spread", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: middle, y2: middle }),
    half === null ? null : svg("line", { class: "span", x1: at(half), x2: at(nearly), y1: middle, y2: middle }),
    half === null ? null : svg("line", { class: "median", x1: at(half), x2: at(half), y1: 4, y2: HEIGHT - 4 }),
    group.recent.map(it => svg("a", { href: orderAddress(it.agent_work_order_id), tabindex: "-1" },
      svg("title", {}, `${duration(it.duration_seconds)}${it.success ? "" : ` ${it.error_code}`}`),
      svg("circle", { class: it.success ? "dot" : "dot is-failed", cx: at(it.duration_seconds), cy: middle, r: 2.5 }))));
}

/** How often something was on each day, `{date, count}`, the last day at the right; `most` is the whole height. */
export function daily(days, most) {
  const width = WIDTH / days.length;
  const bars = days.map(({ date, count }, index) => count > 0 && dayColumn(`${date}: ${count}`, index * width, width, (HEIGHT * count) / most));
  return svg("svg", { class: "day-plot", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }), bars);
}

const dayColumn = (words, x, width, height) =>
  svg("rect", { class: "failures", x, y: HEIGHT - height, width: Math.max(1, width - 0.5), height }, svg("title", {}, words));

/** The attempts of a day as a bar, those that failed at its end; `most` attempts are the whole width. */
export function dayBar(day, most) {
  const width = (WIDTH * day.attempts) / most;
  const failed = (WIDTH * day.failed) / most;
  return svg("svg", { class: "bar-plot", width: WIDTH, height: 10, viewBox: `0 0 ${WIDTH} 10`, "aria-hidden": "true" },
    svg("rect", { class: "attempts", x: 0, y: 0, width: width - failed, height: 10 }),
    svg("rect", { class: "failures", x: width - failed, y: 0, width: failed, height: 10 }));
}
