// puppeteer-cluster: one job is one user whose session never ends. It measures nothing by itself, so the script does.
import { createRequire } from "node:module";
import { actForEver, shown } from "./common.mjs";
import { own } from "./own.mjs";

const { PEER_NODE, PEER_URL, PEER_USERS, PEER_RATE, PEER_CHROMIUM, PEER_FLAGS, PEER_CONCURRENCY } = process.env;
const require = createRequire(`${PEER_NODE}/package.json`);
const { Cluster } = require("puppeteer-cluster");
const users = Number(PEER_USERS);
const cluster = await Cluster.launch({
  puppeteer: require("puppeteer-core"),
  concurrency: Cluster[PEER_CONCURRENCY],
  maxConcurrency: users,
  workerCreationDelay: 1000 / Number(PEER_RATE),
  timeout: 2 ** 31 - 1,
  puppeteerOptions: { executablePath: PEER_CHROMIUM, headless: "shell", pipe: true, args: JSON.parse(PEER_FLAGS) },
});
cluster.on("taskerror", (error, user) => console.error(`user ${user}: ${error}`));
await cluster.task(async ({ page, data: user }) => {
  await page.goto(`${PEER_URL}?user=${user}`);
  await page.waitForFunction(shown, { polling: "mutation" }, 0);
  await actForEver(async (number) => {
    const begun = performance.now();
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(shown, { polling: "mutation" }, number);
    own(performance.now() - begun);
  });
});
for (let user = 0; user < users; user += 1) cluster.queue(user);
await cluster.idle();
