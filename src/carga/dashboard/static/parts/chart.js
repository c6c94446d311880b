// A chart of the run over time: uPlot with our axes, a legend that follows the cursor, and an optional ghost line.

import uPlot from "uplot";
import { colours, palette } from "../theme.js";
import { clock } from "../lib/format.js";
import { html, useEffect, useRef, useState } from "../ui.js";

const HEIGHT = 180; // pixels, as all heights here
const AXIS_WIDTH = 62; // the same everywhere, so that charts below each other line up and nothing jumps
const FONT = "11px system-ui, sans-serif";
const COUNT_STEPS = [1, 2, 5].flatMap((first) => Array.from({ length: 8 }, (_, zeros) => first * 10 ** zeros)).sort((a, b) => a - b);
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
export const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]]; // told apart without colours, too

/**
 * lines: [{label, colour ("--c1"), values, format, right?, dash?, fill?, whole?, undrawn?}] · times: seconds · end: of the time axis ·
 * ghost: [[seconds, value] …] drawn behind, on the left scale · top: least upper end of the left scale.
 * Without `lines` or times the words `empty` are shown in the chart's place.
 */
export function Chart({ label, lines, times, end, ghost, top = 0, height = HEIGHT, empty = "Nothing measured yet" }) {
  const box = useRef(null);
  const plot = useRef(null);
  const latest = useRef({});
  const [at, setAt] = useState(null);
  latest.current = { end, ghost, top, lines };
  const shape = lines.map((line) => [line.label, line.colour, line.right, line.dash, line.fill].join()).join(";");
  const data = [times, ...lines.map((line) => line.values)];

  useEffect(() => {
    const made = new uPlot(options(lines, latest, { width: box.current.clientWidth, height }, setAt), data, box.current);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height }));
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [shape, palette.value]);

  useEffect(() => {
    plot.current?.setData(data);
  });

  const shown = at === null || at >= times.length ? times.length - 1 : at;
  return html`
    <div class="chart" role="img" aria-label=${label}>
      <ul class="legend">
        ${lines.map(
          (line) => html`
            <li key=${line.label}>
              <${Swatch} colour=${line.colour} dash=${line.dash} />
              <span class="legend-name">${line.label}</span>
              <b>${line.format(line.values[shown])}</b>
            </li>
          `,
        )}
        <li class="legend-time">${times.length ? clock(times[shown]) : ""}</li>
      </ul>
      <div class="plot" ref=${box} style=${{ height: `${height}px` }}></div>
      ${(times.length === 0 || lines.length === 0) && html`<p class="chart-empty">${empty}</p>`}
    </div>
  `;
}

export const Swatch = ({ colour, dash = 0 }) => html`
  <svg class="swatch" width="16" height="8" aria-hidden="true">
    <line x1="0" y1="4" x2="16" y2="4" style=${{ stroke: `var(${colour})` }} stroke-dasharray=${DASHES[dash].join(" ")} />
  </svg>
`;

function options(lines, latest, { width, height }, setAt) {
  const [text, grid, ghostColour, ...strokes] = colours(["--faint", "--grid", "--ghost", ...lines.map((l) => l.colour)]);
  const right = lines.find((line) => line.right);
  const left = lines.find((line) => !line.right);
  const axis = { stroke: text, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const valueAxis = (line) => ({
    ...axis,
    size: AXIS_WIDTH,
    gap: 6,
    space: 36,
    ...(line?.whole && { incrs: COUNT_STEPS }),
    values: (_, ticks) => ticks.map((tick) => (line ? line.format(tick) : "")),
  });
  return {
    width,
    height,
    padding: [8, right ? 0 : 20, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      sync: { key: "run", setSeries: false, scales: ["x", null] },
    },
    scales: {
      x: { time: false, range: () => [0, latest.current.end] },
      y: { range: (_, low, high) => upTo(Math.max(high ?? 0, latest.current.top)) },
      right: { range: (_, low, high) => upTo(high ?? 0) },
    },
    axes: [
      { ...axis, size: 26, gap: 4, space: 60, incrs: TIME_STEPS, grid: { show: false }, values: (_, ticks) => ticks.map(clock) },
      valueAxis(left),
      ...(right ? [{ ...valueAxis(right), scale: "right", side: 1, grid: { show: false } }] : []),
    ],
    series: [
      {},
      ...lines.map((line, at) => ({
        label: line.label,
        scale: line.right ? "right" : "y",
        stroke: line.undrawn ? "transparent" : strokes[at],
        fill: line.fill ? strokes[at].replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") : undefined,
        width: 1.75,
        dash: DASHES[line.dash ?? 0],
        spanGaps: true,
        points: { show: (made) => made.data[0].length === 1, size: 5 },
      })),
    ],
    hooks: {
      setCursor: [(made) => setAt(made.cursor.left >= 0 ? (made.cursor.idx ?? null) : null)],
      drawAxes: [(made) => drawGhost(made, latest.current.ghost, ghostColour)],
    },
  };
}

/** From zero to a little above the highest value; never an empty range. */
const upTo = (high) => [0, high > 0 ? high * 1.08 : 1];

function drawGhost(plot, points, colour) {
  if (!points?.length) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  for (const [second, value] of points) {
    ctx.lineTo(plot.valToPos(second, "x", true), plot.valToPos(value, "y", true));
  }
  ctx.stroke();
  ctx.restore();
}
