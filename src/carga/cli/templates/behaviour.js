// What one user does, again and again until its time is over. It runs inside the page, in the page's own world,
// so it can call the functions of your application.

/** @param {import("carga").User} user */
export default async function (user) {
  await user.step("open page", async () => {
    await user.waitFor("body");                        // a selector, or a function that becomes true
  });

  // await user.step("search", async () => {
  //   await user.click("#search");                    // trusted input, as a person makes it
  //   await user.type("#search", "news");
  //   await user.press("Enter");
  //   await user.waitFor(() => document.querySelectorAll(".result").length > 0);
  // });
}
