// What leaves the page: one batch a second, or sooner when an input is asked for.
//
// A batch is one JSON object with short keys (read by worker/batch.py):
//   v  values by metric          {"step.zap": [12.1, 8.3]}
//   f  failed attempts by metric {"step.zap": 1}
//   u  units of custom metrics   {"custom.depth": "rows"}
//   c  counters                  {"requests": 4}
//   r  requests without a status [[kind, url, ms, same origin or fetch]]: the worker knows what the browser said of them
//   o  WebSockets that failed to open [url]
//   x  causes of failures        [[area, cause, message, where]]
//   e  pictures wanted           [[name, message]]
//   i  inputs wanted             [["key", {…}], ["mouse", {…}]]
//   l  lines for the log         ["…"]
//   m  user.memory, when it changed
//   n  how often the behaviour was called, when that changed
//   w  open WebSockets
//   h  a document has started    {url}
//   t  in a trial, a step that has ended [name, ms, problem]; without a name: the iteration
//   p  while the page goes away: ms until the next iteration is due by the pace, negative when it is late
//   s  the step that is open while the page goes away {name, ms}; without a name: it has ended here after all

const CAUSES_PER_BATCH_MAX = 50;
const PENDING_PER_BATCH_MAX = 1000; // of `r` and of `o`
const VALUES_PER_BATCH_MAX = 5000;
const LOG_LINES_PER_BATCH_MAX = 20;
const TEXT_MAX = 500;
const BEAT_MS = 2000; // the longest that a page waits with what it has to say
const RECENTLY_MS = 1900;
const QUIET_MS = CONFIG.idleBeatMs; // a page in which nothing happens still shows a sign of life this often
const LEFTOVER_KEY = "__carga";

// The page may replace what it likes, so everything is taken before its first script.
const { parse, stringify } = JSON;
const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor } = Reflect;
const { assign, create } = Object;
const timeline = window.performance;
const clock = timeline.now.bind(timeline);
const NativeMutationObserver = window.MutationObserver;
const nativeSetTimeout = window.setTimeout.bind(window);
const nativeClearTimeout = window.clearTimeout.bind(window);
const NativePromise = window.Promise;

const post = window[NAMES.binding].bind(window);
delete window[NAMES.binding];

/** An object that inherits nothing, whatever the page does to Object.prototype. */
const table = (entries) => assign(create(null), entries);

let batch = table();
let values = 0;
let lastPost = 0;
let lateness = []; // of the timer canary; no reason to send a batch by itself
let memoryText = "{}";
let iterationTold = 0;

function short(text) {
  text = String(text);
  return text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) + "…" : text;
}

function count(counter, by = 1) {
  const counters = (batch.c ??= table());
  counters[counter] = (counters[counter] ?? 0) + by;
}

function value(metric, number, unit) {
  if (!(number >= 0) || number === Infinity || values >= VALUES_PER_BATCH_MAX) {
    count("samples_dropped");
    return;
  }
  values += 1;
  ((batch.v ??= table())[metric] ??= []).push(Math.round(number * 1000) / 1000);
  if (unit !== undefined) (batch.u ??= table())[metric] = unit;
}

function failure(metric) {
  const failures = (batch.f ??= table());
  failures[metric] = (failures[metric] ?? 0) + 1;
}

function cause(area, name, message = "", where = "") {
  const causes = (batch.x ??= []);
  if (causes.length < CAUSES_PER_BATCH_MAX) causes.push([area, short(name), short(message), short(where)]);
  else count("samples_dropped");
}

/** Adds to the list `key`, which the worker completes. */
function pend(key, item) {
  const items = (batch[key] ??= []);
  if (items.length < PENDING_PER_BATCH_MAX) items.push(item);
  else count("samples_dropped");
}

function wantPicture(name, message) {
  (batch.e ??= []).push([short(name), short(message)]);
}

function wantInput(kind, parameters) {
  (batch.i ??= []).push([kind, parameters]);
}

function logLine(text) {
  const lines = (batch.l ??= []);
  if (lines.length < LOG_LINES_PER_BATCH_MAX) lines.push(short(text));
}

function takeBatch() {
  for (const late of lateness) value("generator.timer_late", late);
  lateness = [];
  const full = batch;
  batch = table();
  values = 0;
  full.w = openSockets;
  if (user.iteration !== iterationTold) full.n = iterationTold = user.iteration;
  const text = memoryAsText();
  if (text !== memoryText) {
    memoryText = text;
    full.m = text;
  }
  return full;
}

/** Sends what has gathered; with `always` also when that is nothing. */
function flush(always = false) {
  const now = clock();
  let empty = true;
  for (const _ in batch) {
    empty = false;
    break;
  }
  if (empty && !always && now - lastPost < QUIET_MS) return;
  lastPost = now;
  try {
    post(written(takeBatch()));
  } catch {
    post('{"c":{"samples_dropped":1}}');
  }
}

/** JSON of `content`. A `toJSON` that the page gave to all arrays or objects is away meanwhile. */
function written(content) {
  const prototypes = [Array.prototype, Object.prototype];
  const strange = prototypes.map((prototype) => getOwnPropertyDescriptor(prototype, "toJSON"));
  prototypes.forEach((prototype, i) => strange[i] && deleteProperty(prototype, "toJSON"));
  try {
    return stringify(content);
  } finally {
    prototypes.forEach((prototype, i) => strange[i] && defineProperty(prototype, "toJSON", strange[i]));
  }
}

/** The page goes away. What is said now is lost, so the next document of the same origin says it. */
function leaveRest() {
  const rest = takeBatch();
  delete rest.w;
  delete rest.i;
  for (const _ in rest) {
    try {
      sessionStorage.setItem(LEFTOVER_KEY, written(rest));
    } catch {
      // No storage for this origin (data:, sandbox, quota): at most a second of samples is lost.
    }
    return;
  }
}

function takeLeftover() {
  try {
    const text = sessionStorage.getItem(LEFTOVER_KEY);
    if (text === null) return;
    sessionStorage.removeItem(LEFTOVER_KEY);
    post(text);
  } catch {
    // As above.
  }
}
