// What the page knows of the run. The feed writes, the parts read.

import { batch, computed, signal } from "@preact/signals";
import { Series } from "./lib/series.js";
import { UserTable } from "./lib/users.js";
import { clock } from "./lib/format.js";

const MESSAGES_MAX = 300; // older ones are in the report

export const run = signal(null); // RunInfo
export const live = signal(null); // the last Live
export const series = signal(new Series());
export const users = signal(new UserTable());
/** Series and users are changed in place; these count the changes. */
export const seriesVersion = signal(0);
export const usersVersion = signal(0);
export const messages = signal([]); // {key, at, text}, newest first
/** A second, from the counters of two messages that follow each other. */
export const rates = signal({ sent: null, received: null, closed: null });
/** {state: "connecting" | "open" | "lost" | "refused" | "ended", retryAt, problem, remedy} */
export const connection = signal({ state: "connecting" });
/** Said by screen readers. */
export const announcement = signal("");
export const openUser = signal(null);

export const state = computed(() => live.value?.state ?? run.value?.state ?? "starting");
export const finished = computed(() => state.value === "finished");
export const elapsed = computed(() => live.value?.elapsed_s ?? run.value?.elapsed_s ?? 0);
/** Where the time axis of the charts ends. */
export const timeEnd = computed(() => Math.max(30, elapsed.value));

const STATE_WORDS = {
  starting: "The run is starting.",
  running: "The run is running.",
  draining: "The run is draining: users are stopping.",
  finished: "The run has finished.",
};

/** Returns false when the list of users must be fetched again. */
export function applyLive(message) {
  const before = live.value;
  let known = true;
  batch(() => {
    if (before?.state !== message.state) {
      announcement.value = message.verdict
        ? `${STATE_WORDS[message.state]} Verdict: ${message.verdict}.`
        : STATE_WORDS[message.state];
    }
    rates.value = ratesBetween(before, message) ?? rates.value;
    live.value = message;
    if (series.value.add(message.second, secondOf(message), message.metrics)) seriesVersion.value += 1;
    if (message.changed.length) {
      known = users.value.apply(message.changed);
      usersVersion.value += 1;
    }
    if (message.messages.length) addMessages(message);
  });
  return known;
}

export function applyRun(info) {
  run.value = info;
  document.title = `${info.plan} · carga`;
}

export function applyHistory(history) {
  series.value = Series.from(history);
  seriesVersion.value += 1;
}

export function applyUsers(list) {
  users.value = new UserTable(list);
  usersVersion.value += 1;
}

function addMessages(message) {
  const first = (messages.value[0]?.key ?? 0) + 1;
  const fresh = message.messages.map((text, at) => ({ key: first + at, at: clock(message.elapsed_s), text }));
  messages.value = [...fresh.reverse(), ...messages.value].slice(0, MESSAGES_MAX);
}

/** The sum over all kinds of requests of what failed in this second. */
export function failedRequests(metrics) {
  let failed = 0;
  for (const [name, metric] of Object.entries(metrics)) {
    if (name.startsWith("request.")) failed += metric.failed;
  }
  return failed;
}

function secondOf(message) {
  const here = message.workers.filter((worker) => worker.state === "connected");
  return {
    users_planned: message.users.planned,
    users_running: message.users.running,
    actions_per_s: message.actions_per_s,
    requests_per_s: message.requests_per_s,
    failures_per_s: failedRequests(message.metrics),
    websockets_open: message.websockets_open,
    bytes_per_s: message.bytes_per_s,
    timer_late_p99_ms: message.metrics["generator.timer_late"]?.p99 ?? null,
    // Workers on one machine all see that machine's CPU: the highest speaks for the generator.
    cpu_percent: here.length ? Math.max(...here.map((worker) => worker.cpu_percent)) : null,
  };
}

function ratesBetween(before, after) {
  const seconds = before ? after.elapsed_s - before.elapsed_s : 0;
  if (seconds <= 0) return null;
  const rate = (name) => Math.max(0, ((after.counters[name] ?? 0) - (before.counters[name] ?? 0)) / seconds);
  return {
    sent: rate("websocket_messages_sent"),
    received: rate("websocket_messages_received"),
    closed: rate("websockets_closed_abnormally"),
  };
}
