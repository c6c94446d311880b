"""`carga try`: one user once, step by step."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def trial(
    plan: Path,
    /,
    *,
    user: Annotated[int, Parameter(help="Index of the user, from 0.")] = 0,
    out: Annotated[Path | None, Parameter(help="Where the pictures go; left out: carga-results/try-DATE-TIME.")] = None,
) -> int:
    """Run one user once, step by step, with pictures.

    Parameters
    ----------
    plan
        The plan file.
    """
    raise NotImplementedError
