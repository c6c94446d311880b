import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.coordinator.intake import SEQ_GAP_MAX, SeqLog, problem_of
from carga.model.histogram import Histogram
from carga.model.parts import PART_METRICS_MAX
from carga.model.windows import Gauges, Metric, UserChange, Window


def sound_window() -> Window:
    values = Histogram()
    for value in (0.0, 1.5, 20.0):
        values.record(value)
    window = Window("w", 1, 3, metrics={"step.a": Metric("ms", 1, values)}, counters={"actions": 3})
    window.causes = {"step": {"a: no": 1}}
    window.users = [UserChange(0, "running")]
    return window


def problem(window: Window) -> str:
    return problem_of(window, users=10, second_max=60)


def test_a_sound_window_is_taken_also_after_the_wire() -> None:
    assert problem(sound_window()) == ""
    assert problem(msgspec.msgpack.decode(msgspec.msgpack.encode(sound_window()), type=Window)) == ""
    assert problem(Window("w", 1, 0, metrics={"empty": Metric()})) == ""


@pytest.mark.parametrize("second", [-1, 61, 2**40])
def test_seconds_outside_the_run_are_refused(second: int) -> None:
    window = sound_window()
    window.second = second
    assert "second" in problem(window)


@pytest.mark.parametrize(
    "values",
    [
        Histogram(count=2, min=1, max=1, buckets={0: 1}),
        Histogram(count=1, min=math.nan, max=1, buckets={0: 1}),
        Histogram(count=1, min=1, max=math.inf, buckets={0: 1}),
        Histogram(count=1, min=2, max=1, buckets={0: 1}),
        Histogram(count=1, min=-1, max=1, buckets={0: 1}),
        Histogram(count=-1, min=1, max=1, buckets={0: -1}),
        Histogram(count=0, min=1, max=1, buckets={0: 2, 1: -2}),
        Histogram(count=1, sum_thousandths=-5, min=1, max=1, buckets={0: 1}),
        Histogram(count=1, min=1, max=1, buckets={10**9: 1}),
        Histogram(count=1, min=1, max=1, zeros=-1, buckets={0: 2}),
        Histogram(count=2**60, min=1, max=1, buckets={0: 2**60}),
        Histogram(count=5),
    ],
)
def test_histograms_that_do_not_add_up_are_refused(values: Histogram) -> None:
    window = sound_window()
    window.metrics["step.a"].values = values
    assert "step.a" in problem(window)


def test_other_nonsense_is_refused() -> None:
    def refused(**changes: object) -> bool:
        return bool(problem(msgspec.structs.replace(sound_window(), **changes)))

    assert refused(counters={"no such counter": 1})
    assert refused(counters={"actions": -1})
    assert refused(users=[UserChange(10, "running")])
    assert refused(users=[UserChange(-1, "running")])
    assert refused(gauges=Gauges(cpu_percent=math.nan))
    assert refused(gauges=Gauges(users_running=-1))
    assert refused(causes={"step": {"a": -1}})
    assert refused(causes={"step": {str(number): 1 for number in range(1000)}})
    assert refused(metrics={str(number): Metric() for number in range(2000)})
    assert refused(metrics={"": Metric()})
    assert refused(metrics={"a": Metric(failed=-1)})


@given(st.permutations(range(1, 30)), st.integers(0, 29))
def test_a_seq_log_knows_what_is_stored_in_any_order(seqs: list[int], until: int) -> None:
    log = SeqLog(seqs[:until])
    stored = set(seqs[:until])
    assert all((seq in log) == (seq in stored) for seq in range(1, 31))
    missing = next(seq for seq in range(1, 31) if seq not in stored)
    assert log.contiguous == missing - 1


def test_a_seq_far_ahead_or_before_the_first_is_not_taken() -> None:
    log = SeqLog([1, 2])
    assert log.takes(3)
    assert not log.takes(0)
    assert not log.takes(-1)
    assert not log.takes(3 + SEQ_GAP_MAX)


@pytest.mark.parametrize(
    "parts",
    [
        {"": {}},
        {"99": {}},
        {"0": {f"step.{number}": Metric() for number in range(PART_METRICS_MAX + 1)}},
        {"0": {"step.a": Metric("ms", -1)}},
        {"0": {"": Metric()}},
    ],
)
def test_parts_that_no_plan_has_or_that_do_not_add_up_are_refused(parts: dict[str, dict[str, Metric]]) -> None:
    window = sound_window()
    window.parts = parts
    assert problem(window)
