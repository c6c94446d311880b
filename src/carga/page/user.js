// The `user` that a behaviour gets. Types for editors: carga.d.ts.

const MEMORY_CHARACTERS_MAX = 16384;
const STOP_AGAIN_MS = 100;
const BACKOFF_MS = 1000; // after a failed iteration, so that a broken page is not hammered

let current = null; // the open step {name, start, left out}
let memory = {};
let random = Math.random;
let planned = 0; // when this iteration should have begun

const user = {
  index: 0,
  identity: {},
  iteration: 0,
  visit: 0,

  get memory() {
    return memory;
  },
  set memory(replacement) {
    if (replacement === null || typeof replacement !== "object") throw new Error("user.memory must be an object");
    memory = replacement;
  },

  async step(name, action) {
    if (typeof name !== "string" || !name || typeof action !== "function") {
      throw new Error('step: wants a name and a function, as in user.step("open guide", async () => { … })');
    }
    if (current) throw new Error(`step "${name}" is inside step "${current.name}": steps cannot be nested`);
    if (stopping) await stopBetweenSteps();
    const step = (current = { name, start: clock(), leftOut: 0, told: false });
    let outcome = null;
    try {
      const result = await action();
      outcome = [name, clock() - step.start - step.leftOut, ""];
      value(`step.${name}`, outcome[1]);
      return result;
    } catch (error) {
      if (error !== STOP) {
        stepFailed(name, error);
        outcome = [name, clock() - step.start - step.leftOut, messageOf(error)];
      }
      throw error;
    } finally {
      current = null;
      if (step.told) batch.s = { name: "", ms: 0 };
      if (CONFIG.trial && outcome) await shown(outcome);
    }
  },

  async press(key) {
    await stopBetweenSteps();
    await pressKey(String(key));
  },

  async type(target, text) {
    await stopBetweenSteps();
    if (text === undefined) [target, text] = [null, target];
    if (target !== null) {
      const found = await element(target, CONFIG.timeoutMs);
      found.focus();
    }
    for (const character of String(text)) await pressKey(character === "\n" ? "Enter" : character);
  },

  async click(target, { timeout = CONFIG.timeoutMs } = {}) {
    await stopBetweenSteps();
    await clickAt(target, milliseconds(timeout, "timeout"));
  },

  async hover(target, { timeout = CONFIG.timeoutMs } = {}) {
    await stopBetweenSteps();
    await hoverOver(target, milliseconds(timeout, "timeout"));
  },

  async waitFor(condition, { timeout = CONFIG.timeoutMs } = {}) {
    await stopBetweenSteps();
    const ms = milliseconds(timeout, "timeout");
    if (typeof condition === "string") {
      return until(() => document.querySelector(condition), ms, () => `The element "${condition}"`);
    }
    if (typeof condition !== "function") throw new Error("waitFor: wants a selector or a function");
    return until(condition, ms, () => `The condition ${short(condition).slice(0, 120)}`);
  },

  async think(shortest, longest = shortest) {
    const from = milliseconds(shortest, "think");
    const to = milliseconds(longest, "think");
    const begun = clock();
    await pause(from + (to - from) * random());
    leaveOut(clock() - begun);
  },

  random: () => random(),

  log(...parts) {
    logLine(parts.map((part) => (typeof part === "string" ? part : written(part))).join(" "));
  },

  fail(message) {
    throw new Error(String(message));
  },

  record(name, number, unit = "ms") {
    if (typeof name !== "string" || !name) throw new Error("record: wants a name");
    if (!(number >= 0) || number === Infinity) throw new Error(`record: "${name}" must be a number from 0 up`);
    value(`custom.${name}`, number, String(unit));
  },
};

/** Time that is not the application's is left out of the open step. */
function leaveOut(ms) {
  if (current) current.leftOut += ms;
}

/** The step that is open while the page goes away. */
function openStep() {
  if (!current) return undefined;
  current.told = true;
  return { name: current.name, ms: clock() - current.start - current.leftOut };
}

let stopsTold = 0;

/** Throws STOP when the user has to stop; slowly to a behaviour that catches it and goes on, which would freeze the page. */
async function stopBetweenSteps() {
  if (!stopping || current) return;
  if (stopsTold++) await delay(STOP_AGAIN_MS);
  throw STOP;
}

let goOn = () => {};

/** In a trial somebody looks at the page after each step before the behaviour goes on. */
function shown(outcome) {
  batch.t = outcome.map((part) => (typeof part === "string" ? short(part) : part));
  flush(true);
  return new NativePromise((resolve) => (goOn = resolve));
}

function messageOf(error) {
  return error instanceof Error ? error.message : short(error);
}

function stepFailed(name, error) {
  const message = messageOf(error);
  failure(`step.${name}`);
  cause("step", `${name}: ${message}`, (error && error.stack) || message, location.href);
  wantPicture(`step ${name}`, message);
  flush(true);
}

function memoryAsText() {
  try {
    const text = written(memory);
    if (text.length <= MEMORY_CHARACTERS_MAX) return text;
    memoryProblem(`user.memory has ${text.length} characters of JSON, more than ${MEMORY_CHARACTERS_MAX}`);
  } catch (error) {
    memoryProblem(`user.memory cannot be written as JSON: ${messageOf(error)}`);
  }
  return memoryText;
}

let memoryTold = false;
function memoryProblem(message) {
  if (memoryTold) return;
  memoryTold = true;
  cause("behaviour", message);
}

/** mulberry32 over a hash of seed, index and visit: think times are the same in every run of a plan. */
function seeded(...numbers) {
  let state = 0x9e3779b9;
  for (const number of numbers) state = Math.imul(state ^ number, 0x85ebca6b) ^ (state >>> 13);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
