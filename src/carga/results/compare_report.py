"""The page of two runs beside each other. A is the first run, B the second."""

from carga.results.charts import Axis, Chart, ChartData, Paint, Points, Series, View, metric_names, span_s
from carga.results.comparison import CauseChange, Change, Comparison
from carga.results.figures import NOTHING, amount, count, duration, share
from carga.results.html import Child, Html, clip, table, tag
from carga.results.page import page
from carga.results.read import Record
from carga.results.report import charts_section, navigation
from carga.results.report_details import counter_name, counter_text
from carga.results.timeline import MetricColumns, Timeline
from carga.results.verdict_view import icon, word

CAUSES_MAX = 100
_RULE = (
    "A change is called better or worse when it is more than 2 % and a block bootstrap over the seconds of both runs "
    "sees it with 99 % confidence; otherwise it is within noise. Lower is better, except for metrics that a behaviour "
    "records itself: those are only called changed."
)


def comparison_html(first: Record, second: Record, result: Comparison) -> str:
    data = _chart_data(first, second)
    sections: list[tuple[str, str, Child]] = [
        ("runs", "The two runs", _runs(first, second, result)),
        ("charts", "Over time", charts_section(data)),
        ("metrics", "Metrics", _metrics(result)),
        ("failures", "Failures", _failures(result)),
        ("counters", "Counters", _counters(result)),
    ]
    shown = [section for section in sections if section[2]]
    body = [
        tag("header", tag("div", _heading(result), class_="inner"), class_="neutral"),
        navigation([(anchor, title) for anchor, title, _ in shown]),
        tag("main", [tag("section", tag("h2", title), content, id=anchor) for anchor, title, content in shown]),
        tag("footer", f"Made by carga {result.second.carga} from the run.db of both runs."),
    ]
    return page(f"{result.first.plan} and {result.second.plan} compared", body, data)


def _heading(result: Comparison) -> list[Html]:
    judged = [change for change in result.changes if change.outcome in ("better", "worse")]
    worse = [change for change in judged if change.outcome == "worse"]
    better = len(judged) - len(worse)
    story = (
        f"From A to B, {count(len(worse))} of {count(len(result.changes))} compared figures got worse and "
        f"{count(better)} better; the others are within noise or cannot be compared."
    )
    title = tag("div", tag("div", tag("h1", "Comparison")), tag("div", class_="tools"), class_="verdict")
    reasons = sorted(worse, key=lambda change: -(change.change_percent or 1e9))[:5]
    return [
        title,
        tag("p", story, class_="story"),
        tag("ul", [tag("li", _sentence(it)) for it in reasons], class_="reasons"),
    ]


def _sentence(change: Change) -> str:
    percent = f" ({_percent(change)})" if change.change_percent is not None else ""
    what = "share of failures" if change.statistic == "failed" else change.statistic
    first, second = _value(change, change.first), _value(change, change.second)
    return f"{clip(change.metric, 100)}: {what} went from {first} to {second}{percent}."


def _runs(first: Record, second: Record, result: Comparison) -> Html:
    a, b = result.first, result.second
    rows: list[list[Child]] = [
        ["Verdict", *(tag("span", icon(it.verdict), word(it.verdict), class_=f"pill {it.verdict}") for it in (a, b))],
        ["Why", *(clip(" ".join(it.reasons) or NOTHING, 600) for it in (a, b))],
        ["Plan", a.plan, b.plan],
        ["Target", *(tag("span", clip(it.plan.target.url, 200), class_="mono") for it in (first, second))],
        ["Started", a.started_at, b.started_at],
        ["Load", duration(a.duration_s), duration(b.duration_s)],
        ["Users at once", *(f"{count(it.users.peak)} of {count(it.users.planned)}" for it in (a, b))],
        ["Generator", *("trusted" if it.generator.trusted else "too slow to believe" for it in (a, b))],
        [
            "Browsers",
            *(", ".join(f"{k} {v}" for k, v in it.meta.browsers.items()) or NOTHING for it in (first, second)),
        ],
        ["Host", *(f"{it.meta.machine.host}, {it.meta.machine.cpu}".strip(", ") or NOTHING for it in (first, second))],
        ["Folder", str(first.folder), str(second.folder)],
    ]
    same = first.meta.plan_text == second.meta.plan_text
    note = None if same else tag("p", "The two plans differ: not every change is the target's.", class_="section-note")
    return tag("div", note, table(["", "A", "B"], rows))


