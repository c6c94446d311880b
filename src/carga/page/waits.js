// Waiting inside the page: durations, conditions, and the end that interrupts every wait.

const POLL_MS = 50; // for conditions that change without a change of the document
const STOP = { toString: () => "the user's time is over" };

let stopping = false;
const interruptions = new Set();

/** "800ms", "1.5s", "2m" or a number of milliseconds. */
function milliseconds(duration, name = "a duration") {
  if (typeof duration === "number" && duration >= 0) return duration;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration);
  if (!match) throw new Error(`${name} must be like "800ms", "1.5s" or "2m", or milliseconds, not ${String(duration)}`);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60000, h: 3600000 }[match[2]];
}

/** A pause that ends early when the user has to stop: with STOP, unless a step is open, which may still end. */
function pause(ms) {
  return new NativePromise((resolve, reject) => {
    const end = () => (current ? resolve() : reject(STOP));
    if (stopping) return end();
    const interrupt = () => {
      nativeClearTimeout(timer);
      interruptions.delete(interrupt);
      end();
    };
    const due = clock() + ms;
    const timer = nativeSetTimeout(() => {
      interruptions.delete(interrupt);
      beat(due);
      resolve();
    }, ms);
    interruptions.add(interrupt);
  });
}

const deadlines = new Set(); // {at, expire}, looked at with every beat

/**
 * Calls `expire` after `ms`, up to a beat later when that is long; returns a function that takes it back. A timer of its
 * own for every wait would cost more than the wait.
 */
function deadline(ms, expire) {
  if (ms < 2 * BEAT_MS) {
    const timer = nativeSetTimeout(expire, ms);
    return () => nativeClearTimeout(timer);
  }
  const one = { at: clock() + ms, expire };
  deadlines.add(one);
  return () => deadlines.delete(one);
}

function expireDeadlines(now) {
  for (const one of deadlines) {
    if (now < one.at) continue;
    deadlines.delete(one);
    one.expire();
  }
}

/**
 * Calls `attempt` now, after each change of the document and every POLL_MS, until it gives something truthy.
 * Outside of a step it ends with STOP when the user has to stop.
 */
function until(attempt, timeoutMs, describe) {
  return new NativePromise((resolve, reject) => {
    let done = false;
    let busy = false;
    let observer = null;
    let poll = 0;
    let takeBack = null;
    const finish = (settle, outcome) => {
      if (done) return;
      done = true;
      settle(outcome);
      if (!observer) return;
      interruptions.delete(interrupt);
      observer.disconnect();
      nativeClearTimeout(poll);
      takeBack();
    };
    const look = async () => {
      if (busy || done) return;
      busy = true;
      try {
        let found = attempt();
        if (found && typeof found.then === "function") found = await found;
        if (found) finish(resolve, found);
      } catch (error) {
        finish(reject, error);
      }
      busy = false;
    };
    const again = () => {
      look();
      if (!done) poll = nativeSetTimeout(again, POLL_MS);
    };
    const interrupt = () => current || finish(reject, STOP);
    look();
    if (done) return; // most conditions hold at once: nothing is to be watched
    observer = new NativeMutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    interruptions.add(interrupt);
    poll = nativeSetTimeout(again, POLL_MS);
    takeBack = deadline(timeoutMs, () =>
      finish(reject, new Error(`${describe()} did not come within ${timeoutMs / 1000} s`)),
    );
  });
}
