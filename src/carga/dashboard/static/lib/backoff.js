// How long to wait before the next attempt to reach the coordinator.

const FIRST_S = 0.5;
const LONGEST_S = 10;
export const ATTEMPTS_MAX = 100; // about a quarter of an hour; then a person decides

/** Seconds before attempt 1, 2, 3 …; `random` in 0..1 keeps many pages from coming back at the same moment. */
export function delayBefore(attempt, random = Math.random()) {
  const planned = Math.min(LONGEST_S, FIRST_S * 2 ** (attempt - 1));
  return planned * (0.75 + random / 4);
}
