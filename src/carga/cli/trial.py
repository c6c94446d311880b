"""`carga try`: one user once, step by step."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

    from carga.worker.trial import TrialEvent


def trial(
    plan: Path,
    /,
    *,
    user: Annotated[int, Parameter(help="Index of the user; left out: 0, the first.")] = 0,
    out: Annotated[Path | None, Parameter(help="Where the pictures go; left out: carga-results/try-DATE-TIME.")] = None,
    json: Annotated[bool, Parameter(help="Print what happened as JSON at the end.")] = False,
) -> int:
    """Run one user once, step by step, with pictures.

    Exits 0 when the behaviour went through, 3 when it failed, 4 when the page could not be opened.

    Parameters
    ----------
    plan
        The plan file.
    """
    import asyncio

    from carga.cli.containers import check_docker, check_reach
    from carga.cli.failures import print_json
    from carga.cli.run_folder import make_run_folder, shorten
    from carga.cli.terminal import to_stdout
    from carga.plans import load_plan
    from carga.worker.trial import try_user

    loaded = load_plan(plan)
    check_reach(loaded.plan)
    check_docker(loaded.plan)
    folder = make_run_folder(out, "try")
    console = to_stdout()
    events: list[TrialEvent] = []

    def report(event: "TrialEvent") -> None:
        events.append(event)
        if not json:
            _print_event(console, event)

    exit_code = asyncio.run(try_user(loaded, user, folder, report))
    if json:
        print_json({"exit_code": exit_code, "out": folder, "events": events})
    else:
        console.print(f"\npictures  {shorten(folder)}", markup=False, soft_wrap=True)
    return exit_code


def _print_event(console: "Console", event: "TrialEvent") -> None:
    from rich.text import Text

    from carga.cli.terminal import clean, number, plain

    took = number(event.ms, "ms") if event.ms is not None else ""
    picture = f"  {event.picture.name}" if event.picture else ""
    failed = bool(event.problem)
    line = Text()
    match event.kind:
        case "step" | "iteration":
            line.append(" failed " if failed else "     ok ", style="bold red" if failed else "green")
            line.append(plain(event.name or "iteration", "bold" if event.kind == "step" else "dim"))
            line.append(f"  {took}").append(picture, style="dim")
            if failed:
                line.append(f"\n        {clean(event.problem)}", style="red")
        case "problem":
            line.append("problem ", style="bold red")
            line.append(clean(f"{event.name}: {event.problem}" if event.name else event.problem))
        case _:
            line.append(f"{event.kind:>7} ", style="dim").append(plain(event.name or event.problem))
            line.append(picture, style="dim")
    console.print(line, soft_wrap=True)
