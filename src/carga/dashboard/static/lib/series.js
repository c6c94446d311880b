// The run second by second, in columns of equal length, with a bound on their length.
//
// A column is a list with one value a point; a point spans `step` seconds. At POINTS_MAX the columns are thinned
// out to half: two neighbours become one and the step doubles. Percentiles cannot be merged exactly without their
// histograms, so neighbours are averaged, weighted by how many attempts they stand for; the report is exact.

export const POINTS_MAX = 900;

const PLAIN = [
  "users_planned", "users_running", "actions_per_s", "requests_per_s", "failures_per_s",
  "websockets_open", "bytes_per_s", "timer_late_p99_ms", "cpu_percent",
];

export class Series {
  constructor(step = 1) {
    this.step = step;
    this.second = [];
    this.last = -1; // the last second that was added
    this.weight = []; // seconds that a point holds
    this.plain = Object.fromEntries(PLAIN.map((name) => [name, []]));
    this.metrics = new Map(); // name -> {p50, p95, p99, count, failed}: columns
  }

  /** From `History` of the API. */
  static from(history) {
    const series = new Series(Math.max(1, history.step_s));
    series.second = [...history.second];
    series.weight = series.second.map(() => series.step);
    series.last = series.second.length ? series.second.at(-1) + series.step - 1 : -1;
    for (const name of PLAIN) series.plain[name] = [...history[name]];
    const position = new Map(series.second.map((second, at) => [second, at]));
    for (const [name, points] of Object.entries(history.metrics)) {
      const columns = series.#metric(name);
      for (const [second, p50, p95, p99, count, failed] of points) {
        const at = position.get(second);
        if (at === undefined) continue;
        Object.entries({ p50, p95, p99, count, failed }).forEach(([key, value]) => (columns[key][at] = value));
      }
    }
    while (series.second.length > POINTS_MAX) series.thin();
    return series;
  }

  get length() {
    return this.second.length;
  }

  #metric(name) {
    let columns = this.metrics.get(name);
    if (!columns) {
      const empty = (value) => new Array(this.length).fill(value);
      columns = { p50: empty(null), p95: empty(null), p99: empty(null), count: empty(0), failed: empty(0) };
      this.metrics.set(name, columns);
    }
    return columns;
  }

  /** Adds one second; seconds that are already there are left as they are. Returns whether anything changed. */
  add(second, values, metrics) {
    if (second <= this.last) return false;
    this.last = second;
    const start = second - (second % this.step);
    if (this.length === 0 || start > this.second.at(-1)) {
      this.#open(start);
    }
    const at = this.length - 1;
    const before = this.weight[at];
    this.weight[at] = before + 1;
    for (const name of PLAIN) {
      this.plain[name][at] = mean(this.plain[name][at], before, values[name] ?? null, 1);
    }
    for (const [name, point] of Object.entries(metrics)) {
      merge(this.#metric(name), at, point);
    }
    if (this.length > POINTS_MAX) this.thin();
    return true;
  }

  #open(start) {
    this.second.push(start);
    this.weight.push(0);
    for (const name of PLAIN) this.plain[name].push(null);
    for (const columns of this.metrics.values()) {
      for (const key of ["p50", "p95", "p99"]) columns[key].push(null);
      columns.count.push(0);
      columns.failed.push(0);
    }
  }

  /** Two neighbours become one. */
  thin() {
    const old = { second: this.second, weight: this.weight, plain: this.plain, metrics: this.metrics };
    this.step *= 2;
    this.second = [];
    this.weight = [];
    this.plain = Object.fromEntries(PLAIN.map((name) => [name, []]));
    this.metrics = new Map();
    for (const name of old.metrics.keys()) this.#metric(name);
    old.second.forEach((second, from) => {
      const start = second - (second % this.step);
      if (this.length === 0 || start > this.second.at(-1)) this.#open(start);
      const at = this.length - 1;
      for (const name of PLAIN) {
        this.plain[name][at] = mean(this.plain[name][at], this.weight[at], old.plain[name][from], old.weight[from]);
      }
      this.weight[at] += old.weight[from];
      for (const [name, columns] of old.metrics) {
        const point = Object.fromEntries(Object.keys(columns).map((key) => [key, columns[key][from]]));
        merge(this.metrics.get(name), at, point);
      }
    });
  }
}

function merge(columns, at, point) {
  const mine = columns.count[at] - columns.failed[at];
  const other = point.count - point.failed;
  for (const key of ["p50", "p95", "p99"]) {
    columns[key][at] = mean(columns[key][at], mine, point[key] ?? null, other);
  }
  columns.count[at] += point.count;
  columns.failed[at] += point.failed;
}

function mean(first, firstWeight, second, secondWeight) {
  if (first === null || first === undefined || firstWeight === 0) return second;
  if (second === null || second === undefined || secondWeight === 0) return first;
  return (first * firstWeight + second * secondWeight) / (firstWeight + secondWeight);
}
