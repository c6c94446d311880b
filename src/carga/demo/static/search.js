// The search overlay: results come while one types.

import { api } from "./api.js";
import { begin } from "./busy.js";
import { hourOf, make, one } from "./elements.js";

const PAUSE_MS = 120; // between the last letter and the request

export function openSearch({ channelName, choose, failed }) {
  const input = make("input", { type: "text", placeholder: "Title", "aria-label": "Search for a title" });
  input.autocomplete = "off";
  input.spellcheck = false;
  const list = make("ol", {}, make("li.none", {}, "Type a title, or a part of one."));
  const panel = make("section.overlay", { id: "search" }, make("div.panel", {}, make("h2", {}, "Search"), input, list));
  document.body.append(panel);
  input.focus();

  let hits = [];
  let chosen = 0;
  let timer = 0;
  let end = null;
  let asked = 0;

  const mark = () => [...list.children].forEach((hit, index) => hit.classList.toggle("focused", index === chosen));

  function draw() {
    list.replaceChildren(
      ...hits.map(([, channel, title, genre, startsS]) =>
        make(
          "li.hit",
          { "data-genre": genre },
          make("b", {}, title),
          make("small", {}, `${channelName(channel)} · ${hourOf(startsS)}`),
        ),
      ),
    );
    if (!hits.length) list.append(make("li.none", {}, "Nothing found."));
    mark();
  }

  async function ask() {
    const over = end;
    end = null;
    asked += 1;
    const mine = asked;
    try {
      const found = await api.search(input.value);
      if (mine === asked) {
        hits = found.hits;
        chosen = 0;
        draw();
      }
    } catch (error) {
      failed(error);
    } finally {
      over();
    }
  }

  input.addEventListener("input", () => {
    end ??= begin();
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });

  return {
    key(name) {
      if (name === "Escape" || (name === "Backspace" && !input.value)) return "close";
      if (name === "Enter") {
        if (!hits.length) return "taken";
        choose(hits[chosen]);
        return "close";
      }
      if (name !== "ArrowDown" && name !== "ArrowUp") return "typed";
      chosen = Math.max(0, Math.min(hits.length - 1, chosen + (name === "ArrowDown" ? 1 : -1)));
      mark();
      one(".focused", list)?.scrollIntoView({ block: "nearest" });
      return "taken";
    },
    close() {
      clearTimeout(timer);
      end?.();
      panel.remove();
    },
  };
}
