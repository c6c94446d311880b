"""`carga doctor`: what is missing on this machine and how many users it should hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from carga.doctor.checks import Diagnosis
    from carga.doctor.engines import EngineReport
    from carga.doctor.measured import Measured

HOLD = "10s"
LIMIT = "3m"


def doctor(
    *,
    measure: Annotated[
        str | None,
        Parameter(help="Measure how many users of the application at this URL the machine holds, with real users."),
    ] = None,
    behaviour: Annotated[Path | None, Parameter(help="What they do; left out: they open the page and stay.")] = None,
    plan: Annotated[Path | None, Parameter(help="They do as this plan says, in its engines and renderings.")] = None,
    only: Annotated[
        list[str] | None,
        Parameter(help="ENGINE or ENGINE/RENDERING, may be repeated; left out: all that are installed."),
    ] = None,
    users: Annotated[int, Parameter(help="So many are tried at first; up to 8 times as many to verify.")] = 40,
    hold: Annotated[str, Parameter(help="How long each number of users is watched.")] = HOLD,
    limit: Annotated[str, Parameter(help="Time for the verification of each kind.")] = LIMIT,
    json: Annotated[bool, Parameter(help="Print JSON.")] = False,
) -> int:
    """Say what is missing here and how many users this machine should hold.

    With --measure, real users load that application, and only that, with more and more of them; what was found is
    kept for the check before a run. Without, all is an estimate.

    Exits 0 when users can run here, else 4.
    """
    from carga.cli.failures import print_json
    from carga.cli.terminal import to_stderr, to_stdout
    from carga.errors import UsageError
    from carga.exitcodes import ExitCode

    if measure is not None:
        from carga.cli.measure import MeasureSettings
        from carga.cli.measure import measure as measure_users

        console = to_stderr()
        settings = MeasureSettings(
            url=measure,
            behaviour=behaviour,
            plan=plan,
            only=only or (),
            users=users,
            hold_s=_seconds("--hold", hold),
            limit_s=_seconds("--limit", limit),
        )
        found = measure_users(settings, lambda text: console.print(text, markup=False, soft_wrap=True))
        if json:
            print_json(found)
        else:
            _print_measured(found)
        return ExitCode.PASSED
    if behaviour or plan or only:
        raise UsageError("--behaviour, --plan and --only say how to measure.", "Add --measure URL.")
    from carga.doctor.checks import diagnose

    diagnosis = diagnose()
    exit_code = ExitCode.PASSED if diagnosis.usable else ExitCode.NO_USER
    if json:
        print_json(diagnosis)
        return exit_code
    console = to_stdout()
    _print_checks(diagnosis)
    _print_engines(diagnosis.engines)
    if not diagnosis.usable:
        console.print("No user can run here.", style="bold red")
        return exit_code
    _print_estimates(diagnosis)
    return exit_code


def _seconds(option: str, text: str) -> float:
    from carga.errors import UsageError
    from carga.model.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text} is no time.", 'Say for instance "10s" or "2m".') from error


def _print_checks(diagnosis: "Diagnosis") -> None:
    from rich.table import Table
    from rich.text import Text

    from carga.cli.terminal import to_stdout

    styles = {"ok": "green", "warning": "yellow", "problem": "bold red"}
    table = Table.grid(padding=(0, 2, 0, 0))
    for check in diagnosis.checks:
        table.add_row(Text(check.state, style=styles[check.state]), check.name, Text(check.finding))
        if check.remedy:
            table.add_row("", "", Text(f"→ {check.remedy}", style="cyan"))
    console = to_stdout()
    console.print(table)
    console.print()


def _print_engines(engines: "list[EngineReport]") -> None:
    from rich.table import Table
    from rich.text import Text

    from carga.cli.terminal import to_stdout

    table = Table.grid(padding=(0, 2, 0, 0))
    for engine in engines:
        there = Text("engine", style="green" if engine.version else "dim")
        if engine.version:
            what = f"{engine.title} {engine.version}: rendering {', '.join(engine.renderings)}"
        else:
            what = f"{engine.title}: not installed here. {engine.problem}"
        table.add_row(there, engine.engine, Text(what))
        if engine.lacks:
            table.add_row("", "", Text(f"lacks {'; '.join(engine.lacks)}", style="dim"))
        if engine.remedy:
            table.add_row("", "", Text(f"→ {engine.remedy}", style="cyan"))
    console = to_stdout()
    console.print(table)
    console.print()


def _print_estimates(diagnosis: "Diagnosis") -> None:
    from carga.cli.terminal import columns, to_stdout

    console = to_stdout()
    users = columns(" users this machine should hold", "about", "limited by")
    for capacity in diagnosis.capacity:
        users.add_row(f" {capacity.kind}", f"{capacity.users:,}", capacity.limited_by)
    console.print(users)
    console.print(
        " An estimate for a small application with one key press a second; a heavier one holds fewer:"
        " `carga doctor --measure URL` finds out.",
        style="dim",
    )


def _print_measured(found: "list[Measured]") -> None:
    from carga.cli.terminal import columns, number, to_stdout
    from carga.doctor.capacity import kind_name

    console = to_stdout()
    table = columns(
        " users this machine holds", "about", "limited by", "carried", "CPU a user", "memory a user", "timers late"
    )
    for one in found:
        table.add_row(
            f" {kind_name(one.kind)}",
            f"{one.users:,}",
            one.limited_by,
            f"{one.held:,}",
            f"{one.cores_per_user * 100:.2g} %",
            f"{one.memory_mb_per_user:.0f} MB",
            number(one.timer_late_ms, "ms"),
        )
    console.print(table)
    console.print(
        f" At {found[0].origin}, where each user {found[0].acts}. CPU is of one core, with what the target needs where"
        " it runs here too. More than were carried are an extrapolation.",
        style="dim",
    )
