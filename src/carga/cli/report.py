"""`carga report`: the report of a run again, or two runs beside each other."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

COMPARISON = Path("comparison.html")


def report(
    run: Path,
    other: Path | None = None,
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="The file to write; left out: report.html in the run folder, or comparison.html here."),
    ] = None,
    json: Annotated[bool, Parameter(help="Print the summary, or both summaries, on stdout.")] = False,
) -> int:
    """Write the report of a run again, or compare two runs.

    Everything is made from run.db in the run folder. Exits 0 whatever the verdict of the run was.

    Parameters
    ----------
    run
        A run folder.
    other
        A second run folder: both are put beside each other.
    """
    import shutil

    from carga.cli.closing import print_closing
    from carga.cli.failures import print_json
    from carga.cli.terminal import to_stdout
    from carga.results.write import write_results

    folders = [_run_folder(path) for path in (run, other) if path is not None]
    summaries = [write_results(folder) for folder in folders]
    if other is None:
        written = folders[0] / "report.html"
        if out is not None:
            shutil.copyfile(written, out)
    else:
        from carga.results.compare import write_comparison

        written = out or COMPARISON
        write_comparison(folders[0], folders[1], written)
    if json:
        print_json(summaries[0] if other is None else summaries)
        return 0
    console = to_stdout()
    for folder, summary in zip(folders, summaries, strict=True):
        print_closing(console, summary, folder)
    if other is not None or out is not None:
        console.print(f"  written  {out or written}", markup=False, soft_wrap=True)
    return 0


def _run_folder(path: Path) -> Path:
    from carga.errors import UsageError

    folder = path.parent if path.name == "run.db" else path
    if not (folder / "run.db").is_file():
        raise UsageError(f"{path} is no run folder: it has no run.db.", "Name the folder that `carga run` wrote.")
    return folder
