// Requests by kind, failures by cause, thresholds, and what happened.

import { milliseconds, ofThreshold, percent, whole } from "../lib/format.js";
import { finished, live, messages } from "../store.js";
import { Empty, Mark, Panel, html } from "../ui.js";
import { EvidenceButton } from "./evidence.js";

export function Requests() {
  const now = live.value;
  const kinds = Object.entries(now?.totals ?? {})
    .filter(([name]) => name.startsWith("request."))
    .map(([name, metric]) => ({ kind: name.slice("request.".length), metric }))
    .sort((first, second) => second.metric.count - first.metric.count);
  const all = now?.counters.requests ?? 0;
  return html`
    <${Panel} id="requests" title="Requests by kind">
      ${kinds.length === 0
        ? html`<${Empty}>No request yet.<//>`
        : html`<div class="scroll tall" tabindex="0">
            <table>
              <thead>
                <tr>
                  <th>Kind</th><th class="n">Count</th><th class="n">Failed</th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th>
                </tr>
              </thead>
              <tbody>
                ${kinds.map(
                  ({ kind, metric }) => html`
                    <tr key=${kind}>
                      <th scope="row">${kind}</th>
                      <td class="n">${whole(metric.count)}</td>
                      <td class=${metric.failed ? "n bad" : "n faint"}>
                        ${whole(metric.failed)}${metric.failed > 0 && html`<span class="faint"> ${percent(metric.failed / metric.count)}</span>`}
                      </td>
                      <td class="n">${milliseconds(metric.p50)}</td>
                      <td class="n">${milliseconds(metric.p95)}</td>
                      <td class="n">${milliseconds(metric.p99)}</td>
                    </tr>
                  `,
                )}
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row">all</th>
                  <td class="n">${whole(all)}</td>
                  <td class="n">${whole(now.counters.requests_failed)}</td>
                  <td colspan="3"></td>
                </tr>
              </tfoot>
            </table>
          </div>`}
    <//>
  `;
}

export function Causes() {
  const causes = live.value?.causes ?? [];
  const most = causes.reduce((high, [, , count]) => Math.max(high, count), 1);
  return html`
    <${Panel} id="causes" title="Failures by cause" note=${causes.length ? whole(causes.length) : ""} extra=${html`<${EvidenceButton} />`}>
      ${causes.length === 0
        ? html`<${Empty}>${finished.value ? "Nothing failed." : "Nothing has failed so far."}<//>`
        : html`<div class="scroll tall" tabindex="0">
            <table class="causes">
              <thead>
                <tr><th>Where</th><th>Cause</th><th class="n">Count</th></tr>
              </thead>
              <tbody>
                ${causes.map(
                  ([area, cause, count]) => html`
                    <tr key=${`${area} ${cause}`}>
                      <td><span class="tag">${area}</span></td>
                      <td class="cause" title=${cause}>${cause}</td>
                      <td class="n bar-cell">
                        <span class="bar" style=${{ width: `${(count / most) * 100}%` }}></span><span>${whole(count)}</span>
                      </td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          </div>`}
    <//>
  `;
}

export function Thresholds() {
  const thresholds = live.value?.thresholds ?? [];
  const unit = (name) => live.value?.totals[name.replace(/^full_sample\./, "")]?.unit ?? "ms";
  return html`
    <${Panel} id="thresholds" title="Thresholds" note=${finished.value ? "" : "so far"}>
      ${thresholds.length === 0
        ? html`<${Empty}>The plan has no threshold: the run passes if its users could run.<//>`
        : html`<div class="scroll tall" tabindex="0">
            <table>
              <thead>
                <tr><th class="mark-cell"><span class="hidden">Holds</span></th><th>Must hold</th><th class="n">${finished.value ? "Was" : "Now"}</th></tr>
              </thead>
              <tbody>
                ${thresholds.map(
                  ({ threshold, metric, statistic, value, passed }) => html`
                    <tr key=${threshold}>
                      <td class="mark-cell">
                        ${value === null && !finished.value
                          ? html`<span class="mark faint" role="img" aria-label="nothing measured yet">·</span>`
                          : html`<${Mark} good=${passed} />`}
                      </td>
                      <td class="cause">${threshold.replace("<=", "≤").replace(">=", "≥")}</td>
                      <td class=${passed ? "n" : value === null ? "n faint" : "n bad"}>
                        ${value === null ? "not measured" : ofThreshold(value, statistic, unit(metric))}
                      </td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          </div>`}
    <//>
  `;
}

export function Messages() {
  return html`
    <${Panel} id="messages" title="What happened">
      ${messages.value.length === 0
        ? html`<${Empty}>Nothing out of the ordinary since this page was opened.<//>`
        : html`<ol class="scroll tall log" tabindex="0" role="log" aria-label="Messages, newest first">
            ${messages.value.map(({ key, at, text }) => html`<li key=${key}><time>${at}</time> ${text}</li>`)}
          </ol>`}
    <//>
  `;
}
