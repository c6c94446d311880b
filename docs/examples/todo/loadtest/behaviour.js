/** @param {import("carga").User} user */
export default async function (user) {
  if (location.pathname === "/login") {
    await user.step("sign in", async () => {
      await user.type("#person", user.identity.account);
      await user.press("Enter");
      await user.waitFor("#things");                   // on the next page; there the behaviour starts again
    });
  }

  await user.waitFor("#things:not([hidden])");
  const text = `thing ${user.iteration} of ${user.identity.account}`;
  await user.type("#text", text);
  await user.step("add a thing", async () => {
    await user.press("Enter");
    await user.waitFor(() => document.querySelector("#things").lastElementChild?.textContent === text);
  });
}
