"""`carga init`: a plan and a behaviour to start from."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

_FILES = ("plan.toml", "behaviour.js", "carga.d.ts")


def init(
    directory: Path = Path(),
    /,
    *,
    json: Annotated[bool, Parameter(help="Print the paths as JSON.")] = False,
) -> None:
    """Write a plan and a behaviour to start from.

    Refuses to overwrite anything.

    Parameters
    ----------
    directory
        Where to; it is made when it does not exist.
    """
    from importlib.resources import files

    from carga.cli.failures import print_json
    from carga.errors import UsageError

    there = [name for name in _FILES if (directory / name).exists()]
    if there:
        raise UsageError(
            f"{directory} has {', '.join(there)} already.", "Name another directory, or remove what is there."
        )
    texts = {
        name: files("carga.page" if name == "carga.d.ts" else "carga.cli.templates").joinpath(name).read_text()
        for name in _FILES
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (directory / name).open("x") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}.", "Name another directory.") from error
    if json:
        print_json({"files": [directory / name for name in _FILES]})
        return
    plan = directory / "plan.toml"
    print(f"Wrote {', '.join(str(directory / name) for name in _FILES)}.\n")
    print(f"Put the address of your application into {plan}, then:\n")
    print(f"  carga check {plan}    what the plan means")
    print(f"  carga try {plan}      one user, step by step, with pictures")
    print(f"  carga run {plan}      the load")
