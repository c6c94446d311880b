"""Tables for people who ask with SQL say the same as the summary."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from carga.model.summary import Summary
from carga.results.derived import NAMES, TABLES
from carga.results.write import write_results


@pytest.fixture
def written(ill_run: Path) -> Iterator[tuple[sqlite3.Connection, Summary]]:
    summary = write_results(ill_run)
    connection = sqlite3.connect(ill_run / "run.db")
    yield connection, summary
    connection.close()


def test_metrics_are_those_of_the_summary(written: tuple[sqlite3.Connection, Summary]) -> None:
    connection, summary = written
    rows = {row[0]: row[1:] for row in connection.execute("SELECT metric, unit, count, failed, p95 FROM metrics")}
    assert rows == {name: (it.unit, it.count, it.failed, it.p95) for name, it in summary.metrics.items()}


def test_seconds_of_a_metric_add_up_to_the_whole(written: tuple[sqlite3.Connection, Summary]) -> None:
    connection, summary = written
    rows = connection.execute("SELECT metric, sum(count), sum(failed), max(max) FROM metrics_by_second GROUP BY metric")
    assert {row[0]: row[1:] for row in rows} == {
        name: (it.count, it.failed, it.max) for name, it in summary.metrics.items()
    }


def test_causes_name_their_first_second_and_the_users_then(written: tuple[sqlite3.Connection, Summary]) -> None:
    connection, summary = written
    rows = connection.execute("SELECT cause, count, first_second, users_running FROM causes WHERE area = 'request'")
    assert {row[0]: row[1:] for row in rows} == {
        cause: (count, 33, 200) for cause, count in summary.causes["request"].items()
    }


def test_users_counters_seconds_and_thresholds_are_there(written: tuple[sqlite3.Connection, Summary]) -> None:
    connection, summary = written
    assert dict(connection.execute("SELECT counter, value FROM counters")) == summary.counters
    assert connection.execute("SELECT count(*), sum(ran) FROM users WHERE group_name = 'viewers'").fetchone() == (
        200,
        200,
    )
    assert connection.execute("SELECT max(users_running), count(*) FROM seconds").fetchone() == (200, 60)
    thresholds = connection.execute("SELECT threshold, passed FROM thresholds ORDER BY position").fetchall()
    assert thresholds == [(result.threshold, result.passed) for result in summary.thresholds]


def test_every_table_is_listed_and_says_what_it_holds() -> None:
    assert tuple(re.findall(r"CREATE TABLE (\w+) \(\s*-- \w", TABLES)) == NAMES
