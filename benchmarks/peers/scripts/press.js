// carga's behaviour: the same as in common.mjs. The plan's pace makes it one action a second.

/** @param {import("carga").User} user */
export default async function (user) {
  await user.waitFor(() => document.body.dataset.ready === "1");
  const number = Number(document.body.dataset.shown) + 1;
  await user.step("press", async () => {
    await user.press("ArrowDown");
    await user.waitFor(() => Number(document.body.dataset.shown) >= number);
  });
}
