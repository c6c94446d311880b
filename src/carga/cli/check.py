"""`carga check`: what a plan means, and everything that is wrong with it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def check(plan: Path, /, *, json: Annotated[bool, Parameter(help="Print the resolved plan as JSON.")] = False) -> None:
    """Show what a plan means, and everything that is wrong with it.

    Exits 2 when something is wrong.

    Parameters
    ----------
    plan
        The plan file.
    """
    from carga.cli.containers import check_reach
    from carga.cli.failures import print_json
    from carga.cli.preflight import check_behaviours
    from carga.plans import load_plan

    loaded = load_plan(plan)
    check_reach(loaded.plan)
    check_behaviours(loaded, must_have_browser=False)
    if json:
        print_json(loaded.plan)
        return
    from carga.cli.plan_view import print_plan
    from carga.cli.terminal import to_stdout

    print_plan(to_stdout(), loaded)
