"""Which seconds of a run are too strained to be believed, and how they are told."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.strain import (
    CORE_TURN_MS_MAX,
    CORE_WAIT_MAX,
    GAP_S_MAX,
    STRAINED_S_MIN,
    TIMER_LATE,
    TIMER_LATE_MS_MAX,
    StrainedInterval,
    StrainLog,
)
from carga.model.windows import Gauges, Metric, Window

seconds = st.sets(st.integers(0, 60), max_size=40)


def window(
    second: int, *, late_ms: float = 1.0, core_wait: float = 1.0, worker: str = "w", users: int = 5, **gauges: float
) -> Window:
    late = Metric()
    late.values.record(late_ms, times=10)
    turn_ms = gauges.pop("core_turn_ms", CORE_TURN_MS_MAX * 2)
    known = Gauges(users_running=users, core_wait=core_wait, core_turn_ms=turn_ms, cores=2, **gauges)  # type: ignore[arg-type]
    return Window(worker, second + 1, second, {TIMER_LATE: late}, gauges=known)


def intervals(windows: list[Window], until_s: float | None = None) -> list[StrainedInterval]:
    log = StrainLog()
    for one in windows:
        log.add(one)
    return log.intervals(until_s=until_s)


def spans(windows: list[Window]) -> list[tuple[int, int]]:
    return [(interval.from_s, interval.until_s) for interval in intervals(windows)]


def slow(second: int, worker: str = "w") -> Window:
    return window(second, late_ms=TIMER_LATE_MS_MAX * 3, worker=worker)


def test_twenty_bad_seconds_in_an_hour_are_seen_with_their_beginning_and_end() -> None:
    bad = range(1800, 1820)
    assert spans([slow(second) if second in bad else window(second) for second in range(3600)]) == [(1800, 1820)]


def test_a_hiccup_is_no_interval_however_bad_it_is() -> None:
    hiccup = [window(second, late_ms=5000.0, core_wait=900.0) for second in range(10, 10 + STRAINED_S_MIN - 1)]
    assert spans([*hiccup, window(20)]) == []


def test_pages_that_report_every_other_second_make_one_interval() -> None:
    assert spans([slow(second) for second in range(10, 30, 2)]) == [(10, 29)]


def test_punctual_timers_do_not_hide_that_browsers_wait_for_a_core() -> None:
    starved = [window(second, late_ms=40.0, core_wait=CORE_WAIT_MAX * 15) for second in range(20, 41)]
    (interval,) = intervals(starved)
    assert (interval.from_s, interval.until_s, interval.timer_late_ms) == (20, 41, 40.0)


def test_threads_that_work_little_may_wait_a_slice_each_time_on_a_machine_that_is_well_used() -> None:
    little = [window(second, core_wait=CORE_WAIT_MAX * 2, core_turn_ms=CORE_TURN_MS_MAX / 2) for second in range(30)]
    assert spans(little) == []


def test_one_page_that_is_late_by_itself_does_not_accuse_the_machine() -> None:
    windows = []
    for second in range(60):
        one = window(second)
        one.metrics[TIMER_LATE].values.record(3000.0)
        windows.append(one)
    assert spans(windows) == []


def test_seconds_without_users_or_after_the_load_do_not_count() -> None:
    assert intervals([window(second, late_ms=900.0, users=0) for second in range(20)]) == []
    assert intervals([slow(second) for second in range(50, 70)], until_s=53.0) == []


def test_workers_that_suffer_together_are_one_interval_and_the_worst_is_told() -> None:
    (interval,) = intervals(
        [slow(second, "a") for second in range(10, 20)]
        + [window(second, late_ms=900.0, worker="b", cpu_percent=100.0) for second in range(15, 25)]
    )
    assert (interval.from_s, interval.until_s) == (10, 25)
    assert (interval.timer_late_ms, interval.cpu_percent) == (900.0, 100.0)


def test_the_words_name_the_interval_what_was_late_and_why() -> None:
    windows = [
        window(
            second,
            late_ms=900.0,
            core_wait=44.0,
            cpu_percent=100.0,
            processes_waiting=12,
            cpu_steal_percent=30.0,
            memory_pressure_percent=20.0,
        )
        for second in range(20, 41)
    ]
    assert intervals(windows)[0].text == (
        "from 0:20 to 0:41: the timers in the pages were up to 900 ms late and the browsers waited 44 times as long "
        "for a core as they worked; CPU 100 %, 12 processes for 2 cores, 30 % taken by other virtual machines, "
        "stalled for memory 20 % of the time"
    )
    assert "processes" not in intervals([slow(second) for second in range(9)])[0].text


@given(bad=seconds, seed=st.integers(0, 9))
def test_the_order_and_the_repetition_of_windows_change_nothing(bad: set[int], seed: int) -> None:
    windows = [slow(second) if second in bad else window(second) for second in range(60)]
    shuffled = windows + windows[::3]
    random.Random(seed).shuffle(shuffled)
    assert intervals(windows) == intervals(shuffled)


@given(bad=seconds)
def test_every_interval_is_long_enough_and_begins_and_ends_with_a_bad_second(bad: set[int]) -> None:
    found = spans([slow(second) for second in bad])
    for start, end in found:
        inside = sorted(second for second in bad if start <= second < end)
        assert len(inside) >= STRAINED_S_MIN
        assert inside[0] == start
        assert inside[-1] == end - 1
        assert all(later - earlier <= GAP_S_MAX for earlier, later in itertools.pairwise(inside))
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))


@pytest.mark.parametrize("missing", [None, Metric()])
def test_a_second_in_which_no_timer_fired_is_judged_by_the_cores_alone(missing: Metric | None) -> None:
    windows = [window(second, core_wait=CORE_WAIT_MAX * 2) for second in range(10)]
    for one in windows:
        one.metrics = {TIMER_LATE: missing} if missing else {}
    assert spans(windows) == [(0, 10)]
