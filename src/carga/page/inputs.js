// Trusted input. The page asks, the browser's own input pipeline delivers, and the page sees the event arrive.
// What delivery takes is the generator's time, not the application's: a step's duration leaves it out.

const INPUT_TIMEOUT_MS = 10000;
const awaited = []; // {type, matches, resolve}

function watchInputs() {
  for (const type of ["keydown", "keyup", "mousemove", "mousedown", "mouseup"]) {
    addEventListener(
      type,
      (event) => {
        if (!event.isTrusted) return;
        for (let i = 0; i < awaited.length; i++) {
          if (awaited[i].type === type && awaited[i].matches(event)) awaited.splice(i--, 1)[0].resolve(clock());
        }
      },
      { capture: true, passive: true },
    );
  }
}

function arrival(type, matches, what) {
  return new NativePromise((resolve, reject) => {
    const waiter = { type, matches, resolve: (at) => (takeBack(), resolve(at)) };
    const takeBack = deadline(INPUT_TIMEOUT_MS, () => {
      awaited.splice(awaited.indexOf(waiter), 1);
      reject(new Error(`${what} did not arrive in the page: is a frame or a dialog in the way?`));
    });
    awaited.push(waiter);
  });
}

/** Sends what is asked for and waits for its first event (the user acts) and its last (the act is over). */
async function deliver(first, last) {
  count("actions");
  const asked = clock();
  flush(true);
  const begun = first.then((at) => {
    value("generator.input_delay", at - asked);
    leaveOut(at - asked);
  });
  await NativePromise.all([begun, last]);
  await nextTask(); // the application hears of the last event after us, and of a click after its mouseup
}

const tasks = new MessageChannel();
const awaitedTasks = [];
tasks.port1.onmessage = () => awaitedTasks.shift()();

/** Resolves in a task of its own, without the delay of a timer. */
function nextTask() {
  return new NativePromise((resolve) => {
    awaitedTasks.push(resolve);
    tasks.port2.postMessage(0);
  });
}

const delay = (ms) => new NativePromise((resolve) => nativeSetTimeout(resolve, ms));

async function pressKey(key) {
  const strokes = keyParameters(key);
  if (!strokes) throw new Error(`press: there is no key "${key}"; use names such as "Enter", "a" or "Control+a"`);
  if (!CONFIG.trusted) return syntheticKeys(strokes);
  const what = `The key "${key}"`;
  const isKey = ({ key: name }) => (event) => event.key === name;
  const down = arrival("keydown", isKey(strokes.at(-1)), what);
  const up = arrival("keyup", isKey(strokes[0]), what);
  for (const stroke of strokes) wantInput("key", { ...stroke, type: stroke.text ? "keyDown" : "rawKeyDown" });
  for (const stroke of strokes.reverse()) {
    wantInput("key", { ...stroke, text: undefined, commands: undefined, type: "keyUp" });
  }
  await deliver(down, up);
}

async function element(target, timeoutMs) {
  if (target instanceof Element) return target;
  return until(() => document.querySelector(target), timeoutMs, () => `The element "${target}"`);
}

/** Waits until the middle of `target` is visible and not covered; gives {x, y} in CSS pixels. */
async function middleOf(target, timeoutMs) {
  let obstacle = "is not in the document";
  return until(
    () => {
      const found = target instanceof Element ? target : document.querySelector(target);
      if (!found) return null;
      found.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
      const box = found.getBoundingClientRect();
      obstacle = "has no size";
      if (!box.width || !box.height) return null;
      const x = box.left + box.width / 2;
      const y = box.top + box.height / 2;
      const hit = document.elementFromPoint(x, y);
      obstacle = hit ? `is covered by <${hit.localName}>` : "is outside of the window";
      return hit && (found === hit || found.contains(hit) || hit.contains(found)) ? { x, y, found } : null;
    },
    timeoutMs,
    () => `The element "${target instanceof Element ? target.localName : target}" ${obstacle}; a place to click`,
  );
}

async function clickAt(target, timeoutMs) {
  const { x, y, found } = await middleOf(target, timeoutMs);
  if (!CONFIG.trusted) return syntheticClick(found, { x, y });
  const down = arrival("mousedown", () => true, "The click");
  const up = arrival("mouseup", () => true, "The click");
  wantInput("mouse", { type: "mouseMoved", x, y });
  wantInput("mouse", { type: "mousePressed", x, y, button: "left", buttons: 1, clickCount: 1 });
  wantInput("mouse", { type: "mouseReleased", x, y, button: "left", buttons: 0, clickCount: 1 });
  await deliver(down, up);
}

async function hoverOver(target, timeoutMs) {
  const { x, y, found } = await middleOf(target, timeoutMs);
  if (!CONFIG.trusted) return syntheticHover(found, { x, y });
  const moved = arrival("mousemove", () => true, "The pointer");
  wantInput("hover", { type: "mouseMoved", x, y });
  await deliver(moved, moved);
}
