// A viewer with a remote control. carga calls this again and again, in the page of each user, until the run ends.
// Every key press here is one request to the server, as it is on the real set-top box.

/** The guide says in <body data-ready> whether the answer to the last key has come. */
const ready = () => document.body.dataset.ready === "1";

const SEARCHES = ["night", "harbour", "the", "city"];

/** @param {import("carga").User} user */
export default async function (user) {
  /** Presses a key and waits until the guide has shown the answer. */
  const key = async (name) => {
    await user.press(name);
    await user.waitFor(ready);
  };
  const pause = () => user.think("0.5s", "1.5s");
  const oneOf = (things) => things[Math.floor(user.random() * things.length)];

  if (user.iteration === 1) {
    await user.step("open guide", async () => {
      await user.waitFor("#guide .cell");
      await user.waitFor(ready);
    });
    await pause();
  }

  for (let i = 0; i < 4; i += 1) {
    await user.step("zap", () => key(oneOf(["ArrowDown", "ArrowDown", "ArrowUp", "PageDown"])));
    await pause();
  }

  await user.step("show details", () => key("Enter"));
  await pause();
  await key("Escape");

  await user.press("s");
  await user.waitFor("#search input");
  await user.step("search", async () => {
    await user.type("#search input", oneOf(SEARCHES));
    await user.waitFor(ready);
    await user.waitFor("#search .hit");
  });
  await pause();
  await key("Escape");

  await user.step("change volume", () => key(oneOf(["+", "-"])));
  await pause();
}
