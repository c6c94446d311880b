"""Reads a run's journal for a coordinator that was started again in the middle of the run."""

import sqlite3

import msgspec

from carga.coordinator.past import Past
from carga.coordinator.timeline import Timeline
from carga.errors import JournalError
from carga.model.totals import Totals
from carga.model.windows import Window
from carga.results.database import SCHEMA_VERSION


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """Raises JournalError when the file is of another version."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if meta and meta.get("schema") != str(SCHEMA_VERSION):
        raise JournalError(
            f"The run folder holds a journal of schema {meta.get('schema')}, this carga writes {SCHEMA_VERSION}.",
            "Choose another folder with --out.",
        )
    return meta


def read_past(connection: sqlite3.Connection) -> Past:
    past = Past(meta=read_meta(connection), totals=Totals(), timeline=Timeline())
    _read_windows(connection, past)
    states: dict[str, str] = dict.fromkeys(past.seqs, "active")
    for kind, worker, count in connection.execute("SELECT kind, worker, count FROM events ORDER BY id"):
        if kind in ("worker-joined", "worker-silent"):
            states[worker] = "active"
        elif kind in ("worker-lost", "worker-gone"):
            states[worker] = kind.removeprefix("worker-")
        elif kind == "coordinator-restarted":
            past.restarts += 1
        elif kind == "users-moved":
            past.moved += count
    past.active = [worker for worker, state in states.items() if state == "active"]
    past.ended = {worker: state for worker, state in states.items() if state != "active"}
    past.evidence = connection.execute("SELECT file, user, second, name, message FROM evidence").fetchall()
    return past


def _read_windows(connection: sqlite3.Connection, past: Past) -> None:
    """Second by second, because the timeline forgets what comes too late."""
    decoder = msgspec.msgpack.Decoder(Window)
    keys = connection.execute("SELECT worker, seq FROM windows ORDER BY second, worker, seq").fetchall()
    for worker, seq in keys:
        (payload,) = connection.execute(
            "SELECT payload FROM windows WHERE worker = ? AND seq = ?", (worker, seq)
        ).fetchone()
        window = decoder.decode(payload)
        past.seqs.setdefault(worker, []).append(seq)
        past.totals.add(window)
        past.timeline.add(window)
        for change in window.users:
            past.users[change.index] = (change.state, worker, change.detail)
