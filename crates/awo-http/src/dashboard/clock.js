// Owns time: what the server's clock shows, and what changes with each second.

let ahead = 0;
const ticking = new Map();

/** Milliseconds, by the server's clock. */
export const now = () => Date.now() + ahead;

/** Seconds since a moment that the server told. */
export const since = time => (now() - Date.parse(time)) / 1000;

/** Takes in the `Date` of an answer. It has whole seconds, so small differences count for nothing. */
export function hear(date) {
  const difference = Date.parse(date) - Date.now();
  if (Number.isFinite(difference)) ahead = Math.abs(difference) > 2000 ? difference : 0;
}

/** Does something with an element now and each second, as long as it is in the document. */
export function everySecond(element, act) {
  ticking.set(element, act);
  act();
}

export const stopTicking = element => ticking.delete(element);

setInterval(() => {
  if (document.hidden) return;
  for (const [element, act] of ticking) {
    if (element.isConnected) act();
    else ticking.delete(element);
  }
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ticking.forEach(act => act());
});
