// What matters most, in one look: a sentence about the run, then eight numbers.

import { NONE, bytes, clock, figure, milliseconds, percent, whole } from "../lib/format.js";
import { connection, failedRequests, finished, live, run } from "../store.js";
import { Mark, html } from "../ui.js";

const VERDICTS = {
  passed: ["Passed", "Everything that had to hold did."],
  failed: ["Failed", "Not everything held that had to."],
  untrusted: ["Untrusted", "The generator was too slow itself; do not believe these numbers."],
  interrupted: ["Interrupted", "The run was stopped before its time."],
};

export function Verdict() {
  const { verdict, reasons = [], report } = live.value ?? {};
  if (verdict) {
    const [title, sentence] = VERDICTS[verdict] ?? [verdict, ""];
    return html`
      <section class=${`verdict done ${verdict === "passed" ? "good" : "bad"}`} aria-label="Verdict">
        <div class="verdict-title"><${Mark} good=${verdict === "passed"} words="" /> ${title}</div>
        <div class="verdict-body">
          ${reasons.length
            ? html`<ul>
                ${reasons.map((reason) => html`<li>${reason}</li>`)}
              </ul>`
            : html`<p>${sentence}</p>`}
          ${report && html`<p class="report">Report: <code>${report}</code> <${Copy} text=${report} /></p>`}
        </div>
      </section>
    `;
  }
  return html`<p class="verdict now">${sentenceNow()}</p>`;
}

// Browsers offer the clipboard on loopback and over HTTPS only.
const Copy = ({ text }) =>
  navigator.clipboard &&
  html`<button type="button" class="quiet" onClick=${() => navigator.clipboard.writeText(text)}>Copy path</button>`;

function sentenceNow() {
  const now = live.value;
  const info = run.value;
  if (connection.value.state === "connecting" && !now) return "Connecting to the coordinator …";
  if (!now || now.state === "starting") return "Starting: workers are joining, no user runs yet.";
  if (now.state === "draining") return `Stopping: ${whole(now.users.running)} users still run.`;
  const parts = [profileSentence(info?.profile ?? [], now)];
  const bad = broken(now).length;
  if (now.thresholds.length) {
    parts.push(bad
        ? `${bad} of ${now.thresholds.length} thresholds ${bad === 1 ? "does" : "do"} not hold so far.`
        : "All thresholds that were measured hold so far.");
  }
  if (!now.generator.trusted) parts.push("The generator is too slow to be believed.");
  return parts.join(" ");
}

/** Thresholds that do not hold. What was not measured breaks a threshold only at the end. */
const broken = ({ state, thresholds }) =>
  thresholds.filter(({ passed, value }) => !passed && (value !== null || state === "finished"));

function profileSentence(profile, now) {
  const next = profile.find(([second]) => second > now.elapsed_s);
  if (!next) return `${whole(now.users.running)} users run; the plan is over.`;
  const before = profile[profile.indexOf(next) - 1] ?? [0, 0];
  const until = `until ${clock(next[0])}`;
  if (next[1] > before[1]) return `Ramping up to ${whole(next[1])} users ${until}.`;
  if (next[1] < before[1]) return `Ramping down to ${whole(next[1])} users ${until}.`;
  return `Holding ${whole(next[1])} users ${until}.`;
}

/** While the run goes on: now. Afterwards: what the whole run was like. */
export function Tiles() {
  const now = live.value;
  const over = finished.value;
  const counters = now?.counters ?? {};
  const mean = (count) => (now?.elapsed_s ? count / now.elapsed_s : null);
  const failed = now ? failedRequests(now.metrics) : null;
  const share = counters.requests ? counters.requests_failed / counters.requests : now ? 0 : null;
  const step = slowestStep(now?.totals ?? {});
  const thresholds = now?.thresholds ?? [];
  const held = thresholds.filter(({ passed }) => passed).length;
  const tone = (good) => (now ? (good ? "good" : "bad") : "");
  return html`
    <section class="tiles" aria-label="Key figures">
      <${Tile} name=${over ? "Users that ran" : "Users"} href="#users"
        value=${whole(over ? now?.users.started : now?.users.running)}
        note=${now ? (over ? `of ${whole(now.users.total)} in the plan` : `of ${whole(now.users.planned)} planned`) : ""} />
      <${Tile} name="Actions/s" href="#throughput" value=${figure(over ? mean(counters.actions) : now?.actions_per_s)}
        note=${now ? `${whole(counters.actions)} in all` : ""} />
      <${Tile} name="Requests/s" href="#throughput" value=${figure(over ? mean(counters.requests) : now?.requests_per_s)}
        note=${now ? (over ? `${bytes(counters.bytes_received)} in all` : `${bytes(now.bytes_per_s)}/s`) : ""} />
      <${Tile} name="Failed requests" href="#causes" value=${percent(share)} tone=${share ? "bad" : ""}
        note=${now ? (over ? `${whole(counters.requests_failed)} in all` : `${figure(failed)}/s now`) : ""} />
      <${Tile} name="Slowest step, p95" href="#steps" value=${milliseconds(step?.p95)} note=${step?.name ?? "no step yet"} />
      <${Tile} name=${over ? "WebSockets opened" : "WebSockets open"} href="#websockets"
        value=${whole(over ? counters.websockets_opened : now?.websockets_open)}
        noteTone=${counters.websockets_closed_abnormally ? "bad" : ""}
        note=${now ? `${whole(counters.websockets_closed_abnormally)} closed abnormally` : ""} />
      <${Tile} name="Thresholds" href="#thresholds" value=${thresholds.length ? `${held} of ${thresholds.length}` : now ? "none" : NONE}
        tone=${thresholds.length ? (held === thresholds.length ? "good" : broken(now).length ? "bad" : "") : ""}
        note=${thresholds.length ? (over ? "hold" : "hold so far") : now ? "in the plan" : ""} />
      <${Tile} name="Generator" href="#generator" value=${now ? (now.generator.trusted ? "Trusted" : "Too slow") : NONE}
        tone=${tone(now?.generator.trusted)} note=${now ? `timers ${milliseconds(now.generator.timer_late_p99_ms)} late` : ""} />
    </section>
  `;
}

const SIGNS = { good: "✓", bad: "✕" };

const Tile = ({ name, value, note, tone = "", noteTone = "", href }) => html`
  <a class=${`tile ${tone}`} href=${href}>
    <span class="tile-name">${name}</span>
    <span class="tile-value">${value}${tone && html`<i class="sign" aria-hidden="true">${SIGNS[tone]}</i>`}</span>
    <span class=${`tile-note ${noteTone}`} title=${note}>${note}</span>
  </a>
`;

function slowestStep(totals) {
  let slowest = null;
  for (const [name, metric] of Object.entries(totals)) {
    if (!name.startsWith("step.") || typeof metric.p95 !== "number") continue;
    if (!slowest || metric.p95 > slowest.p95) slowest = { name: name.slice(5), p95: metric.p95 };
  }
  return slowest;
}
