// Whether the numbers can be believed: the generator's own lateness, CPU and memory, and its workers.

import { NONE, megabytes, milliseconds, whole } from "../lib/format.js";
import { live, series, seriesVersion, timeEnd } from "../store.js";
import { Empty, Fact, Mark, Panel, html } from "../ui.js";
import { Chart } from "./chart.js";

const ofHundred = (value) => (typeof value === "number" ? `${value.toFixed(0)}%` : NONE);

const available = (worker) => worker.memory_available_mb ?? 0;

export function Generator() {
  seriesVersion.value;
  const { second, plain } = series.value;
  const health = live.value?.generator;
  const workers = (live.value?.workers ?? []).filter((worker) => worker.state === "connected");
  const memory = workers.reduce((sum, worker) => sum + worker.memory_mb, 0);
  const lag = Math.max(0, ...workers.map((worker) => worker.loop_lag_ms));
  const full = workers.filter((worker) => worker.full);
  const lines = [
    { label: "Timers late, p99", colour: "--c4", values: plain.timer_late_p99_ms, format: milliseconds },
    { label: "CPU", colour: "--c1", values: plain.cpu_percent, format: ofHundred, right: true, dash: 1 },
  ];
  const trust = health && html`<span class=${health.trusted ? "good" : "bad"}
    ><${Mark} good=${health.trusted} words="" /> ${health.trusted ? "Trusted" : "Not trusted"}</span
  >`;
  return html`
    <${Panel} id="generator" title="Generator" extra=${trust}>
      <${Chart} label="Lateness of timers and CPU of the generator over time" lines=${lines} times=${second} end=${timeEnd.value} />
      <dl class="facts">
        <${Fact} name="Timers late, p99" value=${milliseconds(health?.timer_late_p99_ms)} title="Over the whole run" />
        <${Fact} name="CPU, highest" value=${ofHundred(health?.cpu_percent_max)} />
        <${Fact} name="Memory now" value=${workers.length ? megabytes(memory) : NONE} />
        <${Fact} name="Memory, highest" value=${megabytes(health?.memory_mb_max)} />
        <${Fact} name="Memory available" value=${workers.length ? megabytes(Math.min(...workers.map(available))) : NONE} />
        <${Fact}
          name="Wait for a core"
          value=${workers.length ? `${Math.max(...workers.map((worker) => worker.core_wait ?? 0)).toFixed(1)} s` : NONE}
          title="Of the browsers, for each second in which they had one"
        />
        <${Fact} name="Loop lag now" value=${workers.length ? milliseconds(lag) : NONE} />
        <${Fact} name="Loop lag, highest" value=${milliseconds(health?.loop_lag_max_ms)} />
      </dl>
      ${full.length > 0 &&
      html`<ul class="reasons"><li>The machine is full, users wait: ${full[0].full}.</li></ul>`}
      ${health?.reasons.length > 0 &&
      html`<ul class="reasons">
        ${health.reasons.map((reason) => html`<li>${reason}</li>`)}
      </ul>`}
    <//>
  `;
}

const WORKER_STATES = { connected: "good", silent: "warn", lost: "bad", gone: "faint" };

/** Of a worker that does not report, nothing is known. */
const here = (worker, words) => (worker.state === "connected" ? words : NONE);

export function Workers() {
  const workers = live.value?.workers ?? [];
  return html`
    <${Panel} id="workers" title="Workers" wide note=${workers.length ? whole(workers.length) : ""}>
      ${workers.length === 0
        ? html`<${Empty}>No worker has joined yet.<//>`
        : html`<div class="scroll" tabindex="0">
            <table>
              <thead>
                <tr>
                  <th>Worker</th><th>State</th><th class="n">Users</th><th class="n">Browsers</th>
                  <th class="n">CPU</th><th class="n">Memory</th><th class="n">Lag</th>
                </tr>
              </thead>
              <tbody>
                ${workers.map(
                  (worker) => html`
                    <tr key=${worker.id}>
                      <th scope="row" title=${worker.host}>${worker.id}</th>
                      <td><span class=${`dot ${WORKER_STATES[worker.state]}`}>${worker.state}</span></td>
                      <td class="n">${whole(worker.users)}<span class="faint"> / ${whole(worker.users_max)}</span></td>
                      <td class="n">${whole(worker.browsers)}</td>
                      <td class="n">${here(worker, ofHundred(worker.cpu_percent))}</td>
                      <td class="n">${here(worker, megabytes(worker.memory_mb))}</td>
                      <td class="n">${here(worker, milliseconds(worker.loop_lag_ms))}</td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          </div>`}
    <//>
  `;
}
