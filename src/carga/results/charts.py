"""The data of a report's charts: the timeline thinned to POINTS_MAX points. Pure; `static/report.js` draws it.

A thinned point stands for several seconds: rates are their mean, everything else is the worst of them, because a
mean hides the second that hurt.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from carga.model.profile import LoadProfile
from carga.model.thresholds import VALUE_STATISTICS
from carga.results.read import Event, Record
from carga.results.timeline import MetricColumns, Timeline

POINTS_MAX = 900
VIEWS_MAX = 80
"""Metrics to choose from in a chart; steps come first."""
CAUSES_MAX = 8
"""Causes that get a line of their own, the most frequent first."""
MARKS_MAX = 60

Paint = Literal["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "muted", "good", "warn", "bad"]
Points = list[float | None]
PALETTE: tuple[Paint, ...] = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
MARKED = ("worker-lost", "users-moved", "coordinator-restarted", "stop-requested")
"""Kinds of events that are marked on the charts."""
_SIGNS = {"<=": "≤", ">=": "≥"}
_FAMILIES = (
    "step.",
    "iteration",
    "requests",
    "request.",
    "websocket.",
    "navigation.",
    "vitals.",
    "custom.",
    "long_task",
    "",
)


class Series(msgspec.Struct, frozen=True, omit_defaults=True):
    label: str
    values: Points
    paint: Paint
    unit: str = ""
    dash: bool = False
    fill: bool = False
    step: bool = False


class Line(msgspec.Struct, frozen=True):
    """A limit, drawn across the chart."""

    label: str
    value: float


class View(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    series: list[Series]
    lines: list[Line] = []


class Chart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of `views` is shown; with more than one there is a choice."""

    id: str
    title: str
    views: list[View]
    note: str = ""


class Mark(msgspec.Struct, frozen=True):
    second: float
    kind: str
    text: str


class ChartData(msgspec.Struct, frozen=True):
    seconds: list[int]
    """Of the run, for each point."""
    step_s: int
    charts: list[Chart]
    marks: list[Mark]


