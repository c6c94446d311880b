"""Results are written whole or not at all, again and again the same."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from carga.errors import JournalError
from carga.results import write
from carga.results.read import read_record
from carga.results.write import write_results

FILES = ("summary.json", "report.html", "junit.xml")


def tables(out: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(out / "run.db")
    names = [
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    content = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    connection.close()
    return content


def test_writing_again_gives_the_same_files_and_tables(ill_run: Path) -> None:
    first = write_results(ill_run)
    files = {name: (ill_run / name).read_bytes() for name in FILES}
    before = tables(ill_run)
    assert write_results(ill_run) == first
    assert {name: (ill_run / name).read_bytes() for name in FILES} == files
    assert tables(ill_run) == before
    assert {path.name for path in ill_run.iterdir()} - {"run.db-wal", "run.db-shm"} == {*FILES, "run.db", "evidence"}


def test_the_summary_on_disk_is_the_one_returned(good_run: Path) -> None:
    summary = write_results(good_run)
    assert json.loads((good_run / "summary.json").read_text())["exit_code"] == summary.exit_code


def test_results_can_be_written_while_a_coordinator_has_the_journal_open(good_run: Path) -> None:
    journal = sqlite3.connect(good_run / "run.db", isolation_level=None)
    journal.execute("SELECT count(*) FROM windows").fetchall()
    assert write_results(good_run).verdict == "passed"
    journal.execute("UPDATE meta SET value = 'finished' WHERE key = 'state'")
    journal.close()


def test_a_writer_that_fails_leaves_the_old_results(good_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_results(good_run)
    before = {name: (good_run / name).read_bytes() for name in FILES}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError) as caught:
        write_results(good_run)
    assert "No space left" in caught.value.problem
    assert "run.db is intact" in caught.value.remedy
    assert {name: (good_run / name).read_bytes() for name in FILES} == before
    assert not [path for path in good_run.iterdir() if path.name.endswith(".new")]


def test_tables_that_cannot_be_written_leave_the_old_files(good_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(write, "write_derived", full)
    with pytest.raises(JournalError, match="disk is full"):
        write_results(good_run)
    assert not (good_run / "summary.json").exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from carga.errors import JournalError
from carga.results.write import write_results
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
out, limit = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write_results(out)
except JournalError as error:
    print(error.remedy)
    sys.exit(7)
"""


@pytest.mark.parametrize("limit", [0, 20_000, 150_000])
def test_on_a_full_disk_the_error_says_so_and_the_journal_stays_whole(ill_run: Path, limit: int) -> None:
    before = read_record(ill_run)
    end = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(ill_run), str(limit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert end.returncode == 7, end.stderr
    assert "Free some space" in end.stdout
    assert not (ill_run / "summary.json").exists()
    after = read_record(ill_run)
    assert after.totals.counters == before.totals.counters
    assert after.windows == before.windows
    assert write_results(ill_run).verdict == "failed", "with space again"
