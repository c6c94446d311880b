from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.plan import Group, Plan, Stage, Target
from carga.model.profile import LoadProfile, activation_order

stages = st.lists(
    st.builds(Stage, st.integers(0, 1000), st.one_of(st.just(0.0), st.floats(0.001, 1000))), min_size=1, max_size=8
).map(tuple)


def plan(*counts: int) -> Plan:
    groups, first = [], 0
    for number, count in enumerate(counts):
        groups.append(Group(f"g{number}", count, first))
        first += count
    return Plan("plan.toml", Target("http://a/"), tuple(groups), ())


@pytest.mark.parametrize(
    ("elapsed_s", "users"),
    [
        (-1, 0),
        (0, 0),
        (4, 0),
        (5, 1),
        (50, 5),
        (95, 10),
        (100, 10),
        (130, 10),
        (150, 4),
        (155, 3),
        (159.9, 2),
        (160, 0),
        (999, 0),
    ],
)
def test_a_ramp_a_hold_a_jump_down_and_a_ramp_down(elapsed_s: float, users: int) -> None:
    profile = LoadProfile((Stage(10, 100), Stage(10, 50), Stage(4, 0), Stage(2, 10), Stage(0, 0)))
    assert profile.users_at(elapsed_s) == users


def test_a_jump_at_the_start_is_there_at_once() -> None:
    assert LoadProfile((Stage(7, 0), Stage(7, 60))).users_at(0) == 7


def test_of_several_jumps_in_one_moment_the_last_counts() -> None:
    assert LoadProfile((Stage(7, 0), Stage(3, 0), Stage(3, 60))).users_at(0) == 3


@given(stages, st.floats(-10, 10_000))
def test_users_stay_between_nobody_and_the_peak(profile: tuple[Stage, ...], elapsed_s: float) -> None:
    assert 0 <= LoadProfile(profile).users_at(elapsed_s) <= LoadProfile(profile).peak


@given(stages)
def test_corners_begin_at_nothing_and_end_with_the_last_stage(profile: tuple[Stage, ...]) -> None:
    made = LoadProfile(profile)
    corners = made.corners()
    assert corners[0] == (0.0, 0.0)
    assert corners[-1][0] == pytest.approx(made.duration_s)
    assert corners[-1][1] == profile[-1].users
    assert corners == sorted(corners, key=lambda corner: corner[0])


@given(stages)
def test_the_last_corner_of_each_moment_is_what_users_at_says(profile: tuple[Stage, ...]) -> None:
    made = LoadProfile(profile)
    for seconds, users in dict(made.corners()).items():
        assert made.users_at(seconds) == users


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.data())
def test_every_load_level_has_the_mixture_of_the_plan(counts: list[int], data: st.DataObject) -> None:
    made = plan(*counts)
    order = activation_order(made)
    assert sorted(order) == list(range(made.users))
    size = data.draw(st.integers(0, made.users))
    group_at = [position for position, count in enumerate(counts) for _ in range(count)]
    present = Counter(group_at[index] for index in order[:size])
    for position, count in enumerate(counts):
        assert abs(present[position] - size * count / made.users) <= 0.5 + len(counts) / 2


def test_within_a_group_users_come_by_index() -> None:
    order = activation_order(plan(5, 2))
    assert [index for index in order if index < 5] == [0, 1, 2, 3, 4]
    assert order == activation_order(plan(5, 2))
