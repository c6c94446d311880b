"""Tables in `run.db` for people who ask with SQL. Made from the journal's tables, and made again at any time.

sqlite3 run.db "SELECT second, p95 FROM metrics_by_second WHERE metric = 'step.open guide'"
"""

import math
import sqlite3
from collections.abc import Iterable, Iterator

from carga.model.identity import group_of
from carga.model.strain import TIMER_LATE
from carga.model.summary import Summary
from carga.results.read import Record

TABLES = """
CREATE TABLE metrics (          -- the whole run, one row for each metric; `requests` is all kinds together
    metric TEXT PRIMARY KEY,
    unit TEXT NOT NULL,         -- of the columns from min on
    count INTEGER NOT NULL,     -- attempts, failed ones included
    failed INTEGER NOT NULL,    -- attempts that failed; they are in none of the columns below
    min REAL, mean REAL, p50 REAL, p90 REAL, p95 REAL, p99 REAL, max REAL   -- NULL: nothing succeeded
) WITHOUT ROWID;
CREATE TABLE metrics_by_second (-- the same for each second of the run in which the metric had attempts
    metric TEXT NOT NULL,
    second INTEGER NOT NULL,    -- 0 is the first second of the run
    unit TEXT NOT NULL,
    count INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    mean REAL, p50 REAL, p90 REAL, p95 REAL, p99 REAL, max REAL,
    PRIMARY KEY (metric, second)
) WITHOUT ROWID;
CREATE TABLE counters (         -- sums over the whole run
    counter TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE causes (           -- why attempts failed
    area TEXT NOT NULL,         -- request, websocket, step, behaviour, page, user, browser
    cause TEXT NOT NULL,        -- HTTP 500, net::ERR_CONNECTION_REFUSED, 1006 ...
    count INTEGER NOT NULL,
    first_second INTEGER NOT NULL,      -- of the run
    users_running INTEGER NOT NULL,     -- in that second
    PRIMARY KEY (area, cause)
) WITHOUT ROWID;
CREATE TABLE users (            -- every user that a worker was given
    user INTEGER PRIMARY KEY,   -- index in the plan
    group_name TEXT NOT NULL,
    ran INTEGER NOT NULL,       -- 1 when it ran at least once
    state TEXT NOT NULL,        -- the last one
    detail TEXT NOT NULL        -- a cause in words
);
CREATE TABLE seconds (          -- state of the whole generator at the end of each second
    second INTEGER PRIMARY KEY,
    users_running INTEGER NOT NULL,
    websockets_open INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    requests_failed INTEGER NOT NULL,
    actions INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    cpu_percent REAL,           -- of the busiest machine
    tree_cpu_percent REAL,      -- of one core: what all workers and their browsers use
    memory_mb REAL,             -- of all workers together
    loop_lag_ms REAL,           -- of the slowest worker
    timer_late_ms REAL,         -- p90 of the timers in the pages; NULL: none fired
    core_wait REAL,             -- how long browsers waited for a core, for each second in which they had one
    core_turn_ms REAL,          -- and how long each time, on average
    cpu_steal_percent REAL,     -- taken by other virtual machines
    cpu_pressure_percent REAL,  -- of the time, some process waited for a core (PSI)
    memory_pressure_percent REAL,       -- of the time, some process waited for memory (PSI)
    processes_waiting INTEGER,  -- that run or wait for a core, on the whole machine
    memory_available_mb REAL,   -- on the machine with the least
    users_waiting INTEGER       -- that were given to workers and not opened, because the machine was full
);
CREATE TABLE thresholds (       -- in the order of the plan
    position INTEGER PRIMARY KEY,
    threshold TEXT NOT NULL,    -- as a person reads it
    metric TEXT NOT NULL,
    statistic TEXT NOT NULL,
    wanted REAL NOT NULL,       -- the limit, in base units: ms, bytes, share, count, 1/s
    value REAL,                 -- NULL: nothing was measured
    passed INTEGER NOT NULL
);
"""
NAMES = ("metrics", "metrics_by_second", "counters", "causes", "users", "seconds", "thresholds")

Row = tuple[object, ...]


def write_derived(connection: sqlite3.Connection, record: Record, summary: Summary) -> None:
    """Makes all derived tables anew in one transaction: either all of them change or none does."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for name in NAMES:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        for name, rows in _tables(record, summary):
            _insert(connection, name, rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _tables(record: Record, summary: Summary) -> Iterator[tuple[str, Iterable[Row]]]:
    yield "metrics", _metrics(summary)
    yield "metrics_by_second", _metrics_by_second(record)
    yield "counters", summary.counters.items()
    yield "causes", _causes(record)
    yield "users", _users(record)
    yield "seconds", _seconds(record)
    yield (
        "thresholds",
        (
            (position, result.threshold, result.metric, result.statistic, result.limit, result.value, result.passed)
            for position, result in enumerate(summary.thresholds)
        ),
    )


def _insert(connection: sqlite3.Connection, name: str, rows: Iterable[Row]) -> None:
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    statement = f"INSERT INTO {name} VALUES ({', '.join('?' * len(first))})"  # noqa: S608 - our own names
    connection.execute(statement, first)
    connection.executemany(statement, iterator)


def _metrics(summary: Summary) -> Iterator[Row]:
    for name, metric in summary.metrics.items():
        statistics = (metric.min, metric.mean, metric.p50, metric.p90, metric.p95, metric.p99, metric.max)
        yield name, metric.unit, metric.count, metric.failed, *statistics


def _metrics_by_second(record: Record) -> Iterator[Row]:
    for name, columns in sorted(record.timeline.metrics.items()):
        for i, second in enumerate(columns.second):
            floats = (columns.mean, columns.p50, columns.p90, columns.p95, columns.p99, columns.max)
            values = (None if math.isnan(column[i]) else column[i] for column in floats)
            yield name, second, columns.unit, columns.count[i], columns.failed[i], *values


def _causes(record: Record) -> Iterator[Row]:
    """Causes beyond the totals' limit are in `(other)` there; over time they have names, so counts are taken there."""
    for (area, cause), columns in sorted(record.timeline.causes.items()):
        first = columns.second[0]
        yield area, cause, sum(columns.count), first, record.timeline.users_at(first)


def _users(record: Record) -> Iterator[Row]:
    totals = record.totals
    indexes = range(record.plan.users)
    for index, state in sorted(totals.states.items()):
        if index in indexes:
            group = record.plan.groups[group_of(record.plan, index)]
            yield index, group.name, index in totals.started, state, totals.details.get(index, "")


def _seconds(record: Record) -> Iterator[Row]:
    line = record.timeline
    late = line.metrics.get(TIMER_LATE)
    late_ms = dict(zip(late.second, late.p90, strict=True)) if late else {}
    for i, second in enumerate(line.second):
        counters = [line.counters[name][i] for name in ("requests", "requests_failed", "actions", "bytes_received")]
        yield (
            second, line.users_running[i], line.websockets_open[i], *counters,
            line.cpu_percent[i], line.tree_cpu_percent[i], line.memory_mb[i], line.loop_lag_ms[i], late_ms.get(second),
            line.core_wait[i], line.core_turn_ms[i], line.cpu_steal_percent[i], line.cpu_pressure_percent[i],
            line.memory_pressure_percent[i], line.processes_waiting[i], line.memory_available_mb[i],
            line.users_waiting[i],
        )  # fmt: skip
