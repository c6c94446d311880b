"""Writes what a run must not lose: one thread, one SQLite connection, one commit for everything of the last 0.2 s.

Windows are reported as stored only after the commit that holds them, and a commit is on disk when it returns. When
the disk takes nothing, what waits is kept up to a limit and tried again each second; windows beyond the limit are
dropped, which loses nothing because their workers keep what was not acknowledged.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

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
from carga.results.database import open_for_writing

COMMIT_EVERY_S = 0.2
RETRY_S = 1.0
WAITING_BYTES_MAX = 64 * 1024 * 1024
EVENTS_WAITING_MAX = 10_000
"""The oldest go first: a run folder that stays full for that long has lost more than these."""
CLOSE_S_MAX = 10.0
"""How long the end of a run waits for a disk that takes nothing."""
WAL_PAGES = 4000
"""16 MB between two checkpoints: fewer of them, and the log stays small."""


class Journal:
    """`report` is called in the journal's thread. The methods may be called in any thread."""

    def __init__(
        self,
        out: Path,
        report: Callable[[Event], None],
        *,
        commit_every_s: float = COMMIT_EVERY_S,
        retry_s: float = RETRY_S,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
        close_s_max: float = CLOSE_S_MAX,
        open_database: Callable[[Path], sqlite3.Connection] = open_for_writing,
    ) -> None:
        self._out = out
        self._report = report
        self._commit_every_s = commit_every_s
        self._retry_s = retry_s
        self._waiting_bytes_max = waiting_bytes_max
        self._close_s_max = close_s_max
        self._open = open_database
        self._changed = threading.Condition()
        self._windows: list[StoreWindow] = []
        self._waiting_bytes = 0
        self._events: list[StoreEvent] = []
        self._meta: dict[str, str] = {}
        self._evidence: list[StoreEvidence] = []
        self._closing = False
        self._give_up_at = float("inf")
        self._failing = False
        self.commits = 0
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, record: StoreWindow | StoreEvent | StoreMeta | StoreEvidence) -> None:
        dropped = None
        with self._changed:
            match record:
                case StoreWindow():
                    size = len(record.payload)
                    if self._waiting_bytes + size > self._waiting_bytes_max:
                        dropped = (record.worker, record.seq)
                    else:
                        self._windows.append(record)
                        self._waiting_bytes += size
                case StoreEvent():
                    self._events.append(record)
                    del self._events[:-EVENTS_WAITING_MAX]
                case StoreMeta():
                    self._meta |= record.values
                case StoreEvidence():
                    if self._waiting_bytes + len(record.image) <= self._waiting_bytes_max:
                        self._evidence.append(record)
                        self._waiting_bytes += len(record.image)
            self._changed.notify()
        if dropped:
            self._report(WindowsDropped([dropped]))

    def close(self) -> bool:
        """Writes what waits and closes the file. False when something could not be written in time. Blocks."""
        with self._changed:
            self._closing = True
            self._give_up_at = time.monotonic() + self._close_s_max
            self._changed.notify()
        self._thread.join()
        return not self._has_work()

    # --- in the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._has_work() and not self._closing:
                    self._changed.wait()
                if self._closing and (not self._has_work() or time.monotonic() > self._give_up_at):
                    break
            started = time.monotonic()
            pause_s = self._commit_every_s if self._commit() else self._retry_s
            self._pause(started + pause_s)
        self._disconnect()

    def _pause(self, until: float) -> None:
        """More comes together for the next commit. The end of the run does not wait, unless the disk is full."""
        with self._changed:
            while (left_s := until - time.monotonic()) > 0 and (self._failing or not self._closing):
                self._changed.wait(left_s)

    def _has_work(self) -> bool:
        return bool(self._windows or self._events or self._meta or self._evidence)

    def _commit(self) -> bool:
        with self._changed:
            windows, events, meta, evidence = self._windows, self._events, self._meta, self._evidence
            self._windows, self._events, self._meta, self._evidence = [], [], {}, []
        try:
            written = self._write_evidence(evidence)
            self._transact(windows, events, meta, written)
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            with self._changed:
                self._windows[:0] = windows
                self._events[:0] = events
                self._meta = meta | self._meta
                self._evidence[:0] = evidence
            if not self._failing:
                self._failing = True
                self._report(JournalFailed(str(error)))
            return False
        self.commits += 1
        with self._changed:
            self._waiting_bytes -= sum(len(window.payload) for window in windows)
            self._waiting_bytes -= sum(len(record.image) for record in evidence)
        if self._failing:
            self._failing = False
            self._report(JournalRecovered())
        if windows:
            self._report(WindowsStored([(window.worker, window.seq) for window in windows]))
        for record in written:
            self._report(EvidenceStored(record.file, record.user, record.second, record.name, record.message))
        return True

    def _write_evidence(self, evidence: list[StoreEvidence]) -> list[StoreEvidence]:
        """Files come before their rows, so that no row names a file that is not there."""
        if evidence:
            (self._out / "evidence").mkdir(exist_ok=True)
        for record in evidence:
            (self._out / "evidence" / record.file).write_bytes(record.image)
        return evidence

    def _transact(
        self, windows: list[StoreWindow], events: list[StoreEvent], meta: dict[str, str], evidence: list[StoreEvidence]
    ) -> None:
        if self._connection is None:
            self._connection = self._open(self._out / "run.db")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR IGNORE INTO windows (worker, seq, second, payload) VALUES (?, ?, ?, ?)",
            [(window.worker, window.seq, window.second, window.payload) for window in windows],
        )
        connection.executemany(
            "INSERT INTO events (elapsed_s, kind, worker, count, message) VALUES (?, ?, ?, ?, ?)",
            [(event.elapsed_s, event.kind, event.worker, event.count, event.message) for event in events],
        )
        connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(meta.items()))
        connection.executemany(
            "INSERT OR REPLACE INTO evidence (file, user, second, name, message) VALUES (?, ?, ?, ?, ?)",
            [(record.file, record.user, record.second, record.name, record.message) for record in evidence],
        )
        connection.execute("COMMIT")

    def _disconnect(self) -> None:
        """After an error the connection may be in any state; a new one recovers from the log on disk."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                self._failing = True
