// Artillery's processor: one virtual user is one session that never ends.
import { actForEver, showing } from "./common.mjs";
import { own } from "./own.mjs";

export async function act(page, context, events, test) {
  await page.goto(`${process.env.PEER_URL}?user=${context.vars.$uuid}`);
  await page.locator(showing(0)).waitFor({ state: "attached" });
  await actForEver(async (number) => {
    const begun = Date.now();
    await test.step("press", async () => {
      await page.keyboard.press("ArrowDown");
      await page.locator(showing(number)).waitFor({ state: "attached" });
    });
    own(Date.now() - begun); // as test.step measures it
  });
}
