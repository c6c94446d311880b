"""The rows of a CSV file of identities: a header, then one row for each user."""

import csv
import io
import re
from dataclasses import dataclass

from carga.model.identity import INDEX, Row
from carga.model.plan_fields import FIELD_NAME
from carga.model.problems import KeyPath, Report, Wrong, shown

_control = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Rows:
    columns: tuple[str, ...]
    rows: list[Row]


def read_rows(text: str, *, file: str, at: KeyPath, report: Report) -> Rows | None:
    """None when not even the header can be read. `at` is the key of the plan that names the file.

    Empty lines are skipped. A row is reported when it has too many or too few values, a control character, or
    equals an earlier one.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] | None = None
    rows: list[Row] = []
    first_seen: dict[tuple[str, ...], int] = {}
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            report.add_in(file, line, at, f"not valid CSV: {error}.", "Put values with quotes or commas in quotes.")
            break
        if values is None:
            break
        if not values:
            continue
        try:
            if columns is None:
                columns = _header(values)
                continue
            row = _row(values, columns)
        except Wrong as wrong:
            report.add_in(file, line, at, wrong.problem, wrong.remedy)
            if columns is None:
                return None
            continue
        earlier = first_seen.setdefault(row, line)
        if earlier != line:
            report.add_in(file, line, at, f"the row equals that on line {earlier}.", "Remove one of the two.")
        rows.append(dict(zip(columns, row, strict=True)))
    if columns is None:
        report.add_in(file, 1, at, "the file is empty.", "Begin it with a header such as serial,mac.")
        return None
    if not rows and not report.wrong(*at):
        report.add_in(file, 1, at, "the file has a header but no row.", "Add one row for each user.")
    return Rows(columns, rows)


def _header(values: list[str]) -> tuple[str, ...]:
    columns = tuple(value.strip() for value in values)
    if len(columns) == 1 and ";" in columns[0]:
        raise Wrong("the columns are separated by semicolons.", "Separate them by commas.")
    for position, column in enumerate(columns):
        try:
            FIELD_NAME.take(column)
        except Wrong as wrong:
            raise Wrong(f"column {position + 1} of the header: {wrong.problem}", wrong.remedy) from None
        if column in columns[:position]:
            raise Wrong(f"the header has {shown(column)} twice.", "Give each column a name of its own.")
        if column == INDEX:
            raise Wrong('the header has a column "index".', "Rename it: {index} is the user's number in the run.")
    return columns


def _row(values: list[str], columns: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) != len(columns):
        raise Wrong(
            f"the row has {len(values)} values, the header {len(columns)} columns.",
            "Give it as many; put a value with a comma in quotes.",
        )
    if any(_control.search(value) for value in values):
        raise Wrong("a value holds a control character.", "Remove line breaks and tabs.")
    return tuple(values)
