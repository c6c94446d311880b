import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.plan import Statistic, Threshold
from carga.model.plan_limits import read_limit, read_metric
from carga.model.problems import Wrong
from carga.model.thresholds import METRICS, WEBSOCKETS, evaluate, number, statistics_of
from carga.model.totals import Totals
from carga.model.windows import COUNTERS, Metric


def totals(**counters: int) -> Totals:
    made = Totals()
    made.counters.update(counters)
    made.metrics["step.open guide"] = Metric(failed=1)
    for value in (100.0, 200.0, 300.0):
        made.metrics["step.open guide"].values.record(value)
    made.metrics["request.fetch"] = Metric(failed=2)
    made.metrics["step.broken"] = Metric(failed=5)
    return made


def value_of(metric: str, statistic: Statistic, *, limit: float = 0.0, **counters: int) -> float | None:
    threshold = Threshold(metric, statistic, "<=", limit, "text")
    [result] = evaluate((threshold,), totals(**counters), duration_s=2.0)
    assert result.passed == (result.value is not None and result.value <= limit)
    return result.value


@pytest.mark.parametrize(
    ("metric", "statistic", "value"),
    [
        ("step.open guide", "min", 100.0),
        ("step.open guide", "max", 300.0),
        ("step.open guide", "mean", 200.0),
        ("step.open guide", "p50", pytest.approx(200, rel=0.003)),
        ("step.open guide", "p99", pytest.approx(300, rel=0.003)),
        ("step.open guide", "failed", 0.25),
        ("step.open guide", "count", 4.0),
        ("step.open guide", "rate", 2.0),
        ("requests", "failed", 1.0),
        ("step.broken", "failed", 1.0),
        ("step.broken", "p95", None),
        ("step.never", "p95", None),
        ("step.never", "failed", None),
        ("step.never", "rate", None),
        ("step.never", "count", 0.0),
        ("page_errors", "count", 3.0),
        ("page_errors", "rate", 1.5),
        ("websockets", "failed", 0.1),
        ("websockets", "count", 20.0),
    ],
)
def test_each_statistic_is_measured(metric: str, statistic: Statistic, value: float | None) -> None:
    measured = value_of(metric, statistic, page_errors=3, websockets_opened=20, websockets_closed_abnormally=2)
    assert measured == value


def test_nothing_measured_does_not_pass_except_for_a_count() -> None:
    empty = Totals()
    for metric in ("step.a", "requests", "websockets"):
        for statistic in statistics_of(metric):
            threshold = Threshold(metric, statistic, "<=", 1e9, "text")
            [result] = evaluate((threshold,), empty, duration_s=10)
            counted = statistic == "count" or (statistic == "rate" and metric in (WEBSOCKETS, *COUNTERS))
            assert result.passed == counted, (metric, statistic)
            assert (result.value is not None) == counted


def test_a_run_without_time_has_no_rate() -> None:
    [result] = evaluate((Threshold("page_errors", "rate", ">=", 0.0, "text"),), Totals(), duration_s=0.0)
    assert result.value is None
    assert not result.passed


@given(st.floats(0, 1000), st.sampled_from(["<=", ">="]))
def test_the_bound_itself_is_allowed_in_both_directions(limit: float, op: str) -> None:
    made = Totals()
    made.metrics["custom.fps"] = Metric("fps")
    made.metrics["custom.fps"].values.record(limit)
    [result] = evaluate((Threshold("custom.fps", "max", op, limit, "text"),), made, duration_s=1)  # type: ignore[arg-type]
    assert result.passed


@pytest.mark.parametrize(
    ("metric", "statistic", "written", "text", "limit"),
    [
        ("step.a", "p95", "800ms", "step.a p95 <= 800 ms", 800.0),
        ("step.a", "p99", "<= 1.5s", "step.a p99 <= 1500 ms", 1500.0),
        ("step.a", "min", ">=10ms", "step.a min >= 10 ms", 10.0),
        ("requests", "failed", "1%", "requests failed <= 1 %", 0.01),
        ("requests", "failed", 0, "requests failed <= 0 %", 0.0),
        ("requests", "rate", "10/s", "requests rate >= 10/s", 10.0),
        ("requests", "rate", "<= 0.5 / s", "requests rate <= 0.5/s", 0.5),
        ("page_errors", "count", 0, "page_errors count <= 0", 0.0),
        ("iteration", "count", ">= 100", "iteration count >= 100", 100.0),
        ("vitals.cls", "p90", 0.1, "vitals.cls p90 <= 0.1", 0.1),
        ("custom.fps", "mean", ">= 25", "custom.fps mean >= 25", 25.0),
        ("custom.zap", "p95", "2s", "custom.zap p95 <= 2000 ms", 2000.0),
        ("generator.timer_late", "p99", "100ms", "generator.timer_late p99 <= 100 ms", 100.0),
    ],
)
def test_limits_are_read_as_people_write_them(
    metric: str, statistic: Statistic, written: object, text: str, limit: float
) -> None:
    threshold = read_limit(metric, statistic, written)
    assert threshold.text == text
    assert threshold.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("metric", "statistic", "written"),
    [
        ("step.a", "p95", 800),
        ("step.a", "p95", "800"),
        ("step.a", "p95", "< 1s"),
        ("step.a", "p95", "1s" * 50),
        ("step.a", "p95", True),
        ("step.a", "p95", ["1s"]),
        ("requests", "failed", "101%"),
        ("requests", "failed", 0.01),
        ("requests", "failed", "1"),
        ("requests", "failed", False),
        ("requests", "rate", 10),
        ("requests", "rate", "10/m"),
        ("page_errors", "count", -1),
        ("page_errors", "count", 1.5),
        ("page_errors", "count", True),
        ("page_errors", "p95", "1s"),
        ("websockets", "max", "1s"),
        ("vitals.cls", "p90", "1s"),
        ("vitals.cls", "p90", float("nan")),
        ("custom.fps", "mean", float("inf")),
        ("custom.fps", "mean", -1),
        ("custom.fps", "mean", {}),
    ],
)
def test_limits_that_cannot_be_meant_are_refused_with_a_remedy(
    metric: str, statistic: Statistic, written: object
) -> None:
    with pytest.raises(Wrong) as raised:
        read_limit(metric, statistic, written)
    assert raised.value.problem
    assert raised.value.remedy


@pytest.mark.parametrize("name", [*METRICS, *COUNTERS, WEBSOCKETS, "step.x", "custom.a b"])
def test_every_metric_that_is_measured_may_be_named(name: str) -> None:
    assert read_metric(name) == name
    assert statistics_of(name)


@pytest.mark.parametrize("name", ["", "step.", "custom.", "stepx", "request.", "request.foo", 3, None])
def test_other_metrics_may_not(name: object) -> None:
    with pytest.raises(Wrong):
        read_metric(name)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.12345, "0.123"), (99.96, "100"), (912.4, "912"), (1500, "1500")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
