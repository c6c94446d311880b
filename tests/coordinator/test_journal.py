import queue
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from carga.coordinator.events import (
    Event,
    EvidenceStored,
    JournalFailed,
    JournalRecovered,
    StoreEvent,
    StoreEvidence,
    StoreMeta,
    StoreWindow,
    WindowsDropped,
    WindowsStored,
)
from carga.coordinator.journal import Journal
from carga.results.database import open_for_reading, open_for_writing

WAIT_S = 20
RECORDS_KILLED_AT = 200


def window(seq: int, size: int = 100) -> StoreWindow:
    return StoreWindow("w", seq, seq, bytes([seq % 256]) * size)


def rows(out: Path, query: str) -> list[tuple[object, ...]]:
    connection = open_for_reading(out / "run.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


class Disk:
    """Connections to it fail while it is full."""

    def __init__(self) -> None:
        self.is_full = False

    def open(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, *arguments: object) -> sqlite3.Cursor:
                if disk.is_full and arguments[0] == "COMMIT":
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(*arguments)  # type: ignore[arg-type]

        open_for_writing(path).close()
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)


class Reports(queue.Queue[Event]):
    def wait_for(self, kind: type) -> Event:
        while True:
            event = self.get(timeout=WAIT_S)
            if isinstance(event, kind):
                return event


def test_all_kinds_of_records_are_on_disk_after_closing(tmp_path: Path) -> None:
    reports = Reports()
    journal = Journal(tmp_path, reports.put)
    journal.start()
    journal.write(window(1))
    journal.write(StoreEvent(1.5, "worker-lost", "w", 3, "gone"))
    journal.write(StoreMeta({"state": "running"}))
    journal.write(StoreMeta({"state": "draining"}))
    journal.write(StoreEvidence("001-user-4.png", 4, 2, "step", "no", b"\x89PNG"))
    assert journal.close()
    assert reports.wait_for(WindowsStored) == WindowsStored([("w", 1)])
    assert reports.wait_for(EvidenceStored) == EvidenceStored("001-user-4.png", 4, 2, "step", "no")
    assert rows(tmp_path, "SELECT worker, seq, second, payload FROM windows") == [("w", 1, 1, b"\x01" * 100)]
    assert rows(tmp_path, "SELECT elapsed_s, kind, worker, count, message FROM events") == [
        (1.5, "worker-lost", "w", 3, "gone")
    ]
    assert rows(tmp_path, "SELECT value FROM meta WHERE key = 'state'") == [("draining",)]
    assert (tmp_path / "evidence" / "001-user-4.png").read_bytes() == b"\x89PNG"


def test_many_windows_share_a_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda _: None)
    journal.start()
    for seq in range(1, 2001):
        journal.write(window(seq))
    assert journal.close()
    assert rows(tmp_path, "SELECT count(*) FROM windows") == [(2000,)]
    assert journal.commits < 20


def test_while_the_disk_is_full_nothing_is_acknowledged_and_afterwards_all_is(tmp_path: Path) -> None:
    disk, reports = Disk(), Reports()
    journal = Journal(tmp_path, reports.put, commit_every_s=0.01, retry_s=0.01, open_database=disk.open)
    journal.start()
    disk.is_full = True
    journal.write(window(1))
    failed = reports.wait_for(JournalFailed)
    assert isinstance(failed, JournalFailed)
    assert "full" in failed.problem
    journal.write(window(2))
    assert reports.empty()
    disk.is_full = False
    assert isinstance(reports.get(timeout=WAIT_S), JournalRecovered)
    stored: list[tuple[str, int]] = []
    while len(stored) < 2:
        event = reports.wait_for(WindowsStored)
        assert isinstance(event, WindowsStored)
        stored += event.keys
    assert stored == [("w", 1), ("w", 2)]
    assert journal.close()


def test_windows_beyond_the_limit_are_dropped_and_may_come_again(tmp_path: Path) -> None:
    disk, reports = Disk(), Reports()
    journal = Journal(
        tmp_path, reports.put, commit_every_s=0.01, retry_s=0.01, waiting_bytes_max=250, open_database=disk.open
    )
    journal.start()
    disk.is_full = True
    for seq in (1, 2, 3):
        journal.write(window(seq))
    assert reports.wait_for(WindowsDropped) == WindowsDropped([("w", 3)])
    disk.is_full = False
    reports.wait_for(WindowsStored)
    journal.write(window(3))
    assert journal.close()
    assert rows(tmp_path, "SELECT seq FROM windows") == [(1,), (2,), (3,)]


def test_closing_gives_up_on_a_disk_that_stays_full(tmp_path: Path) -> None:
    disk = Disk()
    disk.is_full = True
    journal = Journal(
        tmp_path, lambda _: None, commit_every_s=0.01, retry_s=0.01, close_s_max=0.1, open_database=disk.open
    )
    journal.start()
    journal.write(window(1))
    assert not journal.close()


def script(body: str, *arguments: str) -> list[str]:
    head = """
        import os, resource, sys, threading, time
        from pathlib import Path
        from carga.coordinator.events import *
        from carga.coordinator.journal import Journal
        out = Path(sys.argv[1])
        def window(seq, size):
            return StoreWindow("w", seq, seq, bytes([seq % 256]) * size)
    """
    return [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(body), *arguments]


def test_killed_in_the_middle_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    body = """
        def report(event):
            if isinstance(event, WindowsStored):
                os.write(1, "".join(f"{seq}\\n" for _, seq in event.keys).encode())
        journal = Journal(out, report, commit_every_s=0.002)
        journal.start()
        for seq in range(1, 10**9):
            journal.write(window(seq, 5000))
            time.sleep(0.0002)
    """
    with subprocess.Popen(script(body, str(tmp_path)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(RECORDS_KILLED_AT)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    stored: dict[Any, Any] = dict(rows(tmp_path, "SELECT seq, payload FROM windows"))  # type: ignore[arg-type]
    assert set(acknowledged) <= set(stored)
    assert all(payload == bytes([seq % 256]) * 5000 for seq, payload in stored.items())


def test_a_file_size_limit_stops_acknowledgements_until_it_is_lifted(tmp_path: Path) -> None:
    body = """
        seen, stored = [], []
        def report(event):
            seen.append(type(event).__name__)
            if isinstance(event, WindowsStored):
                stored.extend(event.keys)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        journal = Journal(out, report, commit_every_s=0.01, retry_s=0.02)
        journal.start()
        for seq in range(1, 31):
            journal.write(window(seq, 50_000))
            time.sleep(0.01)
        deadline = time.monotonic() + 20
        while "JournalFailed" not in seen and time.monotonic() < deadline:
            time.sleep(0.01)
        before = len(stored)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        while len(stored) < 30 and time.monotonic() < deadline:
            time.sleep(0.01)
        print(before < 30, "JournalRecovered" in seen, len(set(stored)), journal.close())
    """
    done = subprocess.run(script(body, str(tmp_path)), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True", "30", "True"], done.stderr
    assert rows(tmp_path, "SELECT count(*) FROM windows") == [(30,)]


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100])
def test_a_damaged_file_is_an_error_that_says_so(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "run.db").write_bytes(damage)
    reports = Reports()
    journal = Journal(tmp_path, reports.put, retry_s=0.01, close_s_max=0.05)
    journal.start()
    journal.write(window(1))
    if damage:
        assert isinstance(reports.get(timeout=WAIT_S), JournalFailed)
    else:
        reports.wait_for(WindowsStored)
    assert journal.close() == (not damage)
