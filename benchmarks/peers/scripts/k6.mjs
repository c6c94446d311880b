// k6 browser: one VU is one browser with one session that never ends; `action` goes to k6's CSV output.
import { browser } from "k6/browser";
import exec from "k6/execution";
import { Trend } from "k6/metrics";
import { actForEver, shown } from "./common.mjs";

const users = Number(__ENV.PEER_USERS);
const action = new Trend("action", true);

export const options = {
  scenarios: {
    users: {
      executor: "ramping-vus",
      startVUs: 0,
      stages: [
        { duration: `${Math.ceil(users / Number(__ENV.PEER_RATE))}s`, target: users },
        { duration: "1h", target: users },
      ],
      gracefulStop: "0s",
      options: { browser: { type: "chromium" } },
    },
  },
};

export default async function () {
  const page = await browser.newPage();
  await page.goto(`${__ENV.PEER_URL}?user=${exec.vu.idInTest}`);
  await page.waitForFunction(shown, { polling: "mutation" }, 0);
  await actForEver(async (number) => {
    const begun = Date.now();
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(shown, { polling: "mutation" }, number);
    action.add(Date.now() - begun);
  });
}
