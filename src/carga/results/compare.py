"""Writes two runs beside each other into one HTML file."""

from pathlib import Path

from carga.errors import JournalError
from carga.results.compare_report import comparison_html
from carga.results.comparison import Comparison, comparison
from carga.results.read import read_record
from carga.results.write import replace_files

__all__ = ["Comparison", "comparison", "write_comparison"]


def write_comparison(first: Path, second: Path, to: Path) -> Comparison:
    """Compares the runs in the folders `first` and `second` and writes the HTML file `to`.

    Raises JournalError when a run cannot be read or the file not written.
    """
    records = read_record(first), read_record(second)
    result = comparison(*records)
    try:
        replace_files(to.parent, {to.name: comparison_html(*records, result).encode("utf-8", "replace")})
    except OSError as error:
        raise JournalError(
            f"the comparison cannot be written to {to}: {error.strerror or error}.",
            "Name a file in a folder that exists and has room.",
        ) from error
    return result
