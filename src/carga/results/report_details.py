"""The part of a report that an engineer keeps: every table, the evidence, the plan, the machine."""

import base64
from collections.abc import Iterable

from carga.model.engines import ENGINES
from carga.model.parts import SAMPLE
from carga.model.plan import Group
from carga.model.summary import MetricSummary, Summary, ThresholdResult
from carga.model.thresholds import quantity, unit_of
from carga.model.windows import ErrorSample
from carga.results.broke import onsets
from carga.results.charts import reading_order
from carga.results.evidence import Picture, pictures
from carga.results.figures import NOTHING, amount, clock, count, duration, plural, share, size
from carga.results.hints import hint_for
from carga.results.html import Child, Html, clip, table, tag
from carga.results.read import Record
from carga.results.report_groups import rendering_of
from carga.results.verdict_view import pill

Section = tuple[str, str, Child]

CAUSES_MAX = 100
SAMPLES_MAX = 50
EVENTS_MAX = 200
WORKERS_MAX = 200
TEXT_MAX = 64 * 1024
"""Of the plan and of each behaviour."""

COUNTER_NAMES = {
    "requests": "Requests",
    "requests_failed": "Requests failed",
    "requests_from_cache": "Requests answered by the cache",
    "requests_cancelled": "Requests given up by the page",
    "bytes_received": "Received",
    "websockets_opened": "WebSockets opened",
    "websockets_closed": "WebSockets closed",
    "websockets_closed_abnormally": "WebSockets cut off",
    "websocket_messages_sent": "WebSocket messages sent",
    "websocket_messages_received": "WebSocket messages received",
    "websocket_bytes_sent": "WebSocket data sent",
    "websocket_bytes_received": "WebSocket data received",
    "page_errors": "Errors in pages",
    "navigations": "Pages loaded",
    "iterations": "Iterations",
    "iterations_failed": "Iterations failed",
    "steps_cut_off": "Steps cut off by the end",
    "actions": "Actions (keys, clicks, text)",
    "browser_crashes": "Browsers crashed",
    "page_crashes": "Pages crashed",
    "gpu_crashes": "GPU processes lost",
    "users_released": "Users released, memory ran low",
    "samples_dropped": "Samples dropped",
    "metrics_dropped": "Values beyond the limit of metrics",
}
_BYTES = ("bytes_received", "websocket_bytes_sent", "websocket_bytes_received")
_HURTING = (
    "requests_failed", "websockets_closed_abnormally", "page_errors", "iterations_failed", "browser_crashes",
    "page_crashes", "gpu_crashes", "users_released", "samples_dropped", "metrics_dropped",
)  # fmt: skip


def sections(record: Record, summary: Summary) -> list[Section]:
    return [
        ("thresholds", "Thresholds", _thresholds(summary)),
        ("failures", "Failures", _failures(record)),
        ("evidence", "Evidence", _evidence(record)),
        ("metrics", "Metrics", _metrics(summary)),
        ("counters", "Counters", _counters(summary)),
        ("events", "Events", _events(record)),
        ("setup", "Users, workers, machine", _setup(record, summary)),
        ("plan", "Plan", _plan(record)),
    ]


def _thresholds(summary: Summary) -> Child:
    if not summary.thresholds:
        return tag("p", "The plan names no thresholds.", class_="note")
    rows = [[result.threshold, _measured(result, summary), pill(result.passed)] for result in summary.thresholds]
    return table(["Must hold", "#Measured", ""], rows, narrow=True)


def _measured(result: ThresholdResult, summary: Summary) -> str:
    if result.value is None:
        return "nothing measured"
    metric = summary.metrics.get(result.metric.removeprefix(SAMPLE))
    return quantity(result.statistic, result.value, metric.unit if metric else unit_of(result.metric) or "")


