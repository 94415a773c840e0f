// Owns how long to wait before something is tried again. Pure.

/** Milliseconds before the n-th try in a row, from 1: doubled up to ten seconds, not all at the same moment. */
export function backoff(tries, random = Math.random()) {
  const longest = Math.min(10_000, 250 * 2 ** Math.min(tries, 10));
  return Math.round(longest * (0.5 + random / 2));
}

/** The same, but never before the server said that it may be asked again, in seconds. */
export function beforeTry(tries, retryAfter, random = Math.random()) {
  return Math.max(backoff(tries, random), (retryAfter ?? 0) * 1000);
}
