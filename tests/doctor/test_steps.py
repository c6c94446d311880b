"""From steps with more and more users to how many a machine holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.doctor.capacity import MachineRoom
from carga.doctor.steps import BACK_OFF_SHARE, BEYOND_MAX, Second, Step, conclude, next_to_verify, step_of, steps_up_to
from carga.model.engines import BrowserKind
from carga.model.strain import CORE_TURN_MS_MAX, CORE_WAIT_MAX, TIMER_LATE_MS_MAX

KIND = BrowserKind()
ROOM = MachineRoom(cores=2.0, memory_mb=20_000.0, fds=10**6)
IDLE = Step(0, 0, cores=0.1, own_cores=0.05, memory_mb=200.0, timer_late_ms=0.0, carried=True)


def step(
    users: int, *, cores: float = 0.01, memory_mb: float = 30.0, ran: int | None = None, carried: bool = True
) -> Step:
    return Step(
        users,
        users if ran is None else ran,
        cores=0.1 + users * cores,
        own_cores=0.05 + users * cores * 0.8,
        memory_mb=200.0 + users * memory_mb,
        timer_late_ms=users * 0.1,
        carried=carried,
    )


def second(users: int = 10, **changes: float) -> Second:
    return Second(users, 0.5, 0.4, 500.0, **changes)  # type: ignore[arg-type]


def test_a_quarter_a_half_and_all_are_tried() -> None:
    assert [steps_up_to(users) for users in (1, 2, 3, 40)] == [[1], [1, 2], [1, 3], [10, 20, 40]]


def test_a_step_is_carried_when_all_its_users_run_and_few_of_its_seconds_are_strained() -> None:
    late, starved, full = (
        second(timer_late_ms=TIMER_LATE_MS_MAX * 2),
        second(core_wait=CORE_WAIT_MAX * 2, core_turn_ms=CORE_TURN_MS_MAX * 2),
        second(full=True),
    )
    carried = {
        "calm": step_of(10, [second()] * 5),
        "a hiccup": step_of(10, [second()] * 4 + [late]),
        "late": step_of(10, [second(), late, late]),
        "starved": step_of(10, [starved] * 5),
        "full": step_of(10, [full] * 5),
        "not all": step_of(11, [second()] * 5),
    }
    assert [name for name, one in carried.items() if one and one.carried] == ["calm", "a hiccup"]
    assert step_of(10, []) is None


def test_the_scarcest_resource_limits_and_the_machines_own_load_is_taken_off() -> None:
    finding = conclude(KIND, IDLE, [step(10), step(20), step(40)], ROOM)
    assert (finding.limited_by, finding.held) == ("CPU", 40)
    assert finding.users == pytest.approx((2.0 * 0.8 - 0.1) / 0.01, abs=1)
    finding = conclude(KIND, IDLE, [step(40, cores=0.001, memory_mb=100.0)], ROOM)
    assert (finding.users, finding.limited_by) == (170, "memory")


def test_the_largest_step_that_was_carried_counts_because_noise_is_small_there() -> None:
    steps = [step(1, cores=0.9, memory_mb=200.0), step(40), step(80, cores=0.001, ran=60, carried=False)]
    finding = conclude(KIND, IDLE, steps, ROOM)
    assert (finding.cores_per_user, finding.memory_mb_per_user) == (pytest.approx(0.01), pytest.approx(30.0))


def test_a_neighbour_that_ends_in_the_middle_does_not_make_users_free() -> None:
    busy = Step(0, 0, cores=1.0, own_cores=0.05, memory_mb=200.0, timer_late_ms=0.0, carried=True)
    assert conclude(KIND, busy, [step(40)], ROOM).cores_per_user == pytest.approx(0.008)


def test_nothing_is_promised_far_beyond_what_was_tried() -> None:
    finding = conclude(KIND, IDLE, [step(2, cores=0.0, memory_mb=0.0)], ROOM)
    assert (finding.users, finding.limited_by) == (2 * BEYOND_MAX, "what was tried")


def test_what_was_too_much_outweighs_every_estimate() -> None:
    finding = conclude(KIND, IDLE, [step(20), step(40), step(100, ran=90, carried=False)], ROOM)
    assert (finding.users, finding.limited_by, finding.held) == (int(90 * BACK_OFF_SHARE), "measured", 40)
    finding = conclude(KIND, IDLE, [step(10, ran=4, carried=False)], ROOM)
    assert (finding.users, finding.held) == (3, 0)


def test_a_machine_on_which_nobody_ran_holds_nobody() -> None:
    assert conclude(KIND, IDLE, [step(10, ran=0, carried=False)], ROOM).users == 0


def test_the_verification_is_near_the_estimate_or_does_not_happen() -> None:
    finding = conclude(KIND, IDLE, [step(10), step(40)], ROOM)
    assert next_to_verify(finding, tried=40, users_max=400) == 135
    assert next_to_verify(finding, tried=40, users_max=100) == 100
    assert next_to_verify(finding, tried=150, users_max=400) is None
    measured = conclude(KIND, IDLE, [step(40, carried=False)], ROOM)
    assert next_to_verify(measured, tried=10, users_max=400) is None


@given(
    cores=st.floats(0, 1),
    memory_mb=st.floats(0, 1000),
    users=st.lists(st.integers(1, 500), min_size=1, max_size=4, unique=True),
    carried=st.integers(0, 4),
)
def test_an_answer_is_never_less_than_was_carried_nor_more_than_was_too_much(
    cores: float, memory_mb: float, users: list[int], carried: int
) -> None:
    steps = [
        step(count, cores=cores, memory_mb=memory_mb, carried=place < carried)
        for place, count in enumerate(sorted(users))
    ]
    finding = conclude(KIND, IDLE, steps, ROOM)
    assert finding.users >= finding.held
    assert all(finding.users < one.users or one.users == 1 for one in steps if not one.carried)
