// What the timeline keeps to itself about fetch and XMLHttpRequest. An answer whose body nobody reads has no entry until
// its memory is collected, perhaps never; and a time-out of the application looks like a request that it cancelled.

const UNREAD_MS = 1000; // an answer without an entry for so long is counted as it is, up to its headers
const FORGET_MS = 60000; // an outcome without an entry: the request never left the page
const ASKED_MAX = 1000; // of the application at one time; those beyond have only their entries

// WebKit's entries have no status, and requests that failed have no entry; the worker hears of both.
const { PerformanceResourceTiming } = window;
const ENTRIES_TELL = !PerformanceResourceTiming || "responseStatus" in PerformanceResourceTiming.prototype;

const asked = new Map(); // URL to its requests that have no entry yet, oldest first
let askedCount = 0;

const PLAIN_PATH = /^\/(?!\/)[\w\-.~/?=&%]*$/; // what most applications ask for needs no parser

function urlOf(input) {
  if (typeof input === "string" && PLAIN_PATH.test(input) && !input.includes("/.")) {
    if (document.baseURI.startsWith(location.origin)) return location.origin + input;
  }
  try {
    const url = new URL(typeof input === "object" && "url" in input ? input.url : input, document.baseURI);
    url.hash = "";
    return url.href;
  } catch {
    return ""; // the browser will say what is wrong with it
  }
}

function remember(kind, url) {
  if (!url.startsWith("http") || askedCount >= ASKED_MAX) return null;
  const one = { kind, url, start: clock(), at: 0, status: 0, opaque: false, outcome: "", counted: false };
  const same = asked.get(url);
  if (same) same.push(one);
  else asked.set(url, [one]);
  askedCount += 1;
  return one;
}

function forget(one) {
  const same = asked.get(one.url);
  same.splice(same.indexOf(one), 1);
  if (!same.length) asked.delete(one.url);
  askedCount -= 1;
}

/** The request that `entry` is about: of those to its URL the one that began nearest to it. */
function claimAsked(entry) {
  const same = askedCount && asked.get(entry.name);
  if (!same) return undefined;
  const distance = (one) => Math.abs(one.start - entry.startTime);
  const nearest = same.reduce((best, one) => (distance(one) < distance(best) ? one : best));
  forget(nearest);
  return nearest;
}

/** Counts the answers that have waited for their entry for long enough, or all when this is the `last` time. */
function takeUnread(last) {
  if (!askedCount) return;
  const now = clock();
  for (const one of [...asked.values()].flat()) {
    const waited = one.at && now - one.at;
    const over = one.outcome === "answered" || (one.outcome && !ENTRIES_TELL);
    if (over && !one.counted && (last || waited > UNREAD_MS)) {
      one.counted = true;
      const duration = one.at - one.start;
      if (one.outcome === "timeout") takeFailure(one.kind, "time-out", one.url);
      else if (one.outcome === "cancelled") count("requests_cancelled");
      else if (one.opaque || !ENTRIES_TELL) pend("r", [one.kind, short(one.url), duration, one.outcome === "failed"]);
      else takeRequest(one.kind, one.status, duration, one.url);
    } else if (CONFIG.light && one.outcome === "cancelled" && waited > UNREAD_MS) {
      count("requests_cancelled"); // Lightpanda has no entry for it
      forget(one);
    } else if (CONFIG.light && one.outcome === "timeout" && waited > UNREAD_MS) {
      takeFailure(one.kind, "time-out", one.url);
      forget(one);
    } else if (waited > FORGET_MS) {
      forget(one);
    }
  }
}

const OUTCOMES = { AbortError: "cancelled", TimeoutError: "timeout" };

function ended(one, outcome) {
  one.at = clock();
  one.outcome = outcome;
}

function measureFetch() {
  if (!window.fetch) return;
  const { then } = NativePromise.prototype;
  window.fetch = new Proxy(window.fetch, {
    apply(target, self, parameters) {
      const promise = apply(target, self, parameters);
      const one = remember("fetch", urlOf(parameters[0]));
      if (!one) return promise;
      const answered = (response) => {
        one.status = response.status;
        one.opaque = response.type === "opaque" || response.type === "opaqueredirect";
        ended(one, "answered");
        return response;
      };
      const failed = (error) => {
        ended(one, OUTCOMES[error?.name] ?? "failed");
        throw error;
      };
      // The page gets the promise that comes after ours, so that one nobody handles is still its own.
      return apply(then, promise, [answered, failed]);
    },
  });
}

function measureXhr() {
  if (!window.XMLHttpRequest) return;
  const known = new WeakMap();
  const { prototype } = window.XMLHttpRequest;
  prototype.open = new Proxy(prototype.open, {
    apply(target, xhr, parameters) {
      apply(target, xhr, parameters);
      if (!known.has(xhr)) xhr.addEventListener("timeout", () => timedOut(known.get(xhr)));
      known.set(xhr, urlOf(parameters[1]));
    },
  });
}

function timedOut(url) {
  const one = remember("xhr", url);
  if (one) ended(one, "timeout");
}
