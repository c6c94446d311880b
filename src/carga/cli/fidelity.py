"""`carga fidelity`: whether cheap users do what a person's browser does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from carga.fidelity.result import Fidelity

SHOWN_MAX = 25
"""Differences on the terminal; the others are in the files."""


def fidelity(
    plan: Path,
    /,
    *,
    users: Annotated[int, Parameter(help="How many users, from every group in turn.")] = 2,
    iterations: Annotated[int, Parameter(help="How often each calls its behaviour.")] = 3,
    against: Annotated[
        str,
        Parameter(help="Engine or rendering to compare; left out: what the plan's groups use."),
    ] = "",
    watch: Annotated[str, Parameter(help="For how long a page is watched that drives itself.")] = "10s",
    at_least: Annotated[float | None, Parameter(help="Exit 3 when the score is lower.")] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Where the results go; left out: carga-results/fidelity-DATE-TIME."),
    ] = None,
    json: Annotated[bool, Parameter(help="Print fidelity.json on stdout.")] = False,
) -> int:
    """Say how faithfully cheap users stand in for a full browser, for the plan's application.

    The same users run in Chromium with full rendering, then in what is compared, then in Chromium again. What reached
    the network and what the pages became is compared, less what Chromium's two runs differ by. Exits 0, or 3 when the
    score is below `--at-least`.

    Parameters
    ----------
    plan
        The plan file.
    """
    import asyncio

    import msgspec

    from carga.cli.failures import print_json
    from carga.cli.run_folder import make_run_folder
    from carga.cli.terminal import clean, to_stderr
    from carga.errors import UsageError
    from carga.exitcodes import ExitCode
    from carga.fidelity.report import fidelity_html
    from carga.fidelity.result import compare_engines
    from carga.model.duration import parse_duration
    from carga.plans import load_plan

    if at_least is not None and not 0 <= at_least <= 100:
        raise UsageError(f"--at-least {at_least:g} is no score.", "Use a number from 0 to 100.")
    try:
        watch_s = parse_duration(watch)
    except ValueError as error:
        raise UsageError(f"--watch {watch} is not a time: {error}.", 'Write it like "10s".') from None
    loaded = load_plan(plan)
    folder = make_run_folder(out, "fidelity")
    progress = to_stderr()
    result = asyncio.run(
        compare_engines(
            loaded,
            users=users,
            iterations=iterations,
            watch_s=watch_s,
            against=against,
            report=lambda line: progress.print(clean(line), markup=False, style="dim", soft_wrap=True),
        )
    )
    written = msgspec.json.format(msgspec.json.encode(result), indent=2)
    (folder / "fidelity.json").write_bytes(written + b"\n")
    (folder / "fidelity.html").write_text(fidelity_html(result), encoding="utf-8")
    if json:
        print_json(result)
    else:
        _print(result, folder)
    return ExitCode.THRESHOLD if at_least is not None and result.score < at_least else ExitCode.PASSED


def _print(result: "Fidelity", folder: Path) -> None:
    from rich.text import Text

    from carga.cli.run_folder import shorten
    from carga.cli.terminal import columns, number, plain, to_stdout
    from carga.fidelity.report import FAIR, GOOD, conclusion, counts_words, difference_words

    console = to_stdout()
    style = "bold green" if result.score >= GOOD else "bold yellow" if result.score >= FAIR else "bold red"
    console.print(Text(f"{number(result.score)} of 100", style=style))
    console.print(Text(conclusion(result)), soft_wrap=True)
    aspects = columns("aspect", "alike", "of the score")
    for aspect in result.aspects:
        aspects.add_row(aspect.title, f"{number(aspect.score)} %", number(aspect.weight))
    console.print()
    console.print(aspects)
    if result.differences:
        table = columns("difference", "reference", "candidate", "points lost")
        for difference in result.differences[:SHOWN_MAX]:
            table.add_row(plain(difference_words(difference)), *counts_words(difference), number(difference.lost))
        console.print()
        console.print(table)
        more = len(result.differences) - SHOWN_MAX + result.differences_left_out
        if more > 0:
            console.print(f"and {more} more in fidelity.html", style="dim")
    for note in result.notes:
        console.print()
        console.print(Text("note ", style="yellow").append(_clean_note(note)), soft_wrap=True)
    console.print(f"\nreport  {shorten(folder / 'fidelity.html')}", markup=False, soft_wrap=True)


def _clean_note(note: str) -> str:
    from carga.cli.terminal import clean

    return clean(note, length_max=1000)
