"""Looks for the most users that a tool holds: up by doubling, down by halving, then between the two."""

from collections.abc import Callable

import msgspec

from benchmarks.peers.step import Step

BASELINE_USERS = 5
ACTIONS_MIN = 0.95
"""Share of the actions that the users should make."""
SLOWER_MAX = 0.20
"""How much the tool's own p95 may be above that of BASELINE_USERS …"""
SLOWER_FLOOR_MS = 20.0
"""… or this, where a fifth is less: a little more than a frame of 16.7 ms, the step in which browsers and most tools
wait. A tool that measures 2 ms must not break at 2.4."""


class Judgement(msgspec.Struct, frozen=True):
    acted: bool
    quick: bool
    why: str

    @property
    def held(self) -> bool:
        return self.acted and self.quick


def judge(step: Step, baseline: Step | None) -> Judgement:
    """Whether the tool holds so many users."""
    if step.error:
        return Judgement(False, False, step.error)
    acted = step.actions_per_s >= ACTIONS_MIN * step.users
    share = f"{100 * step.actions_per_s / step.users:.0f} % of the actions"
    if baseline is None or baseline.own_p95_ms is None or step.own_p95_ms is None:
        return Judgement(acted, False, f"{share}, no p95 to compare")
    limit_ms = max(baseline.own_p95_ms * (1 + SLOWER_MAX), baseline.own_p95_ms + SLOWER_FLOOR_MS)
    return Judgement(acted, step.own_p95_ms <= limit_ms, f"{share}, p95 {step.own_p95_ms:.0f} of {limit_ms:.0f} ms")


def search(measure: Callable[[int], bool], first: int, users_max: int, refine: int) -> None:
    """Calls `measure` with numbers of users; it tells whether so many were held.

    Doubles from `first` until it breaks, or halves until it holds; then `refine` times the middle of what is left, in
    steps of 10.
    """
    held, broken = BASELINE_USERS, users_max + 1
    users = min(first, users_max)
    while True:
        if measure(users):
            held = users
            if users == users_max:
                return
            following = min(users * 2, users_max)
            if following >= broken:
                break
            users = following
        else:
            broken = users
            if users // 2 <= held:
                break
            users //= 2
    for _ in range(refine):
        middle = round((held + broken) / 20) * 10
        if not held < middle < broken:
            return
        if measure(middle):
            held = middle
        else:
            broken = middle
