"""When a machine takes no more users, when it does again, and when it has to give some up."""

from hypothesis import given
from hypothesis import strategies as st

from carga.model.strain import CORE_TURN_MS_MAX, CORE_WAIT_MAX, STRAINED_S_MIN, TIMER_LATE_MS_MAX
from carga.worker.admission import (
    CALM_S_FIRST,
    CALM_S_MAX,
    LATE_MS_MAX,
    LIMITS_SHARE,
    PACE_DOWN,
    PACE_MIN,
    RELEASE_EVERY_S,
    RELEASE_SHARE_MAX,
    STRAINED_S,
    Admission,
    Reading,
    memory_floor_mb,
)

CALM = Reading(timers=50, late_ms=2.0, core_wait=1.0, memory_total_mb=16_000, memory_available_mb=9_000, users=100)
LATE = Reading(timers=50, late_ms=LATE_MS_MAX * 2, memory_total_mb=16_000, memory_available_mb=9_000, users=100)
STARVED = Reading(
    timers=50,
    core_wait=CORE_WAIT_MAX,
    core_turn_ms=CORE_TURN_MS_MAX,
    memory_total_mb=16_000,
    memory_available_mb=9_000,
)

readings = st.builds(
    Reading,
    timers=st.integers(0, 100),
    late_ms=st.floats(0, 5000),
    core_wait=st.floats(0, 400),
    core_turn_ms=st.floats(0, 100),
    memory_total_mb=st.just(16_000.0),
    memory_available_mb=st.floats(0, 16_000),
    memory_mb=st.floats(0, 16_000),
    users=st.integers(0, 1000),
)


class Day:
    """Seconds that pass, one judgement each."""

    def __init__(self) -> None:
        self.admission = Admission()
        self.now = 100.0

    def pass_s(self, reading: Reading, seconds: int = 1) -> int:
        released = 0
        for _ in range(seconds):
            self.now += 1.0
            released += self.admission.judge(reading, self.now)
        return released

    def until_open_s(self) -> int:
        """Calm seconds until users are admitted again."""
        for second in range(1, 200):
            self.pass_s(CALM)
            if not self.admission.full:
                return second
        raise AssertionError("it never admits anybody again")


def test_a_calm_machine_takes_users() -> None:
    day = Day()
    day.pass_s(CALM, 100)
    assert day.admission.full == ""


def test_a_machine_that_is_late_for_several_seconds_is_full_and_says_why() -> None:
    day = Day()
    day.pass_s(LATE, STRAINED_S - 1)
    assert day.admission.full == ""
    day.pass_s(LATE)
    assert day.admission.full == "timers in the pages are 250 ms late"
    day = Day()
    day.pass_s(STARVED, STRAINED_S)
    assert "wait 10 times as long for a core as they work" in day.admission.full


def test_one_hiccup_stops_nobody() -> None:
    day = Day()
    for _ in range(20):
        day.pass_s(LATE, STRAINED_S - 1)
        day.pass_s(CALM, 5)
        assert day.admission.full == ""


def test_a_few_timers_of_a_busy_page_say_nothing_about_the_machine() -> None:
    day = Day()
    day.pass_s(Reading(timers=2, late_ms=4000.0), 60)
    assert day.admission.full == ""


def test_it_is_full_before_the_run_could_not_be_believed() -> None:
    assert LATE_MS_MAX < TIMER_LATE_MS_MAX
    assert LIMITS_SHARE < 1
    assert STRAINED_S < STRAINED_S_MIN


def test_a_strained_machine_gets_users_slower_and_a_calm_one_as_ever() -> None:
    day = Day()
    day.pass_s(CALM, 3)
    assert day.admission.pace == 1.0
    day.pass_s(STARVED)
    assert day.admission.pace == PACE_DOWN
    assert not day.admission.full
    day.pass_s(STARVED, 30)
    assert day.admission.pace == PACE_MIN
    day.pass_s(CALM, 60)
    assert day.admission.pace == 1.0


def test_it_takes_users_again_when_it_was_calm_for_a_while() -> None:
    day = Day()
    day.pass_s(LATE, 10)
    assert day.until_open_s() > CALM_S_FIRST
    day.pass_s(LATE, 10)
    day.pass_s(CALM, 2)
    day.pass_s(LATE)
    assert day.admission.full, "calm that was broken does not count"


def test_the_longer_it_relapses_the_longer_it_waits_but_not_for_ever() -> None:
    day = Day()
    waits = []
    for _ in range(8):
        day.pass_s(STARVED, STRAINED_S)
        waits.append(day.until_open_s())
    assert waits == sorted(waits)
    assert waits[-1] == CALM_S_MAX + 1
    day.pass_s(CALM, 100)
    day.pass_s(STARVED, STRAINED_S)
    assert day.until_open_s() == waits[0], "after a good while it begins anew"


def test_below_the_floor_of_memory_nobody_is_added_and_far_below_the_newest_go() -> None:
    day = Day()
    floor = memory_floor_mb(16_000)
    assert floor == 800
    low = Reading(memory_total_mb=16_000, memory_available_mb=floor - 1, memory_mb=4_000, users=100)
    assert day.pass_s(low, 5) == 0
    assert day.admission.full == "only 799 MB of memory are left"
    lower = Reading(memory_total_mb=16_000, memory_available_mb=300, memory_mb=4_000, users=100)
    assert day.pass_s(lower) == 10, "no more than a tenth at once"
    assert day.pass_s(lower, int(RELEASE_EVERY_S) - 1) == 0, "what was released must have the time to end"
    assert day.pass_s(lower) == 10
    assert day.pass_s(Reading(memory_total_mb=16_000, memory_available_mb=floor + 1, users=80), 100) == 0
    assert day.admission.full, "just above the floor it would be below at once"
    day.pass_s(CALM, 10)
    assert day.admission.full == ""


def test_the_floor_fits_small_machines_and_large_ones() -> None:
    assert [memory_floor_mb(total) for total in (0, 512, 24_000, 512_000)] == [128, 128, 1200, 2048]


@given(st.lists(readings, max_size=60))
def test_it_never_releases_more_than_a_tenth_nor_anybody_while_it_takes_users(seconds: list[Reading]) -> None:
    day = Day()
    for reading in seconds:
        released = day.pass_s(reading)
        assert released <= max(1, reading.users * RELEASE_SHARE_MAX)
        assert released <= reading.users
        assert not released or day.admission.full
        if reading.memory_available_mb < memory_floor_mb(16_000):
            assert day.admission.full


@given(st.lists(readings, max_size=40))
def test_whatever_happened_calm_opens_it_again(seconds: list[Reading]) -> None:
    day = Day()
    for reading in seconds:
        day.pass_s(reading)
    day.pass_s(CALM, int(CALM_S_MAX) + 2)
    assert day.admission.full == ""
