"""What `carga run` says at the end: the verdict, why, the numbers behind it, and where the report is."""

from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from carga.cli.terminal import cause_table, clock, columns, counted, number, plain
from carga.model.parts import SAMPLE
from carga.model.summary import MetricSummary, Summary, ThresholdResult
from carga.model.thresholds import unit_of
from carga.results.report_groups import sample_conclusion

VERDICT_STYLE = {
    "passed": "bold green",
    "failed": "bold red",
    "untrusted": "bold magenta",
    "interrupted": "bold yellow",
}
CAUSES_SHOWN = 10
_SHOWN_BESIDE_STEPS = ("iteration", "requests", "websocket.open")


def print_closing(console: Console, summary: Summary, out: Path) -> None:
    users = summary.users
    console.print()
    console.print(
        Text.assemble(
            (summary.verdict.upper(), VERDICT_STYLE[summary.verdict]),
            f"  {summary.plan}: {counted(users.peak, 'user')} at once, {clock(summary.duration_s)}",
        )
    )
    for reason in summary.reasons:
        console.print(Text("  ").append(plain(reason)))
    if summary.generator.forced and summary.generator.trusted:
        console.print(Text("  forced: ").append(plain(summary.generator.forced)))
    if shown := _metrics(summary):
        console.print()
        console.print(shown)
    if len(summary.groups) > 1:
        console.print()
        console.print(_groups(summary))
    for group in summary.groups:
        if group.full_sample is not None:
            console.print()
            words = sample_conclusion(group.full_sample.differences)
            console.print(Text("  ").append(plain(f"{group.name}: {words}" if len(summary.groups) > 1 else words)))
    if summary.thresholds:
        console.print()
        console.print(_thresholds(summary))
    if causes := _causes(summary):
        console.print()
        console.print(causes)
    console.print()
    for name in ("report.html", "summary.json", "junit.xml"):
        if (out / name).exists():
            console.print(f"  {name.split('.')[0]:8} {out / name}", markup=False, soft_wrap=True)


def _metrics(summary: Summary) -> Table | None:
    names = [name for name in summary.metrics if name.startswith("step.")]
    names += [name for name in _SHOWN_BESIDE_STEPS if name in summary.metrics]
    if not names:
        return None
    table = columns("  metric", "count", "failed", "p50", "p95", "p99", "max")
    for name in names:
        metric = summary.metrics[name]
        table.add_row(
            Text("  ").append(plain(name)),
            f"{metric.count:,}",
            Text(f"{metric.failed:,}", style="red" if metric.failed else "dim"),
            *(number(value) for value in (metric.p50, metric.p95, metric.p99)),
            number(metric.max, metric.unit),
        )
    return table


def _groups(summary: Summary) -> Table:
    table = columns("  group", "runs in", "started", "of", "iterations", "failed", "requests", "failed", left=2)
    for group in summary.groups:
        table.add_row(
            Text("  ").append(plain(group.name)),
            f"{group.engine}, frames {group.rendering}",
            f"{group.started:,}",
            Text(f"{group.users:,}", style="red" if group.failed_to_start else ""),
            *_attempts(group.metrics.get("iteration")),
            *_attempts(group.metrics.get("requests")),
        )
    return table


def _attempts(metric: MetricSummary | None) -> tuple[str, Text]:
    count, failed = (metric.count, metric.failed) if metric else (0, 0)
    return f"{count:,}", Text(f"{failed:,}", style="red" if failed else "dim")


def _thresholds(summary: Summary) -> Table:
    table = columns("  threshold", "measured", "", left=3)
    for result in summary.thresholds:
        table.add_row(
            Text("  ").append(plain(result.threshold)),
            _measured(result, summary),
            Text("held", style="green") if result.passed else Text("not held", style="bold red"),
        )
    return table


def _measured(result: ThresholdResult, summary: Summary) -> str:
    """The value in the unit that its statistic has."""
    if result.value is None:
        return "nothing"
    if result.statistic == "failed":
        return f"{result.value:.2%}"
    if result.statistic == "rate":
        return number(result.value, "/s")
    if result.statistic == "count":
        return f"{result.value:,g}"
    metric = summary.metrics.get(result.metric.removeprefix(SAMPLE))
    return number(result.value, metric.unit if metric else unit_of(result.metric) or "")


def _causes(summary: Summary) -> Group | None:
    causes = sorted(
        ((count, area, cause) for area, found in summary.causes.items() for cause, count in found.items()),
        key=lambda row: -row[0],
    )
    return cause_table(causes, shown_max=CAUSES_SHOWN, elsewhere="in the report", indent=2) if causes else None
