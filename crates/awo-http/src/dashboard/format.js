// Owns how numbers are shown: durations, ages, money, counts. Pure.

const two = number => String(number).padStart(2, "0");

/** A duration that is over: `0.4 s`, `12 s`, `2 m 14 s`, `3 h 05 m`, `2 d 4 h`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** A duration that goes on, as a clock shows it: `0:07`, `2:14`, `1:02:14`. */
export function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** How long ago something was, roughly: `now`, `5 min`, `3 h`, `2 d`. */
export function age(seconds) {
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** Money; nothing where it is not known, which is not zero. */
export function cost(usd) {
  if (usd === null || usd === undefined) return "";
  return usd > 0 && usd < 0.01 ? "< $0.01" : `$${usd.toFixed(2)}`;
}

/** A number of things, short: `812`, `41k`, `1.2M`. */
export function short(number) {
  if (number < 1000) return String(number);
  return number < 999_500 ? `${Math.round(number / 1000)}k` : `${(number / 1e6).toFixed(1)}M`;
}

/** A number with its word. */
export function counted(number, word) {
  return `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** A number that is easy to read: `10,000`. */
export function grouped(number) {
  return number.toLocaleString("en");
}

/** A moment, in the reader's own time. */
export function moment(time) {
  const at = new Date(time);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The same without the day where that is today. */
export function clockTime(time, now) {
  const text = moment(time);
  return moment(now).slice(0, 10) === text.slice(0, 10) ? text.slice(11) : text.slice(0, 16);
}

/** Tokens, turns and money that were used, in one line; empty where nothing is known. */
export function usageLine(usage) {
  if (!usage) return "";
  const { input, output } = usage.tokens ?? {};
  const parts = [];
  if (Number.isFinite(input) || Number.isFinite(output)) parts.push(`${short((input ?? 0) + (output ?? 0))} tokens`);
  if (Number.isFinite(usage.turns)) parts.push(counted(usage.turns, "turn"));
  if (Number.isFinite(usage.cost_usd)) parts.push(cost(usage.cost_usd));
  return parts.join(" · ");
}
