// Users now against planned, and what they do to the target.

import { figure, milliseconds, whole } from "../lib/format.js";
import { elapsed, live, rates, run, series, seriesVersion, timeEnd } from "../store.js";
import { Fact, Panel, html } from "../ui.js";
import { Chart } from "./chart.js";

const users = (value) => whole(value);
const perSecond = (value) => figure(value);

export function UsersOverTime() {
  seriesVersion.value;
  const { second, plain } = series.value;
  const profile = run.value?.profile ?? [];
  const counts = live.value?.users;
  const lines = [
    { label: "Running", colour: "--c1", values: plain.users_running, format: users, whole: true, fill: true },
    // The ghost line shows the plan, its future too; this is for the legend.
    { label: "Planned", colour: "--ghost", values: plain.users_planned, format: users, whole: true, dash: 1, undrawn: true },
  ];
  const notes = [
    counts?.starting && `${whole(counts.starting)} starting`,
    counts?.failed && `${whole(counts.failed)} failed to start`,
    counts?.lost && `${whole(counts.lost)} lost`,
    counts?.moved && `${whole(counts.moved)} moved`,
  ].filter(Boolean);
  return html`
    <${Panel} id="load" title="Users" note=${notes.join(" · ")}>
      <${Chart}
        label="Users running and planned over time"
        lines=${lines}
        times=${second}
        end=${Math.max(run.value?.duration_s ?? 0, elapsed.value, 1)}
        ghost=${profile}
        top=${Math.max(1, ...profile.map(([, planned]) => planned))}
        empty=""
      />
    <//>
  `;
}

export function Throughput() {
  seriesVersion.value;
  const { second, plain } = series.value;
  const lines = [
    { label: "Requests/s", colour: "--c1", values: plain.requests_per_s, format: perSecond },
    { label: "Actions/s", colour: "--c3", values: plain.actions_per_s, format: perSecond, dash: 1 },
    { label: "Failures/s", colour: "--c2", values: plain.failures_per_s, format: perSecond, dash: 2 },
  ];
  return html`
    <${Panel} id="throughput" title="Throughput">
      <${Chart} label="Requests, actions and failed requests a second over time" lines=${lines} times=${second} end=${timeEnd.value} />
    <//>
  `;
}

export function WebSockets() {
  seriesVersion.value;
  const { second, plain } = series.value;
  const counters = live.value?.counters ?? {};
  const opening = live.value?.totals["websocket.open"];
  const { sent, received } = rates.value;
  const lines = [{ label: "Open", colour: "--c3", values: plain.websockets_open, format: users, whole: true, fill: true }];
  return html`
    <${Panel} id="websockets" title="WebSockets">
      <${Chart} label="WebSockets open over time" lines=${lines} times=${second} end=${timeEnd.value} />
      <dl class="facts">
        <${Fact} name="Opened" value=${whole(counters.websockets_opened)} />
        <${Fact} name="Closed abnormally" value=${whole(counters.websockets_closed_abnormally)}
          tone=${counters.websockets_closed_abnormally ? "bad" : ""} />
        <${Fact} name="Time to open, p95" value=${milliseconds(opening?.p95)} />
        <${Fact} name="Refused" value=${whole(opening?.failed)} tone=${opening?.failed ? "bad" : ""} />
        <${Fact} name="Messages in/s" value=${figure(received)} />
        <${Fact} name="Messages out/s" value=${figure(sent)} />
      </dl>
    <//>
  `;
}
