"""Whether the machine can carry more users honestly, decided once a second. Pure.

A worker stops opening users before the machine is so late that the run could not be believed, and goes on when it has
been calm for a while; each time that it was full again soon after, it waits twice as long, so that a machine near its
limit is not pushed over it again and again. Before that, fewer users are opened at once: opening a page costs far more
than having it, and a machine that could carry many more must not be taken for full because many come together.

When memory runs out it does not wait for the kernel to kill a browser with all its users: the newest users are
released.
"""

import math

import msgspec

from carga.model.strain import TIMER_LATE_MS_MAX, is_starved

LIMITS_SHARE = 0.5
"""Of what makes a run untrusted."""
CALM_SHARE = 0.25
LATE_MS_MAX = TIMER_LATE_MS_MAX * LIMITS_SHARE
LATE_MS_CALM = TIMER_LATE_MS_MAX * CALM_SHARE
TIMERS_MIN = 5
"""In a second. Fewer say more about a page than about the machine."""
STRAINED_S = 3
"""So many strained seconds of the last STRAINED_OF_S, and nobody is admitted. Below what makes a strained interval."""
STRAINED_OF_S = 4
CALM_S_FIRST = 3.0
CALM_S_MAX = 60.0
RELAPSE_S = 60.0
"""A machine that is full again within this time waits twice as long the next time."""
PACE_MIN = 0.01
PACE_DOWN = 0.5
"""In each strained second."""
PACE_UP = 1.1
"""In each calm second."""

MEMORY_SHARE_FLOOR = 0.05
"""Of all memory. Below it nobody is admitted: file caches and the target, where it runs here too, need some."""
MEMORY_MB_FLOOR_MIN = 128.0
MEMORY_MB_FLOOR_MAX = 2048.0
RELEASE_SHARE = 0.5
"""Of the floor. Below it users are released."""
MEMORY_MARGIN = 1.2
"""Over the floor, before users are admitted again."""
RELEASE_EVERY_S = 3.0
"""What closing users takes until the memory is free."""
RELEASE_SHARE_MAX = 0.1
"""Of the running users, at once."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen in one second."""

    timers: int = 0
    """That fired in the pages."""
    late_ms: float = 0.0
    """The latest tenth of them was at least so late."""
    core_wait: float = 0.0
    core_turn_ms: float = 0.0
    memory_total_mb: float = 0.0
    """0: not known."""
    memory_available_mb: float = 0.0
    memory_mb: float = 0.0
    """Of this worker with its browsers."""
    users: int = 0


class Admission:
    def __init__(self) -> None:
        self.full = ""
        """Why nobody is admitted, in words; "": users are."""
        self.pace = 1.0
        """Share of the users that may usually be opened at once."""
        self._strained: list[bool] = []
        self._calm_since: float | None = None
        self._calm_s = CALM_S_FIRST
        self._resumed_at = -math.inf
        self._release_at = -math.inf

    def judge(self, reading: Reading, now: float) -> int:
        """Returns how many users are to be released at once."""
        floor_mb = memory_floor_mb(reading.memory_total_mb)
        strain = _strain(reading)
        self._strained = [*self._strained, bool(strain)][-STRAINED_OF_S:]
        if strain:
            self.pace = max(PACE_MIN, self.pace * PACE_DOWN)
        elif _is_calm(reading, floor_mb):
            self.pace = min(1.0, self.pace * PACE_UP)
        scarce = bool(reading.memory_total_mb) and reading.memory_available_mb < floor_mb
        if scarce:
            self._stop(f"only {reading.memory_available_mb:,.0f} MB of memory are left", now)
        elif strain and sum(self._strained) >= STRAINED_S:
            self._stop(strain, now)
        elif self.full:
            self._wait_for_calm(reading, floor_mb, now)
        if scarce and reading.memory_available_mb < floor_mb * RELEASE_SHARE:
            return self._release(reading, floor_mb, now)
        return 0

    def _stop(self, reason: str, now: float) -> None:
        if not self.full:
            relapsed = now - self._resumed_at < RELAPSE_S
            self._calm_s = min(CALM_S_MAX, self._calm_s * 2) if relapsed else CALM_S_FIRST
            self.full = reason
        self._calm_since = None

    def _wait_for_calm(self, reading: Reading, floor_mb: float, now: float) -> None:
        if not _is_calm(reading, floor_mb):
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= self._calm_s:
            self.full = ""
            self._calm_since = None
            self._resumed_at = now
            self._strained = []

    def _release(self, reading: Reading, floor_mb: float, now: float) -> int:
        if now < self._release_at or not reading.users:
            return 0
        self._release_at = now + RELEASE_EVERY_S
        user_mb = max(1.0, reading.memory_mb / reading.users)
        needed = math.ceil((floor_mb - reading.memory_available_mb) / user_mb)
        return max(1, min(needed, int(reading.users * RELEASE_SHARE_MAX)))


def memory_floor_mb(total_mb: float) -> float:
    return min(MEMORY_MB_FLOOR_MAX, max(MEMORY_MB_FLOOR_MIN, total_mb * MEMORY_SHARE_FLOOR))


def _strain(reading: Reading) -> str:
    """What says that the machine is full in this second, in words."""
    if reading.timers >= TIMERS_MIN and reading.late_ms > LATE_MS_MAX:
        return f"timers in the pages are {reading.late_ms:.0f} ms late"
    if is_starved(reading.core_wait, reading.core_turn_ms, share=LIMITS_SHARE):
        return f"the browsers wait {reading.core_wait:.0f} times as long for a core as they work"
    return ""


def _is_calm(reading: Reading, floor_mb: float) -> bool:
    has_memory = not reading.memory_total_mb or reading.memory_available_mb > floor_mb * MEMORY_MARGIN
    is_punctual = reading.timers < TIMERS_MIN or reading.late_ms < LATE_MS_CALM
    is_fed = not is_starved(reading.core_wait, reading.core_turn_ms, share=CALM_SHARE)
    return has_memory and is_punctual and is_fed
