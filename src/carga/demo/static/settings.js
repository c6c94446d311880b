// The settings overlay. Every change is kept on the server, so that it is there on the next box too.

import { api } from "./api.js";
import { during } from "./busy.js";
import { make } from "./elements.js";

const NAMES = { original: "Original", off: "Off", pt: "Português", en: "English", es: "Español" };
const CHOICES = { audio: ["original", "pt", "en", "es"], subtitles: ["off", "pt", "en", "es"] };
const ROWS = [["volume", "Volume"], ["audio", "Audio"], ["subtitles", "Subtitles"]];
const VOLUME_STEP = 5;

export const louder = (volume, steps) => Math.max(0, Math.min(100, volume + steps * VOLUME_STEP));

/** `known` are the settings as the page has them, and are kept up to date. */
export function openSettings({ known, failed }) {
  const values = {};
  const rows = ROWS.map(([key, name]) => {
    values[key] = make("b");
    return make("li", {}, make("span", {}, name), values[key]);
  });
  const panel = make(
    "section.overlay",
    { id: "settings" },
    make(
      "div.panel",
      {},
      make("h2", {}, "Settings"),
      make("ul", {}, ...rows),
      make("p.hints", {}, make("kbd", {}, "↑"), make("kbd", {}, "↓"), " choose ", make("kbd", {}, "←"), make("kbd", {}, "→"), " change"),
    ),
  );
  document.body.append(panel);
  let row = 0;

  function draw() {
    for (const [key] of ROWS) values[key].textContent = key === "volume" ? `${known.volume} %` : NAMES[known[key]];
    rows.forEach((element, index) => element.classList.toggle("focused", index === row));
  }

  const keep = (request) =>
    during(async () => {
      try {
        Object.assign(known, await request);
      } catch (error) {
        failed(error);
      }
      draw();
    });

  function change(by) {
    const [key] = ROWS[row];
    const choices = CHOICES[key];
    const value = choices
      ? choices[(choices.indexOf(known[key]) + by + choices.length) % choices.length]
      : louder(known.volume, by);
    keep(api.changeSettings({ [key]: value }));
  }

  draw();
  keep(api.settings());
  return {
    key(name) {
      if (name === "Escape" || name === "Backspace" || name === "o") return "close";
      if (name === "ArrowDown" || name === "ArrowUp") {
        row = (row + (name === "ArrowDown" ? 1 : ROWS.length - 1)) % ROWS.length;
        draw();
      }
      if (name === "ArrowRight" || name === "ArrowLeft") change(name === "ArrowRight" ? 1 : -1);
      return "taken";
    },
    close: () => panel.remove(),
  };
}
