// Keeps the store up to date: one socket for what is new, HTTP for what was before.
//
// The lists are asked for only after the socket is open, and what the socket brings meanwhile is applied after
// them. So a change is seen twice at worst, and never missed.

import { batch } from "@preact/signals";
import { ATTEMPTS_MAX, delayBefore } from "./lib/backoff.js";
import * as store from "./store.js";

const SILENCE_MS = 10_000; // ten messages did not come: the connection is dead whatever the socket says
const OPEN_MS = 10_000;
const PENDING_MAX = 120; // messages kept while the lists load; beyond that loading has failed

/** What the API said when it refused, in words. */
export class Refusal extends Error {
  constructor(status, { problem, remedy }) {
    super(problem);
    Object.assign(this, { status, problem, remedy });
  }
}

/** The answer to a request; throws Refusal when it is not a success. */
export async function ask(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
  if (response.ok) return response;
  let said = {};
  try {
    said = await response.json();
  } catch {
    // Not ours: a proxy, or a coordinator that is going away.
  }
  throw new Refusal(response.status, {
    problem: said.problem ?? `The coordinator answered with status ${response.status}.`,
    remedy: said.remedy ?? "",
  });
}

const askJson = async (path) => (await ask(path)).json();

let attempt = 0;
let timer = 0;

export async function connect() {
  clearTimeout(timer);
  if (store.connection.value.state !== "lost") store.connection.value = { state: "connecting" };
  let socket = null;
  try {
    const info = askJson("/api/run");
    info.catch(() => {}); // read below; a socket that fails first must not leave it unheard
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
    const lost = listen(socket);
    const opened = opening(socket);
    opened.catch(() => {});
    store.applyRun(await info);
    await opened;
    await load(socket);
    attempt = 0;
    store.connection.value = { state: "open" };
    await lost;
    if (store.finished.value) {
      store.connection.value = { state: "ended" };
      return;
    }
    again({});
  } catch (error) {
    socket?.close();
    if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
      store.connection.value = { state: "refused", problem: error.problem, remedy: error.remedy };
    } else if (store.finished.value) {
      store.connection.value = { state: "ended" };
    } else {
      again({ problem: error instanceof Refusal ? error.problem : "" });
    }
  }
}

function again({ problem = "" }) {
  attempt += 1;
  if (attempt > ATTEMPTS_MAX) {
    store.connection.value = { state: "lost", retryAt: null, problem };
    return;
  }
  const wait = delayBefore(attempt) * 1000;
  if (attempt === 1) store.announcement.value = "Connection to the coordinator lost. Trying again.";
  store.connection.value = { state: "lost", retryAt: Date.now() + wait, problem };
  timer = setTimeout(connect, wait);
}

export function connectNow() {
  attempt = 0;
  connect();
}

function opening(socket) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the socket did not open in time")), OPEN_MS);
    socket.addEventListener("open", () => (clearTimeout(late), resolve()));
    socket.addEventListener("close", () => (clearTimeout(late), reject(new Error("the socket closed"))));
  });
}

/** Applies what comes; resolves when the socket is closed or silent for too long. */
function listen(socket) {
  socket.pending = [];
  return new Promise((resolve) => {
    let watchdog = setTimeout(() => socket.close(), OPEN_MS + SILENCE_MS);
    socket.addEventListener("message", ({ data }) => {
      clearTimeout(watchdog);
      const message = JSON.parse(data);
      if (message.state !== "finished") watchdog = setTimeout(() => (socket.close(), resolve()), SILENCE_MS);
      if (!socket.pending) apply(message);
      else if (socket.pending.push(message) > PENDING_MAX) socket.close();
      else store.live.value ??= message; // something to see at once
    });
    socket.addEventListener("close", () => (clearTimeout(watchdog), resolve()));
  });
}

async function load(socket) {
  const [history, users] = await Promise.all([askJson("/api/history"), askJson("/api/users")]);
  batch(() => {
    store.applyHistory(history);
    store.applyUsers(users);
    for (const message of socket.pending) apply(message);
  });
  socket.pending = null;
}

let refreshing = false;

function apply(message) {
  if (store.applyLive(message) || refreshing) return;
  refreshing = true; // a worker that the list does not know has joined
  askJson("/api/users")
    .then(store.applyUsers)
    .catch(() => {}) // the next message asks again
    .finally(() => (refreshing = false));
}
