// The overlay with everything about one programme: picture, cast, and when it is shown again.

import { api } from "./api.js";
import { during } from "./busy.js";
import { artOf, hourOf, logoOf, make, one } from "./elements.js";
import { people } from "./people.js";
import { badges } from "./view.js";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Opens at once, and fills when the answer is here. `tune` is called on Enter. */
export function openDetails({ channel, programme, channelName, tune, failed }) {
  const panel = make("section", { id: "details" }, make("div.panel", {}, make("h2", {}, programme.title)));
  panel.classList.add("overlay");
  document.body.append(panel);
  during(async () => {
    try {
      const details = await api.programmeAndAgain(programme.id);
      one(".panel", panel).replaceChildren(...filled(channel, details, channelName));
    } catch (error) {
      failed(error);
    }
  });
  return {
    key(name) {
      if (name === "Enter") tune();
      return name === "Enter" || name === "Escape" || name === "Backspace" ? "close" : "taken";
    },
    close: () => panel.remove(),
  };
}

function filled(channel, details, channelName) {
  const cast = details.people.map((index) => people[index]);
  return [
    make("img.art", { src: artOf(details.title_id), alt: "" }),
    make("p.channel", {}, make("img", { src: logoOf(channel.number), alt: "" }), make("span", {}, channel.name)),
    make("h2", {}, details.title),
    make("p.meta", {}, ...badges(channel, details)),
    make("p.line", {}, details.line),
    make("h3", {}, "With"),
    make(
      "ul.cast",
      {},
      ...cast.map(({ name, calling, from }) => make("li", {}, make("b", {}, name), make("small", {}, `${calling}, ${from}`))),
    ),
    ...again(details, channelName),
    make("p.hints", {}, make("kbd", {}, "Enter"), " watch ", make("kbd", {}, "Esc"), " back"),
  ];
}

function again(details, channelName) {
  if (!details.again.length) return [];
  const rows = details.again.map(([, channel, , , startsS]) =>
    make("li", {}, make("b", {}, `${DAYS[new Date(startsS * 1000).getDay()]} ${hourOf(startsS)}`), channelName(channel)),
  );
  return [make("h3", {}, "Also on"), make("ul.again", {}, ...rows)];
}
