// The guide's own test mode, /guide/?profile_test=guide: the page presses its keys itself, one a second.

const EVERY_MS = 1000;
const KEYS = [
  "ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "Enter", "Escape", "ArrowLeft",
  "PageDown", "ArrowUp", "+", "ArrowDown", "-", "o", "ArrowRight", "Escape", "PageUp",
];

/** Calls `press` for ever. */
export function startAutopilot(press) {
  let next = 0;
  setInterval(() => {
    press(KEYS[next % KEYS.length]);
    next += 1;
  }, EVERY_MS);
}
