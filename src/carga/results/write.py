"""Writes what a run leaves: `summary.json`, `report.html`, `junit.xml`, and the derived tables in `run.db`.

All is made before anything is replaced, and each file is replaced in one go: after a full disk the old results stand.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from carga.errors import JournalError
from carga.model.summary import Summary
from carga.results.database import open_for_writing
from carga.results.derived import write_derived
from carga.results.junit import junit_xml
from carga.results.read import DATABASE, read_record
from carga.results.report import report_html
from carga.results.summary import summarize

SUMMARY = "summary.json"
REPORT = "report.html"
JUNIT = "junit.xml"
_REMEDY = "Free some space or make the folder writable, then run `carga report` on it: run.db is intact."


def write_results(out: Path) -> Summary:
    """Writes the results of the run in `out` from its run.db. May be called again; the same run gives the same files.

    Raises JournalError when run.db cannot be read, or when the disk is full or not writable.
    """
    record = read_record(out)
    summary = summarize(record)
    files = {
        SUMMARY: summary_json(summary),
        REPORT: report_html(record, summary).encode("utf-8", "replace"),
        JUNIT: junit_xml(summary),
    }

    def write_tables() -> None:
        with closing(open_for_writing(out / DATABASE)) as connection:
            write_derived(connection, record, summary)

    try:
        replace_files(out, files, before=write_tables)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"the results cannot be written to {out}: {_reason(error)}.", _REMEDY) from error
    return summary


def summary_json(summary: Summary) -> bytes:
    return msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"


def replace_files(folder: Path, files: dict[str, bytes], *, before: Callable[[], None] | None = None) -> None:
    """Puts all files into `folder`; none of them when one cannot be written or `before` fails. Raises OSError."""
    written: list[Path] = []
    try:
        for name, content in files.items():
            temporary = folder / f".{name}.{os.getpid()}.new"
            written.append(temporary)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if before is not None:
            before()
        for name, temporary in zip(files, written, strict=True):
            temporary.replace(folder / name)
    finally:
        for temporary in written:
            with suppress(OSError):
                temporary.unlink()


def _reason(error: OSError | sqlite3.Error) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
