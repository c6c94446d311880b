"""`run.db` is read whole or refused with a reason; what is damaged in it is left out and counted."""

import sqlite3
import tracemalloc
from pathlib import Path

import pytest

from carga.errors import JournalError
from carga.model.histogram import Histogram
from carga.model.totals import Totals
from carga.model.windows import Gauges, Metric, UserChange, Window
from carga.results.read import COUNT_MAX, Record, read_record
from tests.results.makers import Run, make_plan, make_run


def sums(totals: Totals) -> tuple[object, ...]:
    return totals.metrics, totals.counters, totals.causes, totals.workers


@pytest.mark.parametrize("seed", range(4))
def test_the_record_is_the_merge_of_all_windows_in_whatever_order_they_were_stored(tmp_path: Path, seed: int) -> None:
    run = make_run(users=40, ramp_s=5, hold_s=10, workers=3, ill_from_s=8)
    expected = Totals()
    for window in run.windows:
        expected.add(window)
    record = read_record(run.write(tmp_path / "run", seed=seed))
    assert sums(record.totals) == sums(expected)
    assert record.totals.started == expected.started
    assert record.windows == len(run.windows)
    assert record.windows_damaged == 0


def test_the_timeline_holds_every_second_over_all_workers(ill_run: Path) -> None:
    line = read_record(ill_run).timeline
    assert list(line.second) == list(range(60))
    assert line.users_running[30] == 200
    assert line.users_at(59) == 150, "half of the lost worker's users came back"
    assert line.users_peak == 200
    assert line.causes["request", "HTTP 503"].second[0] == 33
    requests = line.metrics["requests"]
    assert requests.count[10] == sum(
        columns.count[10] for name, columns in line.metrics.items() if name[:8] == "request."
    )


def test_users_of_a_worker_that_sends_several_seconds_as_one_do_not_vanish_in_between(tmp_path: Path) -> None:
    run = Run(make_plan(10, ramp_s=1, hold_s=9))
    for second in (0, 1, 4, 9):
        run.windows.append(Window("quick", second + 1, second, gauges=Gauges(users_running=5)))
    for second in (1, 3, 9):
        run.windows.append(Window("slow", second + 1, second, gauges=Gauges(users_running=4)))
    line = read_record(run.write(tmp_path / "run")).timeline
    assert list(line.second) == [0, 1, 3, 4, 9]
    assert list(line.users_running) == [5, 9, 9, 9, 9]


def test_memory_does_not_grow_with_the_number_of_workers(tmp_path: Path) -> None:
    def peak(workers: int) -> int:
        out = make_run(users=workers * 4, workers=workers, ramp_s=10, hold_s=90).write(tmp_path / str(workers))
        tracemalloc.start()
        try:
            read_record(out)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(2), peak(16)
    assert many < few * 2


def change(out: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(out / "run.db") as connection:
        connection.execute(statement, values)
    connection.close()


def refusal(out: Path) -> JournalError:
    with pytest.raises(JournalError) as caught:
        read_record(out)
    assert caught.value.remedy
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path).problem


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"not a database at all, and long enough to be read as one" * 100)
    assert "cannot be read" in refusal(tmp_path).problem


@pytest.mark.parametrize("size", [0, 100, 5000, 40_000])
def test_a_truncated_database_is_refused(good_run: Path, size: int) -> None:
    path = good_run / "run.db"
    path.write_bytes(path.read_bytes()[:size])
    assert refusal(good_run).problem


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "run.db").execute("CREATE TABLE recipes (name TEXT)").connection.close()
    assert "holds no run" in refusal(tmp_path).problem


def test_another_schema_is_refused_with_the_version_that_wrote_it(good_run: Path) -> None:
    change(good_run, "UPDATE meta SET value = '7' WHERE key = 'schema'")
    error = refusal(good_run)
    assert "schema 7" in error.problem
    assert "0.1.0" in error.remedy


@pytest.mark.parametrize("key", ["plan", "machine", "browsers", "behaviours", "elapsed_s"])
def test_a_damaged_description_is_refused(good_run: Path, key: str) -> None:
    change(good_run, "UPDATE meta SET value = '{\"' WHERE key = ?", key)
    assert "damaged" in refusal(good_run).problem


def test_a_run_without_windows_is_a_record_all_the_same(tmp_path: Path) -> None:
    record = read_record(Run(make_plan()).write(tmp_path / "run"))
    assert record.windows == 0
    assert record.totals.started == set()


HOSTILE = {
    "counts more than its buckets": Metric(values=Histogram(count=9, min=1.0, max=2.0, buckets={3: 1})),
    "a bucket beyond all floats": Metric(values=Histogram(count=1, min=1.0, max=2.0, buckets={10**9: 1})),
    "a negative bucket": Metric(values=Histogram(count=0, min=1.0, max=2.0, buckets={1: 1, 2: -1})),
    "a negative count": Metric(failed=-1),
    "a count beyond numbers": Metric(failed=COUNT_MAX + 1),
    "zeros that were never counted": Metric(values=Histogram(count=0, zeros=3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_window_that_contradicts_itself_is_left_out_and_counted(tmp_path: Path, name: str) -> None:
    run = make_run(users=10, workers=1, ramp_s=2, hold_s=3)
    before = read_record(run.write(tmp_path / "before"))
    run.windows.append(Window("liar", 1, 2, metrics={"step.lie": HOSTILE[name]}))
    after = read_record(run.write(tmp_path / "after"))
    assert after.windows_damaged == 1
    assert sums(after.totals) == sums(before.totals)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xc1" * 50, "text", 7, None, b"\x81" * 4000])
def test_a_payload_that_cannot_be_decoded_is_left_out_and_counted(good_run: Path, payload: object) -> None:
    if payload is None:
        change(good_run, "UPDATE windows SET payload = substr(payload, 1, 200) WHERE seq = 5 AND worker = 'worker-1'")
    else:
        change(good_run, "UPDATE windows SET payload = ? WHERE seq = 5 AND worker = 'worker-1'", payload)
    record = read_record(good_run)
    assert (record.windows, record.windows_damaged) == (120, 1)


def test_a_window_of_an_impossible_second_is_left_out(tmp_path: Path) -> None:
    run = make_run(users=10, workers=1, ramp_s=2, hold_s=3)
    run.windows += [Window("liar", 1, -1), Window("liar", 2, 10**12)]
    record: Record = read_record(run.write(tmp_path / "run"))
    assert record.windows_damaged == 2
    assert record.duration_s == 5


def test_a_run_in_a_folder_that_is_not_ours_to_write_can_be_read(good_run: Path) -> None:
    good_run.chmod(0o555)
    try:
        assert read_record(good_run).windows == 120
    finally:
        good_run.chmod(0o755)


def test_users_that_could_not_be_started_are_remembered(tmp_path: Path) -> None:
    run = Run(make_plan(10))
    changes = [UserChange(3, "starting"), UserChange(3, "failed", "no room"), UserChange(3, "stopped")]
    run.windows.append(Window("w", 1, 0, users=changes))
    assert read_record(run.write(tmp_path / "run")).users_refused == {3}
