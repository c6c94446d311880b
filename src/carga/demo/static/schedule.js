// The programmes that the page knows: fetched in blocks of some hours, asked by channel and time.

import { api } from "./api.js";

export const BLOCK_HOURS = 6;
const HOUR_S = 3600;

/** A programme as the guide has it; the server sends arrays because there are hundreds. */
const entry = ([id, channel, title, genre, startsS, endsS]) => ({ id, channel, title, genre, startsS, endsS });

export class Schedule {
  #byChannel = new Map();
  #known = new Set();
  fromS = 0;
  toS = 0;

  /** Fetches the first block, or the blocks that are missing until `toS`. */
  async reach(fromS, toS) {
    if (!this.toS) this.fromS = this.toS = fromS;
    while (this.toS < toS) {
      const { programmes, to_s: reached } = await api.guide(this.toS, BLOCK_HOURS);
      for (const found of programmes.map(entry)) this.#add(found);
      this.toS = reached;
    }
  }

  /** The programme of `channel` that is on at `timeS`, or the last one known. */
  at(channel, timeS) {
    const all = this.#byChannel.get(channel) ?? [];
    return all.find((programme) => programme.endsS > timeS) ?? all.at(-1);
  }

  /** Programmes of `channel` that are on at some time from `fromS` to `toS`. */
  between(channel, fromS, toS) {
    return (this.#byChannel.get(channel) ?? []).filter(({ startsS, endsS }) => startsS < toS && endsS > fromS);
  }

  #add(programme) {
    if (this.#known.has(programme.id)) return;
    this.#known.add(programme.id);
    if (!this.#byChannel.has(programme.channel)) this.#byChannel.set(programme.channel, []);
    this.#byChannel.get(programme.channel).push(programme);
  }
}

export const floorToHalfHour = (seconds) => Math.floor(seconds / 1800) * 1800;
export const hours = (number) => number * HOUR_S;