class Axis:
    """Puts seconds of a run onto the points of a chart."""

    def __init__(self, span_s: int) -> None:
        self.step_s = max(1, math.ceil(span_s / POINTS_MAX))
        self.length = math.ceil(span_s / self.step_s)
        self.seconds = [point * self.step_s for point in range(self.length)]

    def worst(self, seconds: Sequence[int], values: Iterable[float]) -> Points:
        """The highest value of each point; None where there is none."""
        points: Points = [None] * self.length
        for second, value in zip(seconds, values, strict=True):
            place = second // self.step_s
            if place < self.length and math.isfinite(value):
                before = points[place]
                points[place] = _short(value if before is None else max(before, value))
        return points

    def rate(self, seconds: Sequence[int], counts: Iterable[float], covered: Sequence[int] | None = None) -> Points:
        """The mean of each point's seconds. `covered` are all that were measured, those without a count are 0."""
        sums: dict[int, float] = {}
        for second, count in zip(seconds, counts, strict=True):
            sums[second // self.step_s] = sums.get(second // self.step_s, 0.0) + count
        lengths: dict[int, int] = {}
        for second in seconds if covered is None else covered:
            lengths[second // self.step_s] = lengths.get(second // self.step_s, 0) + 1
        return [
            _short(sums.get(place, 0.0) / lengths[place]) if place in lengths else None for place in range(self.length)
        ]

    def planned(self, record: Record) -> Points:
        profile, until_s = LoadProfile(record.plan.stages), record.plan.duration_s
        return [float(profile.users_at(second)) if second < until_s else None for second in self.seconds]


def span_s(record: Record) -> int:
    line = record.timeline
    return max(line.second[-1] + 1 if line.second else 0, math.ceil(record.duration_s))


def chart_data(record: Record) -> ChartData:
    axis = Axis(span_s(record))
    line = record.timeline
    charts = [
        _users(record, axis),
        _throughput(line, axis),
        Chart("percentiles", "Response times", _percentiles(record, axis)),
        _failures(line, axis),
        _websockets(line, axis),
        _generator(line, axis),
        _resources(line, axis),
    ]
    return ChartData(
        seconds=axis.seconds,
        step_s=axis.step_s,
        charts=[chart for chart in charts if line.second and any(view.series for view in chart.views)],
        marks=[_mark(event) for event in record.events if event.kind in MARKED][:MARKS_MAX],
    )


def metric_names(line: Timeline) -> list[str]:
    """Those worth a view, steps first; the generator's have a chart of their own."""
    names = [name for name in line.metrics if not name.startswith("generator.")]
    return sorted(names, key=reading_order)[:VIEWS_MAX]


def reading_order(metric: str) -> tuple[int, str]:
    """Sorts metrics as people ask for them: what users did first, the generator last."""
    return next(place for place, prefix in enumerate(_FAMILIES) if metric.startswith(prefix)), metric


def _users(record: Record, axis: Axis) -> Chart:
    line = record.timeline
    running = axis.worst(line.second, line.users_running)
    series = [
        Series("planned", axis.planned(record), "muted", dash=True),
        Series("running", running, "c1", fill=True),
    ]
    return Chart("users", "Users", [View("users", series)])


def _throughput(line: Timeline, axis: Axis) -> Chart:
    series = [
        Series("requests", axis.rate(line.second, line.counters["requests"]), "c1", unit="/s"),
        Series("actions", axis.rate(line.second, line.counters["actions"]), "c3", unit="/s"),
        Series("iterations", axis.rate(line.second, line.counters["iterations"]), "c4", unit="/s"),
    ]
    return Chart("throughput", "Throughput", [View("throughput", series)])


def _percentiles(record: Record, axis: Axis) -> list[View]:
    line = record.timeline
    views = []
    for name in metric_names(line):
        columns = line.metrics[name]
        limits = [
            Line(f"{limit.statistic} {_SIGNS[limit.op]} {limit.limit:g} {columns.unit}", limit.limit)
            for limit in record.plan.thresholds
            if limit.metric == name and limit.statistic in VALUE_STATISTICS
        ]
        series = [
            Series("p50", axis.worst(columns.second, columns.p50), "c3", unit=columns.unit),
            Series("p95", axis.worst(columns.second, columns.p95), "c1", unit=columns.unit),
            Series("p99", axis.worst(columns.second, columns.p99), "c2", unit=columns.unit),
            *_failed(columns, line, axis),
        ]
        views.append(View(name, series, limits))
    return views


def _failed(columns: MetricColumns, line: Timeline, axis: Axis) -> list[Series]:
    if not any(columns.failed):
        return []
    return [Series("failed", axis.rate(columns.second, columns.failed, line.second), "bad", unit="/s", step=True)]


def _failures(line: Timeline, axis: Axis) -> Chart:
    frequent = sorted(line.causes.items(), key=lambda item: -sum(item[1].count))
    series = [
        Series(
            f"{cause[:60]} ({area})",
            axis.rate(columns.second, columns.count, line.second),
            paint,
            unit="/s",
            step=True,
        )
        for ((area, cause), columns), paint in zip(frequent, PALETTE, strict=False)
    ]
    note = f"the {CAUSES_MAX} most frequent of {len(frequent)}" if len(frequent) > CAUSES_MAX else ""
    return Chart("failures", "Failures by cause", [View("failures", series)] if series else [], note)


def _websockets(line: Timeline, axis: Axis) -> Chart:
    if not any(line.counters["websockets_opened"]) and not any(line.websockets_open):
        return Chart("websockets", "WebSockets", [])
    abnormal = axis.rate(line.second, line.counters["websockets_closed_abnormally"])
    received = axis.rate(line.second, line.counters["websocket_messages_received"])
    series = [
        Series("open", axis.worst(line.second, line.websockets_open), "c1", fill=True),
        Series("messages received", received, "c3", unit="/s"),
        Series("closed abnormally", abnormal, "bad", unit="/s", step=True),
    ]
    return Chart("websockets", "WebSockets", [View("websockets", series)])


def _generator(line: Timeline, axis: Axis) -> Chart:
    late = line.metrics.get("generator.timer_late")
    series = [Series("worker pause", axis.worst(line.second, line.loop_lag_ms), "c3", unit="ms")]
    if late is not None:
        series.insert(0, Series("page timers late, p99", axis.worst(late.second, late.p99), "c2", unit="ms"))
    waited = [
        Series("waited for a core, for each second of work", axis.worst(line.second, line.core_wait), "c1", unit="s"),
        Series("processes that run or wait", axis.worst(line.second, line.processes_waiting), "c4"),
    ]
    views = [View("lateness", series), *([View("waiting for a core", waited)] if any(line.core_wait) else [])]
    return Chart("generator", "Generator: was it on time?", views)


def _resources(line: Timeline, axis: Axis) -> Chart:
    series = [
        Series("CPU of the busiest machine", axis.worst(line.second, line.cpu_percent), "c1", unit="%", fill=True),
        Series("memory of all workers", axis.worst(line.second, line.memory_mb), "c4", unit="MB"),
    ]
    return Chart("resources", "Generator: CPU and memory", [View("resources", series)])


def _mark(event: Event) -> Mark:
    return Mark(second=event.elapsed_s, kind=event.kind, text=event.message[:200])


def _short(value: float) -> float:
    """Four digits that count: more cannot be seen, and they cost half the file."""
    return float(f"{value:.4g}")
