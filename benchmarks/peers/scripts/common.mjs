// What the scripts of all peers share: the behaviour is the same, only who presses the key differs.

/** For the page: whether it shows the answer to action `number`; 0: whether it is ready. An arrow, as k6 wants it. */
const shown = (number) => Number(document.body.dataset.shown) >= number;

/** The same as a selector. */
const showing = (number) => `body[data-shown="${number}"]`;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const PACE_MS = 1000;

/** One action every PACE_MS, planned from the start: a slow answer does not make the next action later. */
async function actForEver(act) {
  await sleep(Math.random() * PACE_MS);
  let due = Date.now();
  for (let number = 1; ; number += 1) {
    await act(number);
    due += PACE_MS;
    await sleep(Math.max(0, due - Date.now()));
  }
}

export { actForEver, PACE_MS, showing, shown, sleep };
