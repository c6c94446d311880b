import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.histogram import VALUE_MAX, Histogram

values = st.one_of(st.just(0.0), st.floats(1e-6, 1e9))
lists = st.lists(values, max_size=200)


def histogram(items: list[float]) -> Histogram:
    made = Histogram()
    for item in items:
        made.record(item)
    return made


def merged(*parts: Histogram) -> Histogram:
    into = Histogram()
    for part in parts:
        into.merge(part)
    return into


@given(lists, lists)
def test_merging_is_commutative(a: list[float], b: list[float]) -> None:
    assert merged(histogram(a), histogram(b)) == merged(histogram(b), histogram(a))


@given(lists, lists, lists)
def test_merging_is_associative(a: list[float], b: list[float], c: list[float]) -> None:
    left = merged(merged(histogram(a), histogram(b)), histogram(c))
    right = merged(histogram(a), merged(histogram(b), histogram(c)))
    assert left == right


@given(lists, lists)
def test_a_merge_equals_the_histogram_of_all_values(a: list[float], b: list[float]) -> None:
    assert merged(histogram(a), histogram(b)) == histogram(a + b)


@given(st.lists(values, min_size=1, max_size=300), st.floats(0.0, 1.0))
def test_a_quantile_is_less_than_0_3_percent_from_the_sorted_value(items: list[float], share: float) -> None:
    exact = sorted(items)[max(1, math.ceil(share * len(items))) - 1]
    assert histogram(items).quantile(share) == pytest.approx(exact, rel=0.003, abs=0)


@given(st.lists(values, min_size=1, max_size=100))
def test_quantiles_ascend_between_the_exact_minimum_and_maximum(items: list[float]) -> None:
    made = histogram(items)
    quantiles = made.quantiles((0.0, 0.5, 0.9, 0.99, 1.0))
    assert quantiles == sorted(quantiles)
    assert (made.min, made.max) == (min(items), max(items))
    assert made.min <= quantiles[0]
    assert quantiles[-1] <= made.max


@given(st.lists(values, min_size=1, max_size=100))
def test_count_is_exact_and_the_sum_is_exact_to_half_a_thousandth_a_value(items: list[float]) -> None:
    made = histogram(items)
    assert made.count == len(items)
    assert made.sum_thousandths == sum(round(item * 1000) for item in items)
    assert made.mean == pytest.approx(sum(items) / len(items), abs=0.000501, rel=1e-9)


@given(values, st.integers(1, 1000))
def test_recording_a_value_several_times_equals_recording_it_again_and_again(value: float, times: int) -> None:
    at_once = Histogram()
    at_once.record(value, times)
    assert at_once == histogram([value] * times)


@given(lists)
def test_the_wire_changes_nothing(items: list[float]) -> None:
    made = histogram(items)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Histogram) == made


@given(lists, lists)
def test_a_copy_and_the_other_side_of_a_merge_stay_as_they_are(a: list[float], b: list[float]) -> None:
    original, other = histogram(a), histogram(b)
    original.copy().merge(other)
    assert original == histogram(a)
    assert other == histogram(b)


@pytest.mark.parametrize("value", [-1.0, -1e-9, math.nan, math.inf, -math.inf, 1e308, VALUE_MAX * 1.01])
def test_a_value_that_no_duration_has_is_refused_and_leaves_no_trace(value: float) -> None:
    made = Histogram()
    with pytest.raises(ValueError, match="from 0 to"):
        made.record(value)
    assert made == Histogram()


def test_an_empty_histogram_has_no_quantile_and_no_mean() -> None:
    assert math.isnan(Histogram().quantile(0.5))
    assert math.isnan(Histogram().mean)


@pytest.mark.parametrize("exponent", range(-20, 30))
def test_powers_of_two_lie_in_the_bucket_whose_upper_bound_they_are(exponent: int) -> None:
    assert histogram([2.0**exponent]).buckets == {exponent * 128 - 1: 1}
