"""The folder that a run writes to."""

from datetime import datetime
from pathlib import Path

from carga.errors import UsageError

RESULTS = Path("carga-results")


def make_run_folder(wanted: Path | None, name: str) -> Path:
    """Makes `wanted`, or carga-results/NAME-DATE-TIME. Raises UsageError when it is not empty or cannot be made."""
    out = wanted or RESULTS / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        taken = any(out.iterdir())
    except OSError as error:
        raise UsageError(
            f"The run folder {out} cannot be made: {error.strerror}.", "Name another one with --out."
        ) from error
    if taken:
        raise UsageError(f"The run folder {out} is not empty.", "Name another one with --out, or remove it.")
    return out.absolute()


def shorten(path: Path) -> Path:
    """As seen from the current folder, when it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
