import pytest

from carga.coordinator.timeline import SECONDS_EXACT, Timeline
from carga.model.windows import Gauges, Metric, Window
from carga.wire.live import HISTORY_POINTS_MAX


def window(second: int, *, worker: str = "w", value_ms: float = 10.0, count: int = 10) -> Window:
    metric = Metric()
    metric.values.record(value_ms, count)
    return Window(
        worker,
        second + 1,
        second,
        metrics={"step.a": metric, "request.fetch": Metric(failed=2)},
        counters={"actions": count, "requests": 5, "bytes_received": 1000},
        gauges=Gauges(users_running=3, websockets_open=2, cpu_percent=40.0 if worker == "w" else 60.0),
    )


def test_a_second_is_the_merge_of_all_workers() -> None:
    timeline = Timeline()
    timeline.add(window(0))
    assert timeline.point(0) is not None
    timeline.add(window(0, worker="v", value_ms=30.0))
    point = timeline.point(0)
    assert point is not None
    assert (point.users_running, point.websockets_open, point.cpu_percent) == (6, 4, 60.0)
    assert (point.actions_per_s, point.requests_per_s, point.failures_per_s) == (20, 10, 4)
    assert point.metrics["step.a"].count == 20
    assert point.metrics["step.a"].p95 == pytest.approx(30.0, rel=0.01)


def test_history_is_bounded_and_keeps_counts_and_means() -> None:
    timeline = Timeline()
    seconds = 10_000
    for second in range(seconds):
        timeline.add(window(second))
    points = timeline.points(until=seconds)
    assert len(points) <= HISTORY_POINTS_MAX
    assert [point.second % timeline.step_s for point in points] == [0] * len(points)
    assert sum(point.weight for point in points) == seconds
    assert sum(point.metrics["step.a"].count for point in points) == 10 * seconds
    assert {point.actions_per_s for point in points} == {10}
    assert all(point.metrics["step.a"].p50 == pytest.approx(10.0) for point in points)


def test_what_comes_later_than_the_exact_seconds_does_not_disturb_the_chart() -> None:
    timeline = Timeline()
    for second in range(SECONDS_EXACT * 2):
        timeline.add(window(second))
    before = timeline.points(until=1000)
    timeline.add(window(0, worker="late"))
    assert timeline.points(until=1000) == before


def test_seconds_may_come_in_any_order_and_with_gaps() -> None:
    timeline = Timeline()
    for second in (5, 3, 9, 4):
        timeline.add(window(second))
    assert [point.second for point in timeline.points(until=8)] == [3, 4, 5]
    assert timeline.point(6) is None
    assert timeline.newest == 9
