// The bar that stays on top: which run, where it stands, how long it still takes, and the way to stop it.

import { clock, span } from "../lib/format.js";
import { connection, elapsed, finished, live, run, state } from "../store.js";
import { choice, nextTheme } from "../theme.js";
import { html } from "../ui.js";
import { StopButton } from "./stop.js";

const STATE_NAMES = { starting: "Starting", running: "Running", draining: "Draining", finished: "Finished" };
const THEME_SIGNS = { system: "◐", light: "○", dark: "●" };

export function Header() {
  const info = run.value;
  const duration = info?.duration_s ?? 0;
  const share = finished.value ? 1 : duration ? Math.min(1, elapsed.value / duration) : 0;
  return html`
    <header class="top">
      <div class="top-row">
        <span class="brand">carga</span>
        <h1 title=${info ? `${info.plan} · ${info.target}` : ""}>
          <span class="plan">${info?.plan ?? "…"}</span>
          <span class="target">${info?.target ?? ""}</span>
        </h1>
        <${StatePill} />
        <span class="time">
          <b>${clock(elapsed.value)}</b><span class="of"> / ${clock(duration || null)}</span>
          <span class="left">${remaining(duration)}</span>
        </span>
        <button
          type="button"
          class="quiet theme"
          onClick=${nextTheme}
          aria-label=${`Colours: ${choice.value}. Change.`}
          title=${`Colours: ${choice.value}`}
        >
          ${THEME_SIGNS[choice.value]}
        </button>
        <${StopButton} />
      </div>
      <div
        class="progress"
        role="progressbar"
        aria-label="Progress of the run"
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${Math.round(share * 100)}
      >
        <div style=${{ width: `${share * 100}%` }}></div>
      </div>
    </header>
  `;
}

function remaining(duration) {
  if (finished.value || !duration) return "";
  const left = duration - elapsed.value;
  return left > 0 ? `${span(left)} left` : "ending";
}

function StatePill() {
  if (connection.value.state === "lost") return html`<span class="pill bad">No connection</span>`;
  const verdict = live.value?.verdict;
  if (verdict) return html`<span class=${`pill ${verdict === "passed" ? "good" : "bad"}`}>Finished</span>`;
  return html`<span class=${`pill ${state.value}`}>${STATE_NAMES[state.value]}</span>`;
}
