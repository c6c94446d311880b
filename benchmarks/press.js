// One key press a second, as benchmarks/floor.py makes it.

/** @param {import("carga").User} user */
export default async function (user) {
  await user.waitFor(() => document.body.dataset.ready === "1");
  await user.step("press", async () => {
    await user.press(user.iteration % 2 ? "ArrowDown" : "ArrowUp");
    await user.waitFor(() => document.body.dataset.ready === "1");
  });
}
