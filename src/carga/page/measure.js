// What the browser's own performance timeline tells: navigation, resources, long tasks, web vitals, page errors.

const KIND_BY_INITIATOR = table({
  fetch: "fetch",
  xmlhttprequest: "xhr",
  script: "script",
  img: "image",
  image: "image",
  input: "image",
  video: "media",
  audio: "media",
  track: "media",
  beacon: "beacon",
  iframe: "document",
  frame: "document",
});
const KIND_BY_EXTENSION = table({
  js: "script", mjs: "script", css: "style",
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", avif: "image", svg: "image", ico: "image",
  woff: "font", woff2: "font", ttf: "font", otf: "font",
  mp4: "media", webm: "media", m3u8: "media", ts: "media", m4s: "media", mp3: "media", aac: "media",
});

function kindOf(entry) {
  const kind = KIND_BY_INITIATOR[entry.initiatorType];
  if (kind) return kind;
  const path = entry.name.split(/[?#]/, 1)[0];
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return KIND_BY_EXTENSION[extension] ?? (entry.initiatorType === "link" ? "style" : "other");
}

let entriesTaken = 0;

function takeResource(entry) {
  entriesTaken += 1;
  if (!entry.name.startsWith("http")) return; // data:, blob:, about: never reach a network
  const asked = claimAsked(entry);
  if (asked?.counted) return count("bytes_received", entry.transferSize);
  if (isFromCache(entry)) return count("requests_from_cache");
  const kind = kindOf(entry);
  count("bytes_received", entry.transferSize);
  if (!ENTRIES_TELL) return pend("r", [kind, short(entry.name), entry.duration, false]);
  if (CONFIG.light && !entry.responseStatus && entry.transferSize && (kind === "fetch" || kind === "xhr")) {
    return takeFailure(kind, "net::ERR_CONNECTION_RESET", entry.name); // Lightpanda counts its own bytes and tries no more
  }
  if (entry.responseStatus || entry.transferSize) {
    // An EventSource keeps its status to itself, but bytes came.
    return takeRequest(kind, entry.responseStatus || 200, entry.duration, entry.name);
  }
  if (asked?.outcome === "timeout") return takeFailure(kind, "time-out", entry.name);
  if (asked?.outcome === "cancelled") return count("requests_cancelled");
  // A failure, a request that the page cancelled, or another origin that keeps its status to itself.
  const hidden = asked ? asked.opaque : kind !== "fetch" && kind !== "xhr" && !entry.name.startsWith(location.origin + "/");
  pend("r", [kind, short(entry.name), entry.duration, !hidden]);
}

function isFromCache(entry) {
  if (entry.deliveryType === "cache") return true;
  if (entry.transferSize) return false;
  return entry.decodedBodySize > 0 || (!ENTRIES_TELL && entry.name.startsWith(location.origin + "/"));
}

function takeRequest(kind, status, duration, url) {
  if (status >= 400) return takeFailure(kind, "HTTP " + status, url);
  count("requests");
  value("request." + kind, duration);
}

function takeFailure(kind, name, url) {
  count("requests");
  count("requests_failed");
  failure("request." + kind);
  cause("request", name, "", url);
}

let navigationTaken = false;

function takeNavigation() {
  const entry = timeline.getEntriesByType("navigation")[0];
  if (navigationTaken || !entry?.responseEnd || !entry.name.startsWith("http")) return;
  if (location.protocol === "chrome-error:") return;
  navigationTaken = true;
  count("navigations");
  if (isFromCache(entry)) {
    count("requests_from_cache");
  } else {
    count("bytes_received", entry.transferSize);
    const duration = entry.responseEnd - entry.startTime;
    if (ENTRIES_TELL) takeRequest("document", entry.responseStatus || 200, duration, entry.name);
    else pend("r", ["document", short(entry.name), duration, false]);
  }
  value("navigation.ttfb", entry.responseStart);
  value("navigation.dom_content_loaded", clock());
}

const vitals = { lcp: 0, cls: 0, clsWindow: 0, clsFirst: 0, clsLast: 0, inp: 0, taken: false };

/** A layout shift belongs to a session window of at most 5 s with gaps below 1 s (web.dev/articles/cls). */
function takeShift(entry) {
  if (entry.hadRecentInput) return;
  if (entry.startTime - vitals.clsLast > 1000 || entry.startTime - vitals.clsFirst > 5000) {
    vitals.clsWindow = 0;
    vitals.clsFirst = entry.startTime;
  }
  vitals.clsLast = entry.startTime;
  vitals.clsWindow += entry.value;
  vitals.cls = Math.max(vitals.cls, vitals.clsWindow);
}

const OBSERVED = { resource: takeResource };
const OBSERVED_IN_SAMPLE = { longtask: (entry) => value("long_task", entry.duration) };
const OBSERVED_WITH_FRAMES = {
  paint: (entry) => entry.name === "first-contentful-paint" && value("vitals.fcp", entry.startTime),
  "largest-contentful-paint": (entry) => (vitals.lcp = entry.startTime),
  "layout-shift": takeShift,
  event: (entry) => entry.interactionId && (vitals.inp = Math.max(vitals.inp, entry.duration)),
};
const observers = [];

function observe(types) {
  for (const [type, take] of Object.entries(types)) {
    const takeAll = (entries) => {
      for (const entry of entries) {
        try {
          take(entry);
        } catch {
          count("samples_dropped");
        }
      }
    };
    try {
      const observer = new PerformanceObserver((list) => takeAll(list.getEntries()));
      observer.observe({ type, buffered: true, durationThreshold: 40 });
      observers.push(() => takeAll(observer.takeRecords()));
    } catch {
      // An engine that does not know this type.
    }
  }
}

/** Hands over what the observers hold back, and the vitals that are only known at the end of a page. */
function settleMeasurements(last) {
  for (const take of observers) take();
  takeUnread(last);
  if (!last || !CONFIG.frames || vitals.taken) return;
  vitals.taken = true;
  if (vitals.lcp) value("vitals.lcp", vitals.lcp);
  if (PerformanceObserver.supportedEntryTypes.includes("layout-shift")) value("vitals.cls", vitals.cls, "score");
  if (vitals.inp) value("vitals.inp", vitals.inp);
}

let explain = (text) => text; // what an engine knows of its errors

function takePageError(kind, error, message, where) {
  count("page_errors");
  const name = explain(error instanceof Error ? `${error.name}: ${error.message}` : message);
  cause("page", `${kind}${name}`.slice(0, 200), (error && error.stack) || message, where);
}

function measurePage() {
  observe(OBSERVED);
  if (CONFIG.frames) observe(OBSERVED_WITH_FRAMES);
  addEventListener("error", (event) => {
    if (event instanceof ErrorEvent) {
      takePageError("", event.error, event.message, `${event.filename}:${event.lineno}:${event.colno}`);
    }
  });
  addEventListener("unhandledrejection", (event) => {
    takePageError("Unhandled rejection: ", event.reason, short(event.reason), location.href);
  });
  document.addEventListener("DOMContentLoaded", () => takeNavigation());
  addEventListener("load", () => nativeSetTimeout(() => value("navigation.load", clock()), 0));
  // The page lives until the new document has come; what is said after that is lost.
  addEventListener("beforeunload", () => {
    settleMeasurements(true);
    batch.s = openStep();
    if (CONFIG.paceMs && user.iteration) batch.p = planned + CONFIG.paceMs - clock();
    flush(true);
  });
  addEventListener("pagehide", () => {
    settleMeasurements(false);
    leaveRest();
  });
}

let beatTimer = 0;
let waitsSince = 0;

function flushAfterWait() {
  waitsSince = 0;
  flush();
}

/**
 * A timer of ours that was due at `due` has fired: the canary tells by how much it is late, and what waits is looked
 * after. Waking a page up costs more than all that, so a behaviour's own pauses count as beats and put the next off.
 */
function beat(due, alone = false) {
  const CANARY_FROM_MS = 2000; // a page that is still loading is late because of itself
  const now = clock();
  if (now > CANARY_FROM_MS) lateness.push(Math.max(0, now - due));
  expireDeadlines(now);
  takeUnread(false);
  frameBeat();
  if (CONFIG.light && !alone) {
    // Synthetic input takes nothing along: what the end of a pause brings about goes together, a beat later.
    waitsSince ||= now;
    if (now - waitsSince > RECENTLY_MS) flushAfterWait();
  } else if (now - lastPost > RECENTLY_MS) {
    flushAfterWait(); // else the next input takes everything along
  }
  nativeClearTimeout(beatTimer);
  // After a beat of its own in which nothing waits for another, the next is a sign of life.
  const ms = alone && !deadlines.size && !askedCount ? CONFIG.idleBeatMs : BEAT_MS;
  beatTimer = nativeSetTimeout(beat, ms, now + ms, true);
}
