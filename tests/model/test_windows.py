from collections import Counter
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from carga.model.windows import (
    CAUSES_PER_AREA_MAX,
    METRICS_MAX,
    OTHER,
    Area,
    Metric,
    merge_causes,
    merge_counts,
    merge_metrics,
)


def metrics(values: dict[str, list[float]], failed: int = 0) -> dict[str, Metric]:
    made = {}
    for name, items in values.items():
        made[name] = Metric(failed=failed)
        for item in items:
            made[name].values.record(item)
    return made


some = st.dictionaries(st.sampled_from(["step.a", "step.b", "iteration"]), st.lists(st.floats(0, 1e6), max_size=5))
counts = st.dictionaries(st.sampled_from("abc"), st.integers(0, 1000))


@given(st.lists(some, min_size=3, max_size=3))
def test_metrics_merge_to_the_same_in_any_order(parts: list[dict[str, list[float]]]) -> None:
    results = []
    for order in permutations(parts):
        into: dict[str, Metric] = {}
        assert sum(merge_metrics(into, metrics(part, failed=1)) for part in order) == 0
        results.append(into)
    assert all(result == results[0] for result in results)


@given(counts, counts)
def test_counts_add_up(a: dict[str, int], b: dict[str, int]) -> None:
    into = dict(a)
    merge_counts(into, b)
    assert Counter(into) == Counter({key: a.get(key, 0) + b.get(key, 0) for key in {*a, *b}})


def test_merging_takes_a_copy_so_that_later_merges_do_not_reach_the_source() -> None:
    source = metrics({"step.a": [1.0]})
    into: dict[str, Metric] = {}
    merge_metrics(into, source)
    merge_metrics(into, source)
    assert into["step.a"].values.count == 2
    assert source["step.a"].values.count == 1


def test_attempts_are_successes_and_failures() -> None:
    metric = metrics({"step.a": [1.0, 2.0]}, failed=3)["step.a"]
    assert metric.attempts == 5


def test_metrics_beyond_the_limit_are_counted_as_dropped() -> None:
    into = {f"step.{number}": Metric() for number in range(METRICS_MAX)}
    assert merge_metrics(into, metrics({"step.new": [1.0, 2.0]}, failed=1)) == 3
    assert merge_metrics(into, metrics({"step.0": [1.0]})) == 0
    assert len(into) == METRICS_MAX


def test_causes_beyond_the_limit_are_counted_under_other_and_none_is_lost() -> None:
    into: dict[Area, dict[str, int]] = {}
    for number in range(CAUSES_PER_AREA_MAX + 50):
        merge_causes(into, {"request": {f"HTTP {number}": 2}})
    merge_causes(into, {"request": {"HTTP 0": 1}, "page": {"TypeError": 1}})
    assert len(into["request"]) == CAUSES_PER_AREA_MAX + 1
    assert into["request"][OTHER] == 100
    assert into["request"]["HTTP 0"] == 3
    assert sum(into["request"].values()) == 2 * (CAUSES_PER_AREA_MAX + 50) + 1
    assert into["page"] == {"TypeError": 1}
