"""What the table of engines promises, and which users belong to a visible sample."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from carga.model.engines import ENGINES, in_full_sample, kind_of
from carga.model.plan import Group


def test_every_engine_has_a_default_rendering_and_isolation() -> None:
    for traits in ENGINES.values():
        assert traits.renderings
        assert traits.isolations[0] == "context" or traits.users_per_browser == 1


@given(st.integers(1, 3000), st.integers(1, 100), st.integers(0, 5000))
def test_a_sample_has_its_share_of_the_group_rounded_up_and_is_spread_evenly(
    count: int, percent: int, first_index: int
) -> None:
    group = Group("a", count, first_index=first_index, full_sample=percent / 100)
    members = [index for index in range(first_index, first_index + count) if in_full_sample(group, index)]
    assert abs(len(members) - count * percent / 100) <= 1
    assert members[0] == first_index
    gaps = {after - before for before, after in pairwise(members)}
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert kind_of(group, first_index).rendering == "full"


def test_without_a_sample_everybody_is_rendered_as_the_group_says() -> None:
    group = Group("a", 50, rendering="none")
    assert {kind_of(group, index).rendering for index in range(50)} == {"none"}