def _failures(record: Record) -> Child:
    causes = [
        (amount_, area, cause) for area, counts in record.totals.causes.items() for cause, amount_ in counts.items()
    ]
    if not causes:
        return tag("p", "Nothing failed.", class_="note")
    causes.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    most = causes[0][0]
    firsts = {(onset.area, onset.what): onset for onset in onsets(record) if onset.area}
    rows: list[list[Child]] = []
    for number, area, cause in causes[:CAUSES_MAX]:
        first = firsts.get((area, cause))
        rows.append(
            [
                tag("span", clip(cause, 400), class_="mono"),
                area,
                count(number),
                _bar(number, most),
                clock(first.second) if first else NOTHING,
                count(first.users) if first else NOTHING,
                _hint(area, cause),
            ]
        )
    heads = ["Cause", "Area", "#Count", "", "#First at", "#Users then", "What it usually means, and where to look"]
    more = len(causes) - CAUSES_MAX
    return [
        table(heads, rows),
        tag("p", f"… and {plural(more, 'cause')} more in run.db.", class_="note") if more > 0 else None,
        _samples(record),
    ]


def _hint(area: str, cause: str) -> Child:
    hint = hint_for(area, cause)
    return [hint.meaning, tag("small", "Look at: ", hint.look_at)] if hint else NOTHING


def _bar(value: int, most: int) -> Html:
    """Attributes of SVG, since a style attribute would be refused by the page's own policy."""
    rect = tag("rect", width=f"{100 * value / most:.1f}%", height="100%", rx="3")
    return tag("svg", rect, class_="bar", aria_hidden="true")


def _samples(record: Record) -> Child:
    samples = record.totals.errors
    if not samples:
        return None
    rows = [
        [sample.area, tag("span", clip(sample.cause, 200), class_="mono"), clip(sample.message, 500),
         tag("span", clip(sample.where, 300), class_="mono"), count(sample.user)]
        for sample in _varied(record)
    ]  # fmt: skip
    shown = plural(len(rows), "sample")
    return tag(
        "details",
        tag("summary", f"{shown} of single failures, with messages and places"),
        table(["Area", "Cause", "Message", "Where", "#User"], rows),
    )


def _varied(record: Record) -> list[ErrorSample]:
    """First one sample of every cause, then the others, SAMPLES_MAX at most."""
    seen: set[tuple[str, str]] = set()
    first: list[ErrorSample] = []
    others: list[ErrorSample] = []
    for sample in record.totals.errors:
        (others if (sample.area, sample.cause) in seen else first).append(sample)
        seen.add((sample.area, sample.cause))
    return (first + others)[:SAMPLES_MAX]


def _evidence(record: Record) -> Child:
    if not record.evidence:
        return None
    found = pictures(record)
    figures = [_figure(picture) for picture in found]
    left = len(record.evidence) - len(found)
    note = (
        f"What the page showed when a step failed. {count(left)} more are in the folder evidence."
        if left
        else ("What the page showed when a step failed.")
    )
    return [tag("p", note, class_="section-note"), tag("div", figures, class_="pictures")]


def _figure(picture: Picture) -> Html:
    row = picture.row
    source = f"data:{picture.media_type};base64,{base64.b64encode(picture.image).decode()}"
    return tag(
        "figure",
        tag("img", src=source, alt=clip(f"Screen of user {row.user}: {row.name}", 200)),
        tag(
            "figcaption",
            tag("b", clip(row.name, 120)),
            clip(row.message, 300),
            tag("div", f"user {count(row.user)} at {clock(row.second)}", class_="note"),
        ),
    )


def _metrics(summary: Summary) -> Child:
    if not summary.metrics:
        return tag("p", "Nothing was measured.", class_="note")
    heads = ["Metric", "#Attempts", "#Failed", "#Min", "#Mean", "#p50", "#p90", "#p95", "#p99", "#Max"]
    rows = [_metric_row(name, summary.metrics[name]) for name in sorted(summary.metrics, key=reading_order)]
    note = "Percentiles are of the attempts that succeeded; a refused connection is quick for reasons of its own."
    return [tag("p", note, class_="section-note"), table(heads, rows)]


def _metric_row(name: str, metric: MetricSummary) -> list[Child]:
    values = (metric.min, metric.mean, metric.p50, metric.p90, metric.p95, metric.p99, metric.max)
    failed: Child = NOTHING
    if metric.failed:
        failed = tag("span", f"{count(metric.failed)} ({share(metric.failed, metric.count)})", class_="hurt-text")
    return [clip(name, 200), count(metric.count), failed, *(amount(value, metric.unit) for value in values)]


def _counters(summary: Summary) -> Child:
    def rows(names: Iterable[str]) -> list[list[Child]]:
        return [[counter_name(name), _counter(name, summary)] for name in names]

    names = list(summary.counters)
    half = (len(names) + 1) // 2
    halves = [table(["Counter", "#Sum"], rows(part)) for part in (names[:half], names[half:])]
    return tag("div", halves, class_="two")