def _metrics(result: Comparison) -> Child:
    by_metric: dict[str, dict[str, Change]] = {}
    for change in result.changes:
        by_metric.setdefault(change.metric, {})[change.statistic] = change
    rows = []
    for name, changes in by_metric.items():
        counts = [it.metrics[name].count if name in it.metrics else None for it in (result.first, result.second)]
        row: list[Child] = [clip(name, 200), *(NOTHING if it is None else count(it) for it in counts)]
        for statistic in ("p50", "p95", "failed"):
            change = changes[statistic]
            row += [_value(change, change.first), _value(change, change.second), _outcome(change)]
        rows.append(row)
    heads = ["Metric", "#Count A", "#B", "#p50 A", "#B", "", "#p95 A", "#B", "", "#Failed A", "#B", ""]
    return [tag("p", _RULE, class_="section-note"), table(heads, rows)] if rows else None


def _value(change: Change, value: float | None) -> str:
    if change.statistic == "failed" and value is not None:
        return share(value, 1.0)
    return amount(value, change.unit)


def _outcome(change: Change) -> Child:
    if change.outcome == "only in one":
        return NOTHING
    if change.first == change.second:
        return tag("span", "the same", class_="note")
    class_ = change.outcome if change.outcome in ("better", "worse") else "note"
    return tag("span", f"{_percent(change)} {change.outcome}".strip(), class_=class_)


def _percent(change: Change) -> str:
    return "" if change.change_percent is None else f"{change.change_percent:+.3g} %"


def _failures(result: Comparison) -> Child:
    if not result.causes:
        return tag("p", "Nothing failed in either run.", class_="note")

    def row(change: CauseChange) -> list[Child]:
        new = "only in B" if not change.first else "only in A" if not change.second else ""
        cause = tag("span", clip(change.cause, 300), class_="mono")
        return [cause, change.area, count(change.first), count(change.second), new]

    more = len(result.causes) - CAUSES_MAX
    return [
        table(["Cause", "Area", "#A", "#B", ""], [row(change) for change in result.causes[:CAUSES_MAX]]),
        tag("p", f"… and {count(more)} more causes.", class_="note") if more > 0 else None,
    ]


def _counters(result: Comparison) -> Html:
    rows: list[list[Child]] = [
        [
            counter_name(it.counter),
            counter_text(it.counter, it.first),
            counter_text(it.counter, it.second),
            NOTHING if it.change_percent is None else f"{it.change_percent:+.3g} %",
        ]
        for it in result.counters
    ]
    return table(["Counter", "#A", "#B", "#Change"], rows, narrow=True)


def _chart_data(first: Record, second: Record) -> ChartData:
    a, b = first.timeline, second.timeline
    axis = Axis(max(span_s(first), span_s(second)))

    def rates(counter: str) -> list[Series]:
        points = [axis.rate(line.second, line.counters[counter]) for line in (a, b)]
        return [Series("A", points[0], "c1", unit="/s"), Series("B", points[1], "c2", unit="/s")]

    users = [
        Series("A", axis.worst(a.second, a.users_running), "c1"),
        Series("B", axis.worst(b.second, b.users_running), "c2"),
    ]
    names = list(dict.fromkeys([*metric_names(a), *metric_names(b)]))
    charts = [
        Chart("users", "Users running", [View("users", users)]),
        Chart("throughput", "Requests", [View("requests", rates("requests"))]),
        Chart("percentiles", "Response times", [_view(name, a, b, axis) for name in names]),
        Chart("failures", "Requests failed", [View("failed", rates("requests_failed"))]),
        Chart("websockets", "WebSockets cut off", [View("cut off", rates("websockets_closed_abnormally"))]),
    ]
    has_data = bool(a.second or b.second)
    return ChartData(axis.seconds, axis.step_s, [it for it in charts if has_data and it.views], marks=[])


def _view(name: str, a: Timeline, b: Timeline, axis: Axis) -> View:
    series: list[Series] = []
    runs: tuple[tuple[str, Timeline, Paint], ...] = (("A", a, "c1"), ("B", b, "c2"))
    for label, line, paint in runs:
        columns = line.metrics.get(name)
        if columns is not None:
            series.append(Series(f"{label} p95", _points(columns, "p95", axis), paint, unit=columns.unit))
            series.append(Series(f"{label} p50", _points(columns, "p50", axis), paint, unit=columns.unit, dash=True))
    return View(name, series)


def _points(columns: MetricColumns, statistic: str, axis: Axis) -> Points:
    return axis.worst(columns.second, columns.p95 if statistic == "p95" else columns.p50)
