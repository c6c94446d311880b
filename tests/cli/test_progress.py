import io

from rich.console import Console, RenderableType

from carga.cli.closing import print_closing
from carga.cli.progress import LINE_EVERY_S, Display, Lines, Silent, choose_progress, panel, status_line
from carga.cli.terminal import bytes_text, clean, clock, counted, number
from carga.model.summary import GeneratorSummary, MetricSummary, Summary, ThresholdResult, UsersSummary
from carga.wire.live import CauseCount, Live, Percentiles, UserCounts, WorkerInfo


def live(elapsed_s: float = 10.0, **changes: object) -> Live:
    steps = {"step.open guide": Percentiles("ms", 4011, 2, 9.0, 8.0, 19.9, 41.0, 102.0)}
    fields: dict[str, object] = {
        "type": "live",
        "state": "running",
        "second": int(elapsed_s),
        "elapsed_s": elapsed_s,
        "users": UserCounts(planned=120, total=200, running=118, starting=2),
        "actions_per_s": 118.2,
        "requests_per_s": 1204.3,
        "bytes_per_s": 3.1e6,
        "websockets_open": 117,
        "metrics": steps,
        "totals": steps,
        "counters": {},
        "causes": [CauseCount("request", "HTTP 500", 12)],
        "generator": GeneratorSummary(trusted=True, timer_late_p99_ms=2.1, cpu_percent_max=61.0),
        "workers": [],
        "thresholds": [],
        "changed": [],
        "messages": [],
    }
    return Live(**{**fields, **changes})  # type: ignore[arg-type]


def drawn(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_panel_has_the_numbers_that_matter() -> None:
    shown = drawn(panel(live(), 60.0))
    for part in ("118 of 120 running", "118 actions/s", "117 open", "open guide", "19.9", "HTTP 500", "0:10 of 1:00"):
        assert part in shown


def test_a_generator_that_is_too_slow_is_told_with_its_reason() -> None:
    slow = live(generator=GeneratorSummary(trusted=False, reasons=["timers were 300 ms late"]))
    assert "too slow" in drawn(panel(slow, 60.0))
    assert "timers were 300 ms late" in drawn(panel(slow, 60.0))
    assert "GENERATOR TOO SLOW" in status_line(slow, 60.0)


def full_worker() -> WorkerInfo:
    return WorkerInfo("w1", "h", "connected", 80, 200, 2, 99.0, 900.0, 2.0, full="timers in the pages are 250 ms late")


def test_users_that_a_full_machine_keeps_waiting_are_told_with_the_reason() -> None:
    full = live(users=UserCounts(planned=120, total=200, running=80, starting=2), workers=[full_worker()])
    assert "40 users wait: timers in the pages are 250 ms late" in drawn(panel(full, 60.0))
    assert "MACHINE FULL, 40 wait" in status_line(full, 60.0)
    over = live(state="draining", users=UserCounts(planned=0, total=200, running=80), workers=[full_worker()])
    assert "wait" not in status_line(over, 60.0)


def test_what_a_page_says_cannot_drive_the_terminal_nor_its_markup() -> None:
    hostile = live(causes=[CauseCount("page", "\x1b]0;owned\x07 [red]x[/red] \n next", 1)])
    shown = drawn(panel(hostile, 60.0))
    assert "\x1b" not in shown
    assert "[red]x[/red]" in shown


def test_lines_come_every_few_seconds_and_when_the_state_changes() -> None:
    console = Console(file=io.StringIO(), width=200)
    lines = Lines(console, 60.0)
    for second in range(11):
        lines.show(live(float(second)))
    lines.show(live(11.0, state="draining", messages=["worker a was lost"]))
    lines.close()
    written = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    running = [line for line in written if "running" in line]
    assert len(running) == 11 // LINE_EVERY_S + 1
    assert "worker a was lost" in written
    assert "draining" in written[-1]


def test_a_display_shows_and_leaves_the_terminal_as_it_was() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    display = Display(console, 60.0)
    display.show(live(messages=["worker a was lost"]))
    display.close()
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "worker a was lost" in written
    assert written.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in written


def test_quiet_shows_nothing() -> None:
    assert isinstance(choose_progress(quiet=True, duration_s=1.0), Silent)


def test_the_end_has_verdict_reasons_thresholds_and_paths(tmp_path_factory: object) -> None:
    console = Console(file=io.StringIO(), width=100)
    metric = MetricSummary("ms", 4011, 3, 3.1, 9.4, 8.0, 14.2, 1203.4, 1410.0, 2102.3)
    summary = Summary(
        schema=1,
        verdict="failed",
        reasons=["step.open guide p95 was 1,203 ms."],
        plan="plan.toml",
        started_at="2026-01-01T00:00:00Z",
        duration_s=60.2,
        users=UsersSummary(planned=200, started=200, peak=200),
        metrics={"step.open guide": metric},
        counters={},
        causes={"request": {"HTTP 500": 12}},
        thresholds=[
            ThresholdResult("step.open guide p95 <= 800 ms", "step.open guide", "p95", 800.0, 1203.4, False),
            ThresholdResult("requests failed <= 1 %", "requests", "failed", 0.01, 0.0001, True),
        ],
        generator=GeneratorSummary(trusted=True),
        workers=[],
        exit_code=3,
        carga="0.1.0",
    )
    from pathlib import Path

    print_closing(console, summary, Path("nowhere"))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("FAILED", "200 users at once, 1:00", "p95 was", "not held", "1,203 ms", "0.01%", "HTTP 500"):
        assert part in shown


def test_numbers_are_short() -> None:
    assert [number(value) for value in (None, 0.0, 0.424, 8.03, 41.23, 812.4, 12345.6)] == [
        *("-", "0", "0.42", "8.03", "41.2", "812", "12,346"),
    ]
    assert [clock(value) for value in (0.0, 59.9, 61.0, 3723.0)] == ["0:00", "0:59", "1:01", "1:02:03"]
    assert [bytes_text(value) for value in (0, 999, 1500, 3.1e6)] == ["0 B", "999 B", "1.50 kB", "3.10 MB"]
    assert [counted(value, "user") for value in (0, 1, 1200)] == ["0 users", "1 user", "1,200 users"]


def test_clean_keeps_one_printable_line_of_limited_length() -> None:
    assert clean("a\tb\x1b[31m\nc") == "a b [31m c"
    assert len(clean("x" * 1000)) == 200