def counter_name(name: str) -> str:
    return COUNTER_NAMES.get(name) or name.replace("_", " ").capitalize()


def counter_text(name: str, value: int) -> str:
    return size(value) if name in _BYTES else count(value)


def _counter(name: str, summary: Summary) -> Child:
    value = summary.counters[name]
    text = counter_text(name, value)
    return tag("span", text, class_="hurt-text") if value and name in _HURTING else text


def _events(record: Record) -> Child:
    if not record.events:
        return None
    rows = [
        [clock(event.elapsed_s), event.kind.replace("-", " "), clip(event.worker, 60), clip(event.message, 400)]
        for event in record.events[:EVENTS_MAX]
    ]
    more = len(record.events) - EVENTS_MAX
    return [
        table(["#At", "Event", "Worker", "Message"], rows),
        tag("p", f"… and {plural(more, 'event')} more in run.db.", class_="note") if more > 0 else None,
    ]


def _setup(record: Record, summary: Summary) -> Child:
    return [
        table(
            ["Group", "#Users", "Engine", "Isolation", "Rendering", "Input", "Behaviour"],
            [
                [clip(group.name, 100), count(group.count), group.engine, group.isolation, rendering_of(group),
                 _input_of(group), clip(group.behaviour, 200) or "the page drives itself"]
                for group in record.plan.groups
            ],
            caption="Groups of users",
        ),
        _workers(record, summary),
        tag("div", tag("h3", "Machine and versions"), _machine(record, summary), class_="card"),
    ]  # fmt: skip


def _input_of(group: Group) -> str:
    return "trusted, by the browser" if ENGINES[group.engine].trusted_input else "synthetic, by a script"


def _workers(record: Record, summary: Summary) -> Child:
    rows: list[list[Child]] = []
    for worker in summary.workers[:WORKERS_MAX]:
        totals = record.totals.workers.get(worker.id)
        values = (
            (f"{totals.cpu_percent_max:.0f} %", size(totals.memory_mb_max * 1e6), amount(totals.loop_lag_ms_max, "ms"))
            if totals
            else (NOTHING, NOTHING, NOTHING)
        )
        rows.append(
            [clip(worker.id, 100), count(worker.users_peak), *values, pill(not worker.lost, _fate(worker.lost))]
        )
    more = len(summary.workers) - WORKERS_MAX
    return [
        table(
            ["Worker", "#Users at once", "#CPU of its machine, max", "#Memory, max", "#Longest pause", ""],
            rows,
            caption="Workers",
        ),
        tag("p", f"… and {plural(more, 'worker')} more in summary.json.", class_="note") if more > 0 else None,
    ]


def _fate(lost: bool) -> str:
    return "lost" if lost else "there to the end"


def _machine(record: Record, summary: Summary) -> Html:
    machine, meta = record.meta.machine, record.meta
    browsers = ", ".join(f"{name} {version}" for name, version in sorted(meta.browsers.items()))
    pairs = [
        ("Host", machine.host),
        ("System", f"{machine.os}, kernel {machine.kernel}" if machine.kernel else machine.os),
        ("Processor", f"{machine.cpu}, {plural(machine.cores, 'core')}" if machine.cores else machine.cpu),
        ("Memory", size(machine.memory_mb * 2**20) if machine.memory_mb else ""),
        ("Browsers", browsers),
        ("carga", summary.carga),
        ("Python", machine.python),
        ("Run", meta.run),
        ("Started", summary.started_at),
        ("Load", f"{duration(summary.duration_s)} of {duration(record.plan.duration_s)} planned"),
        ("Seed", str(record.plan.seed)),
    ]
    return tag(
        "dl",
        [[tag("dt", name), tag("dd", clip(value, 300))] for name, value in pairs if value],
        class_="pairs",
    )


def _plan(record: Record) -> Child:
    return [
        tag("pre", clip(record.meta.plan_text, TEXT_MAX) or "(not kept)", tabindex="0"),
        [
            tag(
                "details",
                tag("summary", f"Behaviour {clip(name, 200)}"),
                tag("pre", clip(source, TEXT_MAX), tabindex="0"),
            )
            for name, source in sorted(record.meta.behaviours.items())
        ],
    ]
