"""`carga run`: loads the target of a plan from this machine and judges the result."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def run(
    plan: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="The run folder; left out: carga-results/PLAN-DATE-TIME.")] = None,
    workers: Annotated[int | None, Parameter(help="Worker processes; left out: one for four cores.")] = None,
    port: Annotated[int | None, Parameter(help="Port of the live page; left out: 8911, or the next free one.")] = None,
    host: Annotated[
        str, Parameter(help="Address of the live page; left out: 127.0.0.1. Others than this machine's need a token.")
    ] = "127.0.0.1",
    on: Annotated[
        Literal["local", "docker"],
        Parameter(help="Where workers run; left out: local, as processes. docker: in containers, see `carga image`."),
    ] = "local",
    force: Annotated[
        bool, Parameter(help="Go on with more users than `carga doctor --measure` found this machine to hold.")
    ] = False,
    json: Annotated[bool, Parameter(help="Print summary.json, and nothing else, on stdout.")] = False,
    quiet: Annotated[bool, Parameter(help="Show no progress.")] = False,
    engine: Annotated[Literal["", "fake"], Parameter(show=False)] = "",
) -> int:
    """Load the target of a plan and judge the result.

    Shows its progress here and on a live page. Ctrl-C ends the run early and still writes the report; a second
    one aborts.

    Exit codes: 0 passed, 2 wrong usage or plan, 3 a threshold was not held, 4 no user could run, 5 untrusted
    because this machine was too slow, 130 interrupted.

    Parameters
    ----------
    plan
        The plan file.
    """
    from carga.cli.conduct import RunSettings, conduct_run

    return conduct_run(
        RunSettings(
            plan=plan,
            out=out,
            workers=workers,
            port=port,
            host=host,
            as_json=json,
            quiet=quiet,
            engine=engine,
            on=on,
            force=force,
        )
    )
