// The life of a user in one document: begin, iterate, finish.

const QUIET_FOR_MS = 150;
const QUIET_MS_MAX = 1500;

let iterationBegun = 0;
let paceDueMs = null; // until the next iteration is due, when the document before knew it
let looping = NativePromise.resolve();

/** Even with nothing to wait for, the page's other tasks get their turn between two iterations. */
async function pauseBetween() {
  const [from, to] = CONFIG.thinkMs;
  let ms = to > 0 ? from + (to - from) * random() : 0;
  if (CONFIG.paceMs) {
    planned += CONFIG.paceMs;
    ms = Math.max(ms, planned - clock());
  }
  await pause(Math.max(0, ms));
}

/** Whether the behaviour was called as often as it is to be. */
const enough = () => CONFIG.iterations > 0 && user.iteration >= CONFIG.iterations;

/** Calls the behaviour again and again. With a pace, an iteration counts from when it was planned to begin. */
async function iterate(behaviour) {
  // Users that start together do not act in step for ever. A page load does not change when the next one is due.
  planned = clock() + (paceDueMs ?? CONFIG.paceMs * random());
  await pause(Math.max(0, planned - clock())).catch(() => {});
  while (!stopping && !enough()) {
    user.iteration += 1;
    const begun = (iterationBegun = CONFIG.paceMs ? Math.min(planned, clock()) : clock());
    try {
      await behaviour(user);
      value("iteration", clock() - begun);
      count("iterations");
    } catch (error) {
      if (error === STOP) return;
      count("iterations");
      count("iterations_failed");
      failure("iteration");
      cause("behaviour", messageOf(error), (error && error.stack) || "", location.href);
      flush(true);
      if (CONFIG.trial) return trialEnded(messageOf(error));
      await pause(BACKOFF_MS).catch(() => {});
    }
    if (CONFIG.trial) return trialEnded("");
    if (enough()) flush(true);
    await pauseBetween().catch(() => {});
  }
}

/** The behaviour's own first lines run here, when the document is there. If they throw, every iteration fails so. */
function loadBehaviour() {
  try {
    return BEHAVIOUR_OF();
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** A trial is one iteration; its outcome has no name. */
function trialEnded(problem) {
  batch.t = ["", clock() - iterationBegun, short(problem)];
  flush(true);
}

function ready() {
  if (document.readyState !== "loading") return NativePromise.resolve();
  return new NativePromise((resolve) => document.addEventListener("DOMContentLoaded", () => resolve(), { once: true }));
}

/** A step that was open when the page went away ends when the new document has loaded. */
async function endCarriedStep({ name, ms }) {
  const begun = clock();
  if (document.readyState !== "complete") {
    await new NativePromise((resolve) => addEventListener("load", () => resolve(), { once: true }));
  }
  const duration = ms + clock() - begun;
  value(`step.${name}`, duration);
  if (CONFIG.trial) await shown([name, duration, ""]);
}

/** Resolves when no request has ended for a moment: those that the last step has begun are to be counted too. */
async function quiet() {
  const last = clock() + QUIET_MS_MAX;
  let ended;
  do {
    ended = entriesTaken;
    await delay(QUIET_FOR_MS);
    settleMeasurements(false);
  } while (entriesTaken !== ended && clock() < last);
}

const control = {
  /** Called by the worker with what it knows of the user; `carried` is an open step of the document before. */
  async begin({ index, identity, iteration, visit, memoryText: text, carried, paceDue, sample }) {
    assign(user, { index, identity, iteration, visit });
    memoryText = text;
    paceDueMs = paceDue;
    memory = parse(text);
    random = seeded(CONFIG.seed, index, visit);
    if (sample) observe(OBSERVED_IN_SAMPLE);
    await ready();
    if (carried) await endCarriedStep(carried);
    const behaviour = loadBehaviour();
    if (behaviour) looping = iterate(behaviour);
  },

  /** In a trial: the step was looked at. */
  goOn() {
    goOn();
  },

  /** The step that is open may end, and no other begins. */
  stop() {
    stopping = true;
    for (const interrupt of [...interruptions]) interrupt();
  },

  /** Ends the step that is open, starts no other, and sends everything. Resolves when that is done. */
  async finish(graceMs) {
    control.stop();
    await NativePromise.race([looping, delay(graceMs)]);
    if (current) count("steps_cut_off");
    takeNavigation();
    await quiet();
    settleMeasurements(true);
    flush(true);
  },
};

function start() {
  Object.defineProperty(window, NAMES.control, { value: control, configurable: true });
  takeLeftover();
  batch.h ??= { url: location.href };
  flush(true);
  measureSockets();
  measureFetch();
  measureXhr();
  measurePage();
  watchInputs();
  beat(clock());
}

start();
