"""`run.db`: the journal of a run while it goes on, and its record afterwards. SQLite, readable with any tool.

The coordinator's journal writes the tables below. `results/` adds tables that are derived from them and may be
made again at any time (`metrics`, `metrics_by_second`, `counters`, `causes`, `users`).
"""

import sqlite3
from pathlib import Path

SCHEMA_VERSION = 1

TABLES = """
CREATE TABLE IF NOT EXISTS meta (
    key TEXT PRIMARY KEY,   -- see META_KEYS
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    worker TEXT NOT NULL,
    seq INTEGER NOT NULL,
    second INTEGER NOT NULL,    -- of the run
    payload BLOB NOT NULL,      -- MessagePack of carga.model.windows.Window
    PRIMARY KEY (worker, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    elapsed_s REAL NOT NULL,    -- time of the run
    kind TEXT NOT NULL,         -- see EVENT_KINDS
    worker TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL DEFAULT 0,   -- of users, where the kind is about users
    message TEXT NOT NULL DEFAULT ''    -- for people
);
CREATE TABLE IF NOT EXISTS evidence (
    file TEXT PRIMARY KEY,      -- below evidence/ in the run folder
    user INTEGER NOT NULL,
    second INTEGER NOT NULL,
    name TEXT NOT NULL,
    message TEXT NOT NULL
) WITHOUT ROWID;
"""

META_KEYS = (
    "schema",  # SCHEMA_VERSION
    "run",  # identifier of the run
    "plan_file",  # name of the plan
    "plan_text",  # TOML as written
    "plan",  # JSON of carga.model.plan.Plan
    "behaviours",  # JSON: path as the plan names it, to source text
    "started_at",  # ISO 8601, UTC
    "carga",  # version
    "machine",  # JSON, see results/machine.py
    "browsers",  # JSON: engine to version
    "elapsed_s",  # time of the run when it was last written
    "clock",  # JSON: boot id and CLOCK_BOOTTIME in seconds when elapsed_s was written
    "state",  # starting, running, draining, finished
    "ended",  # why it ended: "" (as planned), "interrupted", "no-user", "internal"
    "ended_detail",  # for people
    "forced",  # what was known to be too much for the machine and was done all the same, for people
)

EVENT_KINDS = (
    "worker-joined",
    "worker-silent",
    "worker-lost",
    "worker-gone",
    "users-moved",
    "coordinator-restarted",
    "stop-requested",
    "message",
)

BUSY_TIMEOUT_S = 5.0


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Opens or makes `run.db`. A commit is on disk when it returns (WAL with synchronous=FULL)."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(TABLES)
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.OperationalError when there is no such file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
