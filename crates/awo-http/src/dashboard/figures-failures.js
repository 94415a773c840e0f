// Owns what is told of failures: the links from their counts to orders, and their classes over the days of the window.

import { query } from "./api.js";
import { h } from "./dom.js";
import { grouped } from "./format.js";
import { ordersBefore } from "./route.js";

const DAY = 86_400_000;
/** Orders of a class that are named, the newest first. */
const NAMED = 5;

/**
 * A count of failed attempts as a link to orders that failed. The list can choose by status and repository, and begin with those
 * that were made before the end of a day; it knows neither step nor class, and an order that went on is not failed any more.
 */
export function failedCount(count, { repository = "", until = null, title = null } = {}) {
  if (count === 0) return "0";
  const cursor = until === null ? "" : ordersBefore(until);
  const href = `/${query({ status: "failed", repository_url: repository, cursor })}`;
  return h("a", { href, title: title ?? "Orders that failed" }, grouped(count));
}

/** The end of a day, as the server counts days. */
export const endOf = date => Date.parse(date) + DAY;

const dateOf = time => new Date(time).toISOString().slice(0, 10);

/** The classes of failures, the most frequent first: `{code, count, perDay, orders}`. The last of `perDay` is the day of `now`. Pure. */
export function failureClasses({ days, groups }, window, now) {
  const classes = new Map();
  const dates = Array.from({ length: window }, (_, index) => dateOf(now - (window - 1 - index) * DAY));
  const places = new Map(dates.map((date, index) => [date, index]));
  for (const { date, failures } of days) {
    for (const [code, count] of Object.entries(failures)) {
      if (!classes.has(code)) classes.set(code, { code, count: 0, perDay: dates.map(day => ({ date: day, count: 0 })), orders: [] });
      const known = classes.get(code);
      known.count += count;
      // A window of whole days begins within one.
      known.perDay[places.get(date) ?? 0].count += count;
    }
  }
  const failed = groups.flatMap(group => group.recent).filter(attempt => !attempt.success);
  failed.sort((one, other) => Date.parse(other.timestamp) - Date.parse(one.timestamp));
  for (const { error_code: code, agent_work_order_id: id } of failed) {
    const orders = classes.get(code)?.orders;
    if (orders && orders.length < NAMED && !orders.includes(id)) orders.push(id);
  }
  return [...classes.values()].sort((one, other) => other.count - one.count || (one.code < other.code ? -1 : 1));
}
