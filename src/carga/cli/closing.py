"""What `carga run` says at the end: the verdict, why, the numbers behind it, and where the report is."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carga.cli.terminal import clock, columns, counted, number, plain
from carga.model.summary import Summary

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
    if shown := _metrics(summary):
        console.print()
        console.print(shown)
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


def _thresholds(summary: Summary) -> Table:
    table = columns("  threshold", "measured", "", left=3)
    for result in summary.thresholds:
        table.add_row(
            Text("  ").append(plain(result.threshold)),
            "nothing" if result.value is None else number(result.value),
            Text("held", style="green") if result.passed else Text("not held", style="bold red"),
        )
    return table


def _causes(summary: Summary) -> Table | None:
    causes = sorted(
        ((count, area, cause) for area, found in summary.causes.items() for cause, count in found.items()),
        key=lambda row: -row[0],
    )
    if not causes:
        return None
    table = columns("  failures", "", left=2)
    for count, area, cause in causes[:CAUSES_SHOWN]:
        table.add_row(Text(f"  {count:,}", style="red"), plain(f"{area}: {cause}"))
    if len(causes) > CAUSES_SHOWN:
        table.add_row("", Text(f"and {len(causes) - CAUSES_SHOWN} more causes in the report", style="dim"))
    return table
