"""Frames are handed out fairly, soon to those who wait, and bounded for those who never stop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.engines.chromium.frames import (
    BURST_FRAMES,
    BURST_GAP_S,
    DELAY_S_MAX,
    SUSTAINED_GAP_S,
    SUSTAINED_PER_S,
    FrameQueue,
)


def given_until(queue: FrameQueue, asks: dict[str, float], until_s: float, now: float = 0.0) -> list[tuple[float, str]]:
    """Frames as a browser gives them when every page asks again, with its own delay, as soon as it had one."""
    frames = []
    for name, delay_s in asks.items():
        queue.ask(name, now, delay_s)
    while (due := queue.next_due()) is not None and due <= until_s:
        now = max(now, due)
        while (name := queue.take(now)) is not None:
            frames.append((now, name))
            queue.ask(name, now, asks[name])
    return frames


def test_nobody_gets_a_frame_who_has_not_asked() -> None:
    queue = FrameQueue()
    assert queue.next_due() is None
    assert queue.take(100.0) is None


def test_one_frame_answers_all_that_was_asked_before_it_at_the_earliest_time() -> None:
    queue = FrameQueue()
    for now, delay_s in ((1.0, 0.5), (1.1, 0.1), (1.15, 0.5)):
        queue.ask("a", now, delay_s)
    assert queue.next_due() == pytest.approx(1.2)
    assert queue.take(1.19) is None
    assert queue.take(1.21) == "a"
    assert queue.next_due() is None


def test_who_has_waited_longest_is_first() -> None:
    queue = FrameQueue()
    for name, delay_s in (("late", 0.3), ("early", 0.1), ("middle", 0.2)):
        queue.ask(name, 0.0, delay_s)
    assert [queue.take(1.0) for _ in range(4)] == ["early", "middle", "late", None]


def test_a_page_that_never_stops_gets_a_burst_and_then_a_few_frames_a_second() -> None:
    frames = given_until(FrameQueue(), {"loop": 0.0}, until_s=11.0)
    times = [at for at, _ in frames]
    assert times[BURST_FRAMES - 1] == pytest.approx((BURST_FRAMES - 1) * BURST_GAP_S)
    lasting = sum(1.0 < at <= 11.0 for at in times)
    assert 1 / SUSTAINED_GAP_S <= lasting / 10 <= 1.5 / SUSTAINED_GAP_S


def test_a_quiet_while_gives_the_burst_back() -> None:
    queue = FrameQueue()
    given_until(queue, {"page": 0.0}, until_s=5.0)
    queue.take(5.5)
    queue.ask("page", 60.0, 0.0)
    times = [at for at, _ in given_until(queue, {"page": 0.0}, until_s=61.0, now=60.0)]
    assert len(times) >= BURST_FRAMES


def test_a_hundred_spinners_get_no_more_than_the_browsers_share_and_all_the_same() -> None:
    asks = {f"spinner {number}": 0.5 for number in range(100)}
    frames = [name for at, name in given_until(FrameQueue(), asks, until_s=120.0) if at > 60.0]
    assert len(frames) / 60 <= SUSTAINED_PER_S * 1.05
    each = {name: frames.count(name) for name in asks}
    assert max(each.values()) - min(each.values()) <= 2
    assert min(each.values()) >= 10


def test_a_hundred_spinners_do_not_keep_a_page_waiting_that_was_idle() -> None:
    queue = FrameQueue()
    asks = {f"spinner {number}": 0.0 for number in range(100)}
    given_until(queue, asks, until_s=60.0)
    queue.ask("idle", 60.0, 0.016)
    assert "idle" in {queue.take(60.2) for _ in range(20)}


def test_a_page_that_is_forgotten_gets_nothing() -> None:
    queue = FrameQueue()
    queue.ask("gone", 0.0, 0.0)
    queue.forget("gone")
    queue.forget("never seen")
    assert queue.next_due() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2), st.floats(0, 1e6)), max_size=60))
def test_every_ask_is_answered_within_its_limits(asked: list[tuple[str, float, float]]) -> None:
    queue = FrameQueue()
    now = 0.0
    waiting = set()
    for name, passed_s, delay_s in asked:
        now += passed_s
        queue.ask(name, now, delay_s)
        waiting.add(name)
        due = queue.next_due()
        assert due is not None
        assert due <= now + DELAY_S_MAX + SUSTAINED_GAP_S
        taken = queue.take(now)
        assert taken is None or taken in waiting
        waiting.discard(taken or "")
    end = now + DELAY_S_MAX + SUSTAINED_GAP_S
    assert {queue.take(end) for _ in waiting} == waiting or not waiting
    assert queue.next_due() is None
