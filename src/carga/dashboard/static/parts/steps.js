// How long steps take: every timing as a row with its percentiles, the chosen ones in one chart.

import { signal } from "@preact/signals";
import { measured, milliseconds, whole } from "../lib/format.js";
import { live, series, seriesVersion, timeEnd } from "../store.js";
import { Empty, Panel, Segmented, html } from "../ui.js";
import { Chart, Swatch } from "./chart.js";

const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
const FIRST_SHOWN = 5; // lines that are there before somebody chooses; more are hard to follow
const ORDER = ["step.", "iteration", "navigation.", "vitals.", "long_task", "user.start", "custom."];
const PERCENTILES = ["p50", "p95", "p99"];

const percentile = signal("p95");
/** Names in the order of their colours; null until somebody has chosen. A place that was freed holds "". */
const chosen = signal(null);

/** Names of `totals` that belong here, steps first. */
function timings(totals) {
  const rank = (name) => ORDER.findIndex((prefix) => name.startsWith(prefix));
  return Object.keys(totals)
    .filter((name) => rank(name) >= 0)
    .sort((first, second) => rank(first) - rank(second) || first.localeCompare(second));
}

function shownNames(names, totals) {
  if (chosen.value) return chosen.value;
  const steps = names.filter((name) => name.startsWith("step."));
  const candidates = steps.length ? steps : names.filter((name) => totals[name].unit === "ms");
  return candidates.slice(0, FIRST_SHOWN);
}

function toggle(name, shown) {
  const places = [...shown];
  if (places.includes(name)) places[places.indexOf(name)] = "";
  else if (places.includes("")) places[places.indexOf("")] = name;
  else if (places.length < COLOURS.length) places.push(name);
  chosen.value = places;
}

const plain = (name) => name.replace(/^(step|custom)\./, "");

export function Steps() {
  seriesVersion.value;
  const totals = live.value?.totals ?? {};
  const names = timings(totals);
  const shown = shownNames(names, totals);
  const { second, metrics } = series.value;
  const lines = shown
    .map((name, place) => ({ name, place }))
    .filter(({ name }) => metrics.has(name))
    .map(({ name, place }) => ({
      label: plain(name),
      colour: COLOURS[place],
      dash: place >> 2 ? 1 : 0,
      values: metrics.get(name)[percentile.value],
      format: milliseconds,
    }));
  const full = shown.filter(Boolean).length >= COLOURS.length;
  return html`
    <${Panel}
      id="steps"
      title="Steps"
      wide
      note="of those that succeeded"
      extra=${html`<${Segmented} label="Percentile in the chart" options=${PERCENTILES} value=${percentile.value}
        onChange=${(value) => (percentile.value = value)} />`}
    >
      <div class="steps">
        <${Chart}
          label=${`${percentile.value} of the chosen steps over time`}
          lines=${lines}
          times=${second}
          end=${timeEnd.value}
          height=${220}
          empty=${names.length ? "Choose a step in the table" : "No step has ended yet"}
        />
        ${names.length === 0
          ? html`<${Empty}>Steps appear here when the first one has ended.<//>`
          : html`<div class="scroll tall" tabindex="0">
              <table>
                <thead>
                  <tr>
                    <th>Step</th><th class="n">Count</th><th class="n">Failed</th>
                    ${PERCENTILES.map((name) => html`<th class=${name === percentile.value ? "n chosen" : "n"}>${name}</th>`)}
                  </tr>
                </thead>
                <tbody>
                  ${names.map((name) => {
                    const place = shown.indexOf(name);
                    return html`<${Row} key=${name} name=${name} metric=${totals[name]} place=${place}
                      full=${full} onToggle=${() => toggle(name, shown)} />`;
                  })}
                </tbody>
              </table>
            </div>`}
      </div>
    <//>
  `;
}

function Row({ name, metric, place, full, onToggle }) {
  const inChart = place >= 0;
  return html`
    <tr>
      <th scope="row">
        <label class="pick">
          <input type="checkbox" checked=${inChart} disabled=${metric.unit !== "ms" || (full && !inChart)} onChange=${onToggle} />
          ${inChart
            ? html`<${Swatch} colour=${COLOURS[place]} dash=${place >> 2 ? 1 : 0} />`
            : html`<span class="swatch-place"></span>`}
          <span class=${name.startsWith("step.") ? "" : "soft"}>${plain(name)}</span>
        </label>
      </th>
      <td class="n">${whole(metric.count)}</td>
      <td class=${metric.failed ? "n bad" : "n faint"}>${whole(metric.failed)}</td>
      ${PERCENTILES.map(
        (which) => html`<td class=${which === percentile.value ? "n chosen" : "n"}>${measured(metric[which], metric.unit)}</td>`,
      )}
    </tr>
  `;
}
