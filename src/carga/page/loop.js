// The life of a user in one document: begin, iterate, finish.

let looping = NativePromise.resolve();

async function pausesBetween() {
  const [from, to] = CONFIG.thinkMs;
  if (to > 0) await pause(from + (to - from) * random());
  if (!CONFIG.paceMs) return;
  planned += CONFIG.paceMs;
  const now = clock();
  if (planned > now) await pause(planned - now);
}

/** Calls the behaviour again and again. With a pace, an iteration counts from when it was planned to begin. */
async function iterate(behaviour) {
  planned = clock();
  while (!stopping) {
    user.iteration += 1;
    const begun = CONFIG.paceMs ? Math.min(planned, clock()) : clock();
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
    await pausesBetween().catch(() => {});
    await delay(0); // a behaviour that awaits nothing must not freeze its page
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
  batch.t = ["", clock(), short(problem)];
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
  value(`step.${name}`, ms + clock() - begun);
}

const control = {
  /** Called by the worker with what it knows of the user; `carried` is an open step of the document before. */
  async begin({ index, identity, iteration, visit, memoryText: text, carried }) {
    assign(user, { index, identity, iteration, visit });
    memoryText = text;
    memory = parse(text);
    random = seeded(CONFIG.seed, index, visit);
    await ready();
    if (carried) await endCarriedStep(carried);
    const behaviour = loadBehaviour();
    if (behaviour) looping = iterate(behaviour);
  },

  /** In a trial: the step was looked at. */
  goOn() {
    goOn();
  },

  /** Ends the step that is open, starts no other, and sends everything. Resolves when that is done. */
  async finish(graceMs) {
    stopping = true;
    for (const interrupt of [...interruptions]) interrupt();
    await NativePromise.race([looping, delay(graceMs)]);
    takeNavigation();
    await delay(0);
    settleMeasurements(true);
    flush(true);
  },
};

function start() {
  Object.defineProperty(window, NAMES.control, { value: control, configurable: true });
  takeLeftover();
  batch.h = { url: location.href };
  flush(true);
  measureSockets();
  measureFetch();
  measureXhr();
  measurePage();
  watchInputs();
  beat();
}

start();
