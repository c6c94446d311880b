"""What a run looks like in the terminal while it lasts: a live display, one line every few seconds, or nothing."""

from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live as LiveDisplay
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from carga.cli.terminal import bytes_text, cause_table, clean, clock, columns, counted, number, plain, to_stderr
from carga.wire.live import Live, Percentiles

LINE_EVERY_S = 5.0
STEPS_SHOWN = 12
CAUSES_SHOWN = 6
BAR_WIDTH = 40
_STATE_STYLE = {"starting": "cyan", "running": "green", "draining": "yellow", "finished": "bold"}


class Progress(Protocol):
    """Somebody who is told how a run goes."""

    def show(self, live: Live) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


def choose_progress(*, quiet: bool, duration_s: float) -> Progress:
    if quiet:
        return Silent()
    console = to_stderr()
    return Display(console, duration_s) if console.is_terminal else Lines(console, duration_s)


class Silent:
    def show(self, live: Live) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class Lines:
    """For logs: one line now and then, and what happens when it happens."""

    def __init__(self, console: Console, duration_s: float) -> None:
        self._console = console
        self._duration_s = duration_s
        self._state = ""
        self._next_s = 0.0

    def show(self, live: Live) -> None:
        for message in live.messages:
            self.say(message)
        if live.state != self._state or live.elapsed_s >= self._next_s:
            self._state = live.state
            self._next_s = live.elapsed_s + LINE_EVERY_S
            self.say(status_line(live, self._duration_s))

    def say(self, text: str) -> None:
        self._console.print(clean(text, length_max=1000), markup=False, soft_wrap=True)

    def close(self) -> None:
        pass


class Display:
    """For a person at a terminal: redrawn with every message of the coordinator; what is said scrolls above it."""

    def __init__(self, console: Console, duration_s: float) -> None:
        self._console = console
        self._duration_s = duration_s
        self._screen = LiveDisplay(console=console, auto_refresh=False, transient=True)
        self._screen.start()

    def show(self, live: Live) -> None:
        for message in live.messages:
            self.say(message)
        self._screen.update(panel(live, self._duration_s), refresh=True)

    def say(self, text: str) -> None:
        self._console.print(plain(text))

    def close(self) -> None:
        self._screen.stop()


def status_line(live: Live, duration_s: float) -> str:
    users = live.users
    parts = [
        f"{clock(live.elapsed_s)}/{clock(duration_s)} {live.state}",
        f"users {users.running:,}/{users.planned:,}",
        f"actions {number(live.actions_per_s)}/s",
        f"requests {number(live.requests_per_s)}/s",
        f"websockets {live.websockets_open:,}",
    ]
    parts += [f"{name} p95 {number(metric.p95)} ms" for name, metric in _steps(live.totals)[:STEPS_SHOWN]]
    failures = sum(cause.count for cause in live.causes)
    if failures:
        parts.append(f"failures {failures:,}")
    if waiting := users_kept_waiting(live):
        parts.append(f"MACHINE FULL, {waiting:,} wait")
    if not live.generator.trusted:
        parts.append("GENERATOR TOO SLOW")
    return "  ".join(parts)


def users_kept_waiting(live: Live) -> int:
    """Users that the plan wants now and that do not run because the machine is full; 0 when it is not."""
    users = live.users
    if live.state != "running" or not any(worker.full for worker in live.workers):
        return 0
    return max(0, users.planned - users.running - users.failed - users.lost)


def panel(live: Live, duration_s: float) -> RenderableType:
    parts: list[RenderableType] = [Text(), _bar(live, duration_s), Text(), _numbers(live)]
    if steps := _steps(live.totals):
        parts += [Text(), _step_table(live, steps)]
    if live.causes:
        parts += [Text(), _causes(live)]
    return Group(*parts)


def _bar(live: Live, duration_s: float) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0))
    bar = ProgressBar(total=max(duration_s, 1), completed=min(live.elapsed_s, duration_s), width=BAR_WIDTH)
    state = Text(f" {live.state}", style=_STATE_STYLE.get(live.state, ""))
    row.add_row(state, bar, Text(f"{clock(live.elapsed_s)} of {clock(duration_s)}"))
    return row


def _numbers(live: Live) -> Table:
    users, generator = live.users, live.generator
    others = [
        f"{count:,} {name}"
        for name, count in (
            ("starting", users.starting),
            ("stopping", users.stopping),
            ("failed", users.failed),
            ("lost", users.lost),
        )
        if count
    ]
    health = [f"CPU {generator.cpu_percent_max:.0f} %", f"memory {bytes_text(generator.memory_mb_max * 1e6)}"]
    if generator.timer_late_p99_ms is not None:
        health.append(f"timers late {number(generator.timer_late_p99_ms)} ms p99")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(
        Text(" users", style="dim"),
        Text.assemble(
            (f"{users.running:,}", "bold"), f" of {users.planned:,} running", *(f", {other}" for other in others)
        ),
    )
    traffic = f"{number(live.requests_per_s)} requests/s, {bytes_text(live.bytes_per_s)}/s"
    grid.add_row(
        Text(" load", style="dim"),
        Text.assemble((number(live.actions_per_s), "bold"), f" actions/s, {traffic}"),
    )
    grid.add_row(Text(" websockets", style="dim"), Text(f"{live.websockets_open:,} open"))
    trust = Text("ok", style="green") if generator.trusted else Text("too slow to be believed", style="bold red")
    grid.add_row(Text(" generator", style="dim"), Text.assemble(trust, f"   {', '.join(health)}"))
    if not generator.trusted and generator.reasons:
        grid.add_row(Text(""), plain(generator.reasons[0], "red"))
    if waiting := users_kept_waiting(live):
        why = next(worker.full for worker in live.workers if worker.full)
        grid.add_row(Text(" full", style="dim"), plain(f"{counted(waiting, 'user')} wait: {why}", "yellow"))
    workers = [worker for worker in live.workers if worker.state != "gone"]
    lost = sum(worker.state in {"lost", "silent"} for worker in workers)
    if lost:
        grid.add_row(Text(" workers", style="dim"), Text(f"{counted(lost, 'worker')} of {len(workers)} lost", "yellow"))
    return grid


def _step_table(live: Live, steps: list[tuple[str, Percentiles]]) -> Table:
    table = columns(" step, ms", "count", "failed", "p95 now", "p95", "p99")
    for name, total in steps[:STEPS_SHOWN]:
        now = live.metrics.get(f"step.{name}")
        table.add_row(
            Text(" ").append(plain(name)),
            f"{total.count:,}",
            Text(f"{total.failed:,}", style="red" if total.failed else "dim"),
            number(now.p95 if now else None),
            Text(number(total.p95), style="bold"),
            number(total.p99),
        )
    if len(steps) > STEPS_SHOWN:
        table.add_row(Text(f" and {len(steps) - STEPS_SHOWN} more on the live page", style="dim"))
    return table


def _causes(live: Live) -> RenderableType:
    causes = [(cause.count, cause.area, cause.cause) for cause in live.causes]
    return cause_table(causes, shown_max=CAUSES_SHOWN, elsewhere="on the live page", indent=1)


def _steps(metrics: dict[str, Percentiles]) -> list[tuple[str, Percentiles]]:
    return [(name.removeprefix("step."), metric) for name, metric in metrics.items() if name.startswith("step.")]
