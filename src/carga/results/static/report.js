// Draws the charts of a report. Stands in one module with uPlot, from which it takes the name `uPlot`.
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const HEIGHT = 218;
  const HEIGHT_WIDE = 258;
  const LABEL_PX_MIN = 86; // marks closer than this share a label
  const MARKS = {
    "worker-lost": ["worker lost", "bad"],
    "users-moved": ["users moved", "warn"],
    "coordinator-restarted": ["coordinator restarted", "warn"],
    "stop-requested": ["stop", "muted"],
  };
  const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const plots = [];

  const paint = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const two = (number) => String(number).padStart(2, "0");

  function clock(second) {
    const hours = Math.floor(second / 3600);
    const minutes = Math.floor(second / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(Math.floor(second) % 60)}` : `${minutes}:${two(Math.floor(second) % 60)}`;
  }

  function digits(value) {
    const size = Math.abs(value);
    if (size >= 1e9) return `${trim(value / 1e9)}G`;
    if (size >= 1e6) return `${trim(value / 1e6)}M`;
    if (size >= 1e4) return `${trim(value / 1e3)}k`;
    return trim(value);
  }

  function trim(value) {
    const size = Math.abs(value);
    return String(+value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2));
  }

  function amount(value, unit) {
    if (value === null || value === undefined) return "–";
    if (unit === "ms" && Math.abs(value) >= 10000) return `${trim(value / 1000)} s`;
    if (unit === "/s") return `${digits(value)}/s`;
    return unit ? `${digits(value)} ${unit}` : digits(value);
  }

  // Vertical lines for what happened to the run, horizontal ones for limits.
  function annotations(view) {
    return {
      hooks: {
        draw: (plot) => {
          const { ctx, bbox } = plot;
          const ratio = devicePixelRatio;
          ctx.save();
          ctx.font = `${11 * ratio}px system-ui, sans-serif`;
          ctx.textBaseline = "alphabetic";
          ctx.lineWidth = ratio;
          ctx.setLineDash([4 * ratio, 3 * ratio]);
          let labelEnd = -Infinity;
          for (const mark of data.marks) {
            const left = Math.round(plot.valToPos(mark.second, "x", true));
            if (left < bbox.left || left > bbox.left + bbox.width) continue;
            const [name, colour] = MARKS[mark.kind] ?? [mark.kind, "muted"];
            ctx.strokeStyle = ctx.fillStyle = paint(colour);
            line(ctx, left, bbox.top, left, bbox.top + bbox.height);
            if (left < labelEnd) continue;
            const atRight = left + LABEL_PX_MIN * ratio > bbox.left + bbox.width;
            ctx.textAlign = atRight ? "right" : "left";
            ctx.fillText(name, left + (atRight ? -4 : 4) * ratio, bbox.top + 10 * ratio);
            labelEnd = left + LABEL_PX_MIN * ratio;
          }
          for (const limit of view.lines ?? []) {
            const scale = view.series[0].unit || "n";
            const top = Math.round(plot.valToPos(limit.value, scale, true));
            if (top < bbox.top || top > bbox.top + bbox.height) continue;
            ctx.strokeStyle = ctx.fillStyle = paint("bad");
            line(ctx, bbox.left, top, bbox.left + bbox.width, top);
            ctx.textAlign = "right";
            ctx.fillText(limit.label, bbox.left + bbox.width - 4 * ratio, top - 4 * ratio);
          }
          ctx.restore();
        },
      },
    };
  }

  function line(ctx, x1, y1, x2, y2) {
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
    ctx.stroke();
  }

  function seriesOptions(series) {
    const colour = paint(series.paint);
    return {
      label: series.label,
      scale: series.unit || "n",
      stroke: colour,
      width: 1.6,
      dash: series.dash ? [5, 4] : undefined,
      fill: series.fill ? `${colour}1f` : undefined,
      paths: series.step ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: data.seconds.length < 40, size: 4 },
      value: (_, value) => amount(value, series.unit),
    };
  }

  function axes(view) {
    const grid = { stroke: paint("line-soft"), width: 1 };
    const common = { stroke: paint("muted"), ticks: { show: false }, font: "11.5px system-ui, sans-serif" };
    const units = [...new Set(view.series.map((series) => series.unit || "n"))];
    return [
      { ...common, grid, size: 30, gap: 8, incrs: TIME_STEPS, space: 64, values: (_, ticks) => ticks.map(clock) },
      ...units.slice(0, 2).map((unit, place) => ({
        ...common,
        scale: unit,
        side: place ? 1 : 3,
        grid: place ? { show: false } : grid,
        size: 54,
        gap: 4,
        values: (_, ticks) => ticks.map((tick) => amount(tick, unit === "n" ? "" : unit)),
      })),
    ];
  }

  function scales(view) {
    const all = { x: { time: false } };
    for (const series of view.series) {
      const unit = series.unit || "n";
      // From zero up, and high enough that limits that are near can be seen.
      all[unit] ??= {
        range: (_, low, high) => {
          const limits = (view.lines ?? []).map((limit) => limit.value).filter((value) => value < (high || 1) * 2.5);
          const top = Math.max(high || 0, ...(unit === (view.series[0].unit || "n") ? limits : []));
          return [0, (top || 1) * 1.12];
        },
      };
    }
    return all;
  }

  function draw(entry) {
    entry.plot?.destroy();
    const { chart, holder, figure } = entry;
    const view = chart.views[entry.chosen];
    const wide = figure.classList.contains("wide");
    entry.plot = new uPlot(
      {
        width: holder.clientWidth,
        height: wide ? HEIGHT_WIDE : HEIGHT,
        scales: scales(view),
        axes: axes(view),
        series: [{ label: "at", value: (_, second) => (second === null ? "–" : clock(second)) }, ...view.series.map(seriesOptions)],
        cursor: { sync: { key: "run" }, drag: { x: true, y: false }, points: { size: 6 } },
        plugins: [annotations(view)],
      },
      [data.seconds, ...view.series.map((series) => series.values)],
      holder,
    );
    for (const head of holder.querySelectorAll(".u-legend th")) {
      head.tabIndex = 0;
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          event.stopPropagation();
          head.click();
        }
      });
    }
  }

  // Left and right walk through the seconds, Escape shows the whole run again.
  function onKey(event, entry) {
    const plot = entry.plot;
    if (event.target !== entry.figure || !plot) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (step) {
      event.preventDefault();
      const last = data.seconds.length - 1;
      const index = Math.min(last, Math.max(0, (plot.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step));
      plot.setCursor({ left: plot.valToPos(data.seconds[index], "x"), top: 10 }, true, true);
    } else if (event.key === "Escape") {
      plot.setData(plot.data);
    }
  }

  function mount(chart) {
    const figure = document.getElementById(`chart-${chart.id}`);
    if (!figure) return;
    const entry = { chart, figure, holder: figure.querySelector(".plot"), chosen: 0, plot: null };
    if (chart.views.length > 1) {
      const select = document.createElement("select");
      select.setAttribute("aria-label", `${chart.title}: what to show`);
      select.append(...chart.views.map((view, place) => new Option(view.name, String(place))));
      select.addEventListener("change", () => {
        entry.chosen = Number(select.value);
        draw(entry);
      });
      figure.querySelector("figcaption").append(select);
    }
    figure.tabIndex = 0;
    figure.addEventListener("keydown", (event) => onKey(event, entry));
    plots.push(entry);
    draw(entry);
    new ResizeObserver(() => {
      const width = entry.holder.clientWidth;
      if (width && width !== entry.plot.width) entry.plot.setSize({ width, height: entry.plot.height });
    }).observe(entry.holder);
  }

  const redraw = () => plots.forEach(draw);
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";

  function addThemeButton() {
    const button = document.createElement("button");
    const name = () => (button.textContent = isDark() ? "Light" : "Dark");
    button.type = "button";
    button.title = "Switch between light and dark";
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
      redraw();
    });
    systemDark.addEventListener("change", () => {
      name();
      redraw();
    });
    name();
    document.querySelector(".tools")?.append(button);
  }

  // Paper is white, and has nothing to unfold.
  let themeOnScreen;
  addEventListener("beforeprint", () => {
    themeOnScreen = root.dataset.theme;
    root.dataset.theme = "light";
    for (const details of document.querySelectorAll("details")) details.open = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    if (themeOnScreen) root.dataset.theme = themeOnScreen;
    else delete root.dataset.theme;
    redraw();
  });

  addThemeButton();
  data.charts.forEach(mount);
}
