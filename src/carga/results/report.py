"""`report.html`: on top what a manager reads, below what an engineer keeps."""

from carga.model.summary import Summary
from carga.results import report_details as details
from carga.results import report_groups as groups
from carga.results.broke import Onset, onsets
from carga.results.charts import ChartData, chart_data
from carga.results.figures import amount, clock, count, duration, plural, share, size
from carga.results.hints import hint_for
from carga.results.html import Child, Html, clip, join, table, tag
from carga.results.page import page
from carga.results.read import Record
from carga.results.verdict_view import explanation, icon, word

ONSETS_MAX = 12
REASONS_MAX = 20
_WIDE = ("percentiles",)
_ENGINES = {"chromium": "Chromium", "light": "Lightpanda", "firefox": "Firefox", "webkit": "WebKit"}


def report_html(record: Record, summary: Summary) -> str:
    data = chart_data(record)
    sections = [
        ("figures", "Key figures", _figures(record, summary)),
        ("broke", "What broke first", _broke(record)),
        ("charts", "The run over time", charts_section(data)),
        *groups.sections(summary),
        *details.sections(record, summary),
    ]
    shown = [(anchor, title, content) for anchor, title, content in sections if content]
    body = [
        tag("a", "Skip to the details", href="#thresholds", class_="skip"),
        _header(record, summary),
        navigation([(anchor, title) for anchor, title, _ in shown]),
        tag("main", [_section(*section) for section in shown]),
        tag(
            "footer",
            f"Made by carga {summary.carga} from run.db, which holds every number in full and can be asked with SQL.",
        ),
    ]
    return page(f"{word(summary.verdict)}: {summary.plan}", body, data)


def navigation(entries: list[tuple[str, str]]) -> Html:
    links = [tag("a", title, href=f"#{anchor}") for anchor, title in entries]
    return tag("nav", tag("div", links, class_="inner"), aria_label="Sections")


def charts_section(data: ChartData) -> Child:
    """Figures that `static/report.js` fills; None without data."""
    if not data.charts:
        return None
    wide = [chart for chart in data.charts if chart.id in _WIDE]
    if (len(data.charts) - len(wide)) % 2:
        wide.append(data.charts[-1])  # would stand alone in its row
    figures = [
        tag(
            "figure",
            tag(
                "figcaption",
                tag("h3", chart.title),
                tag("span", chart.note, class_="note") if chart.note else None,
            ),
            tag("div", class_="plot"),
            class_="chart wide" if chart in wide else "chart",
            id=f"chart-{chart.id}",
            aria_label=f"{chart.title} over the time of the run. Left and right move through the seconds.",
            role="group",
        )
        for chart in data.charts
    ]
    thinned = (
        f" One point stands for {data.step_s} seconds: rates are their mean, all else is the worst of them."
        if data.step_s > 1
        else ""
    )
    note = f"Drag over a chart to look closer, double-click for the whole run.{thinned}"
    return [
        tag("p", note, class_="section-note"),
        tag("noscript", tag("p", "The charts need JavaScript. Everything else on this page does not.")),
        tag("div", figures, class_="charts"),
    ]


def _section(anchor: str, title: str, content: Child) -> Html:
    heading = None if anchor == "figures" else tag("h2", title)
    return tag("section", heading, content, id=anchor, aria_label=title if heading is None else None)


def _header(record: Record, summary: Summary) -> Html:
    reasons = explanation(summary)
    more = len(reasons) - REASONS_MAX
    shown = [*reasons[:REASONS_MAX], *([f"… and {more} more reasons in summary.json."] if more > 0 else [])]
    return tag(
        "header",
        tag(
            "div",
            tag(
                "div",
                icon(summary.verdict),
                tag(
                    "div",
                    tag("h1", word(summary.verdict)),
                    tag("p", "Load test ", tag("b", summary.plan), f" · {_day(summary.started_at)}", class_="run"),
                ),
                tag("div", class_="tools"),
                class_="verdict",
            ),
            tag("p", _story(record, summary), class_="story"),
            tag("ul", [tag("li", clip(reason, 1000)) for reason in shown], class_="reasons"),
            class_="inner",
        ),
        class_=summary.verdict,
    )


def _story(record: Record, summary: Summary) -> Child:
    """What was done to whom, when, how long and with what: one or two sentences."""
    plan, users = record.plan, summary.users
    engines = sorted({group.engine for group in plan.groups})
    browsers = " and ".join(f"{_ENGINES[name]} {record.meta.browsers.get(name, '')}".strip() for name in engines)
    planned = "" if users.started == users.planned else f" of {count(users.planned)} planned"
    if not users.started:
        return [
            "None of ",
            tag("b", plural(users.planned, "user")),
            " could open ",
            tag("code", clip(plan.target.url, 300)),
            ".",
        ]
    workers = len(summary.workers)
    host = record.meta.machine.host
    with_what = f"{browsers}, run by {plural(workers, 'worker')}{f' on {host}' if host and workers <= 1 else ''}"
    return [
        tag("b", f"{count(users.started)}{planned} {'user' if users.planned == 1 else 'users'}"),
        " opened ",
        tag("code", clip(plan.target.url, 300)),
        f" for {duration(summary.duration_s)}",
        *([f" of {duration(plan.duration_s)} planned"] if summary.duration_s < plan.duration_s - 1 else []),
        f" in {with_what}.",
    ]


