// Owns how long to wait before something is tried again. Pure.

/** Milliseconds before the n-th try in a row, from 1: doubled up to ten seconds, not all at the same moment. */
export function backoff(tries, random = Math.random()) {
  const longest = Math.min(10_000, 250 * 2 ** Math.min(tries, 10));
  return Math.round(longest * (0.5 + random / 2));
}
