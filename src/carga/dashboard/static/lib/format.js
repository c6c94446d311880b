// Numbers as a person reads them. Every function gives NONE for a value that was not measured.

export const NONE = "–";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** 12345 -> "12,345" */
export const whole = (value) => (isNumber(value) ? grouped.format(value) : NONE);

/** Three figures at least: 0.42, 4.2, 42.1, 421, 4,210 */
export function figure(value) {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return grouped.format(value);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** A duration in milliseconds: "8.4 ms", "812 ms", "1.25 s", "2m 05s" */
export function milliseconds(value) {
  if (!isNumber(value)) return NONE;
  if (value < 9.95) return `${value.toFixed(1)} ms`;
  if (value < 999.5) return `${value.toFixed(0)} ms`;
  if (value < 9_995) return `${(value / 1000).toFixed(2)} s`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return span(value / 1000);
}

/** A value of a metric in its own unit. */
export function measured(value, unit) {
  if (!isNumber(value)) return NONE;
  if (unit === "ms") return milliseconds(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "score") return value.toFixed(3);
  return unit ? `${figure(value)} ${unit}` : figure(value);
}

const BYTE_STEPS = ["B", "kB", "MB", "GB", "TB"];

/** "812 B", "4.2 MB": powers of 1000, as networks count. */
export function bytes(value) {
  if (!isNumber(value)) return NONE;
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < BYTE_STEPS.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step === 0 ? value.toFixed(0) : figure(value)} ${BYTE_STEPS[step]}`;
}

/** Memory in megabytes: "812 MB", "5.1 GB" */
export const megabytes = (value) => (isNumber(value) ? bytes(value * 1e6) : NONE);

/** Seconds on a clock: "0:07", "12:34", "1:02:03" */
export function clock(seconds) {
  if (!isNumber(seconds)) return NONE;
  const all = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A length of time: "45s", "2m 05s", "1h 02m" */
export function span(seconds) {
  if (!isNumber(seconds)) return NONE;
  const all = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (all < 60) return `${all}s`;
  if (all < 3600) return `${Math.floor(all / 60)}m ${two(all % 60)}s`;
  return `${Math.floor(all / 3600)}h ${two(Math.floor(all / 60) % 60)}m`;
}

/** A share 0..1: "0%", "0.04%", "1.2%", "56%"; never "0%" for something that happened. */
export function percent(share) {
  if (!isNumber(share)) return NONE;
  const value = share * 100;
  if (value === 0) return "0%";
  if (value < 0.01) return "<0.01%";
  return `${value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : value.toFixed(0)}%`;
}

/** What a threshold compares, in the unit of its statistic. */
export function ofThreshold(value, statistic, unit) {
  if (statistic === "failed") return percent(value);
  if (statistic === "count") return whole(value);
  if (statistic === "rate") return isNumber(value) ? `${figure(value)}/s` : NONE;
  return measured(value, unit);
}