def _figures(record: Record, summary: Summary) -> Html:
    counters, users, seconds = summary.counters, summary.users, max(summary.duration_s, 1.0)
    requests = summary.metrics.get("requests")
    failed = requests.failed if requests else counters["requests_failed"]
    attempts = requests.count if requests else counters["requests"]
    late = summary.generator.timer_late_p99_ms
    missing = (
        f"{count(users.failed_to_start)} failed to start" if users.failed_to_start else f"of {count(users.planned)}"
    )
    tiles: list[tuple[str, str, str, bool]] = [
        ("Users at once", count(users.peak), missing, users.failed_to_start > 0),
        ("Requests", count(attempts), f"{amount(attempts / seconds, '')}/s", False),
        ("Requests failed", share(failed, attempts), f"{count(failed)} of {count(attempts)}", failed > 0),
        *_slowest_step(summary),
        ("Actions", count(counters["actions"]), f"{amount(counters['actions'] / seconds, '')}/s", False),
    ]
    if counters["websockets_opened"]:
        cut = counters["websockets_closed_abnormally"]
        most = count(max(record.timeline.websockets_open, default=0))
        tiles.append(
            ("WebSockets cut off", count(cut), f"up to {most} open", True)
            if cut
            else ("WebSockets open", most, "none cut off", False)
        )
    tiles += [
        ("Received", size(counters["bytes_received"]), f"{size(counters['bytes_received'] / seconds)}/s", False),
        ("Page errors", count(counters["page_errors"]), "in the application", counters["page_errors"] > 0),
        (
            "Generator late",
            amount(late, "ms"),
            "p99 of page timers" if summary.generator.trusted else "too slow to believe",
            not summary.generator.trusted,
        ),
    ]
    return tag(
        "dl",
        [
            tag("div", tag("dt", name), tag("dd", value, tag("small", note)), class_="hurt" if hurts else None)
            for name, value, note, hurts in tiles
        ],
        class_="figures",
    )


def _slowest_step(summary: Summary) -> list[tuple[str, str, str, bool]]:
    steps = [(metric.p95, name) for name, metric in summary.metrics.items() if name.startswith("step.") and metric.p95]
    if not steps:
        return []
    p95, name = max(steps)
    missed = any(result.metric == name and not result.passed for result in summary.thresholds)
    return [("Slowest step, p95", amount(p95, "ms"), clip(name.removeprefix("step."), 40), missed)]


def _broke(record: Record) -> Child:
    found = onsets(record)
    if not record.timeline.second:
        return tag("p", "Nothing was measured: no user ran.", class_="lead")
    if not found:
        most = count(record.timeline.users_peak)
        return tag("p", f"Nothing. No request, step, WebSocket or page failed with up to {most} users.", class_="lead")
    rows = [_onset_row(onset) for onset in found[:ONSETS_MAX]]
    more = len(found) - ONSETS_MAX
    return [
        tag("p", _first_trouble(record, found[0]), class_="lead"),
        table(["#At", "#Users then", "What", "Where", "#In all"], rows),
        tag("p", f"… and {plural(more, 'cause')} later; all of them are under Failures.", class_="note")
        if more > 0
        else None,
    ]


def _first_trouble(record: Record, first: Onset) -> Child:
    peak = record.timeline.users_peak
    when = "in the first second" if first.second == 0 else f"after {clock(first.second)}"
    load = (
        f"with {plural(first.users, 'user')} running" if first.users < peak else f"with all {count(peak)} users running"
    )
    hint = hint_for(first.area, first.what)
    return [
        f"The first trouble came {when}, {load}: ",
        tag("b", clip(first.what, 200)),
        ". ",
        f"{hint.meaning} Look at: {hint.look_at}" if hint else "",
    ]


def _onset_row(onset: Onset) -> list[Child]:
    if onset.area:
        what: Child = tag("span", clip(onset.what, 300), class_="mono")
        return [clock(onset.second), count(onset.users), what, onset.area, count(onset.count)]
    what = join(["over its limit to stay: ", tag("span", clip(onset.what, 300), class_="mono")])
    return [clock(onset.second), count(onset.users), what, "threshold", f"{count(onset.count)} s"]


def _day(started_at: str) -> str:
    """`2026-01-02T03:04:05Z` as `2026-01-02 03:04:05 UTC`; anything else as it is."""
    day, _, time = started_at.partition("T")
    return f"{day} {time.removesuffix('Z')[:8]} UTC" if time.endswith("Z") else clip(started_at, 40)
