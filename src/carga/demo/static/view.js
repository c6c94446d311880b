// Draws the grid and the programme above it. Only the rows in sight are in the document.

import { artOf, hourOf, logoOf, make, one } from "./elements.js";

export const ROWS = 7;
export const WINDOW_S = 3 * 3600;
const HALF_HOUR_S = 1800;

export class GridView {
  #channels;
  #schedule;
  #rows = new Map();
  #top = -1;
  #fromS = 0;
  #focused = null;

  constructor(channels, schedule) {
    this.#channels = channels;
    this.#schedule = schedule;
  }

  /** Shows the window of time from `fromS` on, with row `row` in sight and its programme `focused` in the ring. */
  show(row, fromS, focused) {
    if (fromS !== this.#fromS) this.#moveTo(fromS);
    const top = this.#topFor(row);
    if (top !== this.#top) {
      this.#top = top;
      one("#guide .rows").replaceChildren(
        ...this.#channels.slice(top, top + ROWS).map((channel) => this.#rowOf(channel)),
      );
    }
    this.#focused?.forEach((element) => element.classList.remove("focused"));
    const line = this.#rowOf(this.#channels[row]);
    this.#focused = [line, one(`[data-id="${focused?.id}"]`, line)].filter(Boolean);
    this.#focused.forEach((element) => element.classList.add("focused"));
  }

  /** Moves the line of the present time. */
  showNow(nowS) {
    const share = (nowS - this.#fromS) / WINDOW_S;
    const line = one("#guide .now");
    line.hidden = share < 0 || share > 1;
    line.style.setProperty("--at", share.toFixed(4));
  }

  #moveTo(fromS) {
    this.#fromS = fromS;
    this.#rows.clear();
    this.#top = -1;
    const marks = [];
    for (let at = fromS; at < fromS + WINDOW_S; at += HALF_HOUR_S) marks.push(make("span", {}, hourOf(at)));
    one("#guide .ruler").replaceChildren(make("b", {}, dayOf(fromS)), ...marks);
  }

  /** The first row in sight: as before when `row` is well inside, and one row of context beyond it where there is. */
  #topFor(row) {
    const last = this.#channels.length - ROWS;
    if (this.#top >= 0 && row > this.#top && row < this.#top + ROWS - 1) return this.#top;
    const wanted = this.#top >= 0 && row <= this.#top ? row - 1 : row - ROWS + 2;
    return Math.max(0, Math.min(last, this.#top < 0 ? row - 2 : wanted));
  }

  #rowOf(channel) {
    let row = this.#rows.get(channel.number);
    if (!row) this.#rows.set(channel.number, (row = this.#drawn(channel)));
    return row;
  }

  #drawn(channel) {
    const cells = this.#schedule
      .between(channel.number, this.#fromS, this.#fromS + WINDOW_S)
      .map((programme) => this.#cell(programme));
    return make(
      "div.row",
      { role: "row" },
      make(
        "div.name",
        {},
        make("b", {}, String(channel.number)),
        make("img", { src: logoOf(channel.number), alt: "" }),
        make("span", {}, channel.name),
      ),
      make("div.cells", {}, ...cells),
    );
  }

  #cell(programme) {
    const starts = Math.max(programme.startsS, this.#fromS);
    const ends = Math.min(programme.endsS, this.#fromS + WINDOW_S);
    const cell = make(
      "div.cell",
      { role: "gridcell", "data-id": programme.id, "data-genre": programme.genre },
      make("b", {}, programme.title),
      make("small", {}, `${hourOf(programme.startsS)} – ${hourOf(programme.endsS)}`),
    );
    cell.style.left = `${((starts - this.#fromS) / WINDOW_S) * 100}%`;
    cell.style.width = `${((ends - starts) / WINDOW_S) * 100}%`;
    return cell;
  }
}

function dayOf(seconds) {
  return new Date(seconds * 1000).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" });
}

/** What is known at once of the focused programme; the rest follows with `showDetails`. */
export function showEntry(channel, programme, nowS) {
  const hero = one("#hero");
  one(".channel img", hero).src = logoOf(channel.number);
  one(".channel span", hero).textContent = `${channel.number}  ${channel.name}`;
  one("h2", hero).textContent = programme?.title ?? "Nothing known";
  one(".meta", hero).replaceChildren(
    make("span", {}, programme ? `${hourOf(programme.startsS)} – ${hourOf(programme.endsS)}` : ""),
  );
  const share = programme ? (nowS - programme.startsS) / (programme.endsS - programme.startsS) : 0;
  one(".progress i", hero).style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
}

/** The server's answer about the focused programme. */
export function showDetails(channel, details) {
  const hero = one("#hero");
  one(".art img", hero).src = artOf(details.title_id);
  one(".line", hero).textContent = details.line;
  one(".meta", hero).replaceChildren(...badges(channel, details));
}

/** Time, genre, year, episode and such, as small boxes. */
export function badges(channel, details) {
  const parts = [make("span", {}, `${hourOf(details.starts_s)} – ${hourOf(details.ends_s)}`)];
  parts.push(make("span.genre", { "data-genre": details.genre }, details.genre));
  if (channel.hd) parts.push(make("span.box", {}, "HD"));
  if (details.episode) parts.push(make(details.episode === "Live" ? "span.live" : "span", {}, details.episode));
  if (details.genre === "film") parts.push(make("span", {}, String(details.year)));
  return parts;
}
