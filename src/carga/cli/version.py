"""`carga version`."""

import platform
from typing import Annotated

from cyclopts import Parameter

from carga import __version__


def version(*, json: Annotated[bool, Parameter(help="Print JSON.")] = False) -> None:
    """Print the version."""
    if json:
        from carga.cli.failures import print_json

        print_json({"carga": __version__, "python": platform.python_version()})
    else:
        print(__version__)
