"""The two consoles and the few words and numbers that all commands write in the same way."""

import math
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

WIDTH_WHEN_UNKNOWN = 120
"""Of lines in a log; on a terminal its own width counts."""


def to_stdout() -> Console:
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WHEN_UNKNOWN)


def to_stderr() -> Console:
    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else Console(stderr=True, highlight=False, width=WIDTH_WHEN_UNKNOWN)


def columns(*headings: str, left: int = 1) -> Table:
    """A table without borders; the first `left` columns are text, the others numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column(headings[0], overflow="fold")
    for position, heading in enumerate(headings[1:], start=1):
        table.add_column(heading, justify="left" if position < left else "right", overflow="fold")
    return table


def clean(text: str, *, length_max: int = 200) -> str:
    """Text from outside (a page, a server) on one line, without control characters that could drive the terminal."""
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    return line if len(line) <= length_max else line[: length_max - 1] + "…"


def plain(text: str, style: str = "") -> Text:
    """Text from outside for a table: no markup is read in it."""
    return Text(clean(text), style=style)


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits or so: 0, 0.42, 8.03, 41.2, 812, 12,345; "-" for nothing."""
    if value is None:
        return "-"
    size = abs(value)
    digits = 0 if size >= 100 or not size else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}" + (f" {unit}" if unit else "")


def cause_table(causes: Sequence[tuple[int, str, str]], *, shown_max: int, elsewhere: str, indent: int) -> Group:
    """Failures as (count, area, cause), most frequent first."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for count, area, cause in causes[:shown_max]:
        table.add_row(Text(" " * indent).append(f"{count:,}", style="red"), plain(f"{area}: {cause}"))
    if len(causes) > shown_max:
        table.add_row("", Text(f"and {counted(len(causes) - shown_max, 'more cause')} {elsewhere}", style="dim"))
    return Group(Text(f"{' ' * indent}failures", style="dim"), table)


def bytes_text(count: float) -> str:
    """1.5 MB"""
    units = ("B", "kB", "MB", "GB", "TB")
    power = 0 if count < 1 else min(int(math.log10(count) // 3), len(units) - 1)
    return number(round(count / 1000**power, 2), units[power])


def clock(seconds: float) -> str:
    """0:05, 12:34, 1:02:03"""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(count: int, noun: str) -> str:
    """1 user, 1,200 users"""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
