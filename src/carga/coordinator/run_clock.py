"""The run's own time, which goes on while the coordinator is away."""

import msgspec


class _Reading(msgspec.Struct):
    boot_id: str = ""
    boottime_s: float = 0.0


class RunClock:
    """`now` is CLOCK_BOOTTIME: it goes on while the machine sleeps, and setting the wall clock does not touch it."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._started: tuple[float, float] | None = None
        """(now, elapsed_s) of one moment."""

    @property
    def is_started(self) -> bool:
        return self._started is not None

    def start(self, now: float) -> None:
        self._started = (now, 0.0)

    def elapsed_s(self, now: float) -> float:
        """0 before the start."""
        if self._started is None:
            return 0.0
        at, elapsed_s = self._started
        return elapsed_s + now - at

    def reading(self, now: float) -> dict[str, str]:
        """For the journal's meta."""
        reading = _Reading(self._boot_id, now)
        return {"elapsed_s": repr(self.elapsed_s(now)), "clock": msgspec.json.encode(reading).decode()}

    def resume(self, meta: dict[str, str], now: float) -> None:
        """How long the coordinator was away is known only when the machine was not started again meanwhile."""
        elapsed_s = float(meta.get("elapsed_s", "0"))
        reading = msgspec.json.decode(meta.get("clock", "{}"), type=_Reading)
        if self._boot_id and reading.boot_id == self._boot_id:
            elapsed_s += max(0.0, now - reading.boottime_s)
        self._started = (now, elapsed_s)

    def advance_to(self, elapsed_s: float, now: float) -> None:
        """Somebody who was there knows that more time has passed. Never goes back."""
        if elapsed_s > self.elapsed_s(now):
            self._started = (now, elapsed_s)
