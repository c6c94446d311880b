// All users of a run in typed arrays, and what of them a filter lets through. 100,000 users take under a megabyte.

export class UserTable {
  constructor(list = { states: [], workers: [], users: [] }) {
    this.states = list.states;
    this.workers = list.workers;
    this.count = list.users.reduce((most, [index]) => Math.max(most, index + 1), 0);
    this.state = new Uint8Array(this.count);
    this.worker = new Int32Array(this.count).fill(-1);
    this.details = new Map(); // sparse: most users are well
    this.apply(list.users);
  }

  /** Rows (index, state, worker, detail) as they are now. Returns false when one names a worker unknown here. */
  apply(rows) {
    let known = true;
    for (const [index, state, worker, detail] of rows) {
      if (index < 0 || index >= this.count) {
        known = false;
        continue;
      }
      this.state[index] = state;
      this.worker[index] = worker;
      if (detail) this.details.set(index, detail);
      else this.details.delete(index);
      if (worker >= this.workers.length) known = false;
    }
    return known;
  }

  row(index) {
    return {
      index,
      state: this.states[this.state[index]] ?? "waiting",
      worker: this.workers[this.worker[index]] ?? "",
      detail: this.details.get(index) ?? "",
    };
  }

  counts() {
    const counts = new Array(this.states.length).fill(0);
    for (let index = 0; index < this.count; index += 1) counts[this.state[index]] += 1;
    return counts;
  }

  /**
   * Indexes that pass, in order. `state` and `worker` are positions or -1 for all. `text` is the beginning of an
   * index, a range such as "100-199", or a part of the detail or of the group's name (`groupOf(index)`).
   */
  filter({ state = -1, worker = -1, text = "" }, groupOf = () => "") {
    const wanted = matcher(text, this, groupOf);
    const found = new Int32Array(this.count);
    let size = 0;
    for (let index = 0; index < this.count; index += 1) {
      if (state >= 0 && this.state[index] !== state) continue;
      if (worker >= 0 && this.worker[index] !== worker) continue;
      if (wanted && !wanted(index)) continue;
      found[size] = index;
      size += 1;
    }
    return found.subarray(0, size);
  }
}

function matcher(text, table, groupOf) {
  const query = text.trim().toLowerCase().replace(/^#/, "");
  if (!query) return null;
  const range = /^(\d+)\s*[-–]\s*(\d+)$/.exec(query);
  if (range) {
    const [first, last] = [Number(range[1]), Number(range[2])];
    return (index) => index >= first && index <= last;
  }
  if (/^\d+$/.test(query)) return (index) => String(index).startsWith(query);
  return (index) =>
    (table.details.get(index) ?? "").toLowerCase().includes(query) || groupOf(index).toLowerCase().includes(query);
}

/** The group that holds `index`; undefined where none does. */
export const groupOf = (groups, index) =>
  groups.find(({ first_index: first, count }) => index >= first && index < first + count);

/** Its name. */
export const groupName = (groups, index) => groupOf(groups, index)?.name ?? "";

/** How many users of a group are in each state, by the state's name. */
export function countsOf(table, { first_index: first, count }) {
  const counts = {};
  const end = Math.min(first + count, table.count);
  for (let index = first; index < end; index += 1) {
    const name = table.states[table.state[index]] ?? "waiting";
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
