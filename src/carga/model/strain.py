"""Seconds in which the generator was too slow to be believed, joined to intervals. Pure.

Two things are looked at, both second by second and for each worker; why these, and why these limits, is in
docs/explanation/honesty.md:

- how late the timers in the pages were (the canary), and
- how long the browsers' threads waited for a core, for each second in which they had one.

The second is there because the first alone lies: a scheduler favours who has slept, so that timers stay punctual on a
machine on which a step takes a hundred times as long as it should.
"""

from collections.abc import Iterable

import msgspec

from carga.model.windows import Metric, Window

TIMER_LATE = "generator.timer_late"

TIMER_LATE_MS_MAX = 250.0
"""A page's timer that is later than this delays what a user notices: reactions slower than a quarter of a second
could then be the generator's own."""
TIMER_LATE_SHARE = 0.9
"""The percentile of one second that is held against it: one page with a long task of its own is no overload."""
CORE_WAIT_MAX = 10.0
"""Measured with two to thirty users on two cores: 0.5 to 1.5 on a quiet machine, 1 to 4 at 80 % CPU, 3 to 19 with six
processes a core that spin beside them (the median of a step hardly moved), 150 to 400 with twenty a core (the median
went from 6 ms to 3 s, while no timer was more than 0.2 s late)."""
CORE_TURN_MS_MAX = 4.0
"""How long a thread waits each time, on average. In the same order: 0.1, 0.5, 2 and 40 to 80 ms. More than a slice of
the scheduler's, which a thread that works little waits for on any machine that is well used."""
STRAINED_S_MIN = 5
"""Strained seconds that make an interval: one hiccup shows in two or three, because pages report every two."""
GAP_S_MAX = 3
"""Seconds between two strained ones of the same interval. A page says how late its timers were every two seconds."""
SECONDS_MAX = 50_000
"""Strained seconds that are remembered; by then nothing is left to be proven."""


class Strain(msgspec.Struct):
    """One second of one worker. What explains it stands beside what makes it count."""

    timer_late_ms: float = 0.0
    """The latest timer that the second heard of."""
    core_wait: float = 0.0
    core_turn_ms: float = 0.0
    late: bool = False
    """More than a tenth of the timers were too late."""
    cpu_percent: float = 0.0
    cpu_steal_percent: float = 0.0
    memory_pressure_percent: float = 0.0
    processes_waiting: int = 0
    cores: int = 0

    @property
    def counts(self) -> bool:
        return self.late or is_starved(self.core_wait, self.core_turn_ms)

    def worst_of(self, other: "Strain") -> "Strain":
        pairs = ((name, max(getattr(self, name), getattr(other, name))) for name in self.__struct_fields__)
        return Strain(**dict(pairs))


class StrainedInterval(msgspec.Struct, frozen=True):
    """From second `from_s` of the run to the one before `until_s`. The rest is the worst of them."""

    from_s: int
    until_s: int
    timer_late_ms: float
    core_wait: float
    core_turn_ms: float
    cpu_percent: float
    cpu_steal_percent: float
    memory_pressure_percent: float
    processes_waiting: int
    cores: int

    @property
    def text(self) -> str:
        """`from 0:20 to 0:41: the timers in the pages were up to 900 ms late; CPU 100 %, …`"""
        found = []
        if self.timer_late_ms > TIMER_LATE_MS_MAX:
            found.append(f"the timers in the pages were up to {self.timer_late_ms:.0f} ms late")
        if is_starved(self.core_wait, self.core_turn_ms):
            found.append(f"the browsers waited {self.core_wait:.0f} times as long for a core as they worked")
        why = [f"CPU {self.cpu_percent:.0f} %"]
        if self.cores and self.processes_waiting > self.cores:
            cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
            why.append(f"{self.processes_waiting} processes for {cores}")
        if self.cpu_steal_percent >= _STEAL_TOLD_PERCENT:
            why.append(f"{self.cpu_steal_percent:.0f} % taken by other virtual machines")
        if self.memory_pressure_percent >= _PRESSURE_TOLD_PERCENT:
            why.append(f"stalled for memory {self.memory_pressure_percent:.0f} % of the time")
        return f"from {clock(self.from_s)} to {clock(self.until_s)}: {' and '.join(found)}; {', '.join(why)}"


_STEAL_TOLD_PERCENT = 5.0
_PRESSURE_TOLD_PERCENT = 5.0


class StrainLog:
    """Takes windows in any order, and the same one again without harm."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, Strain]] = {}
        """By worker. Only what counts is kept."""
        self._count = 0

    def add(self, window: Window) -> None:
        if not window.gauges.users_running:
            return
        strain = strain_of(window)
        if not strain.counts or self._count >= SECONDS_MAX:
            return
        seconds = self._seconds.setdefault(window.worker, {})
        known = seconds.get(window.second)
        if known is None:
            self._count += 1
        seconds[window.second] = strain if known is None else strain.worst_of(known)

    def intervals(self, *, until_s: float | None = None) -> list[StrainedInterval]:
        """Of all workers, those that overlap joined, in the order of time. Seconds from `until_s` on do not count."""
        spans: list[list[tuple[int, Strain]]] = []
        for seconds in self._seconds.values():
            within = [entry for entry in sorted(seconds.items()) if until_s is None or entry[0] < until_s]
            spans += [span for span in _spans(within) if len(span) >= STRAINED_S_MIN]
        joined: list[list[tuple[int, Strain]]] = []
        for span in sorted(spans, key=lambda span: span[0][0]):
            if joined and span[0][0] <= max(second for second, _ in joined[-1]) + 1:
                joined[-1] += span
            else:
                joined.append(list(span))
        return [_interval(span) for span in joined]


def strain_of(window: Window) -> Strain:
    gauges = window.gauges
    late: Metric | None = window.metrics.get(TIMER_LATE)
    values = late.values if late is not None and late.values.count else None
    return Strain(
        timer_late_ms=values.max if values else 0.0,
        core_wait=gauges.core_wait,
        core_turn_ms=gauges.core_turn_ms,
        late=values is not None and values.quantile(TIMER_LATE_SHARE) > TIMER_LATE_MS_MAX,
        cpu_percent=gauges.cpu_percent,
        cpu_steal_percent=gauges.cpu_steal_percent,
        memory_pressure_percent=gauges.memory_pressure_percent,
        processes_waiting=gauges.processes_waiting,
        cores=gauges.cores,
    )


def is_starved(core_wait: float, core_turn_ms: float, *, share: float = 1.0) -> bool:
    """Whether browsers wait too long for a core: both for all their work and each time. `share` of the limits."""
    return core_wait > CORE_WAIT_MAX * share and core_turn_ms > CORE_TURN_MS_MAX * share


def clock(seconds: float) -> str:
    """`0:20`, `12:05`, `1:02:03`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _spans(seconds: Iterable[tuple[int, Strain]]) -> list[list[tuple[int, Strain]]]:
    spans: list[list[tuple[int, Strain]]] = []
    for entry in seconds:
        if spans and entry[0] - spans[-1][-1][0] <= GAP_S_MAX:
            spans[-1].append(entry)
        else:
            spans.append([entry])
    return spans


def _interval(span: list[tuple[int, Strain]]) -> StrainedInterval:
    worst = span[0][1]
    for _, strain in span[1:]:
        worst = worst.worst_of(strain)
    numbers = [second for second, _ in span]
    return StrainedInterval(
        from_s=min(numbers),
        until_s=max(numbers) + 1,
        timer_late_ms=round(worst.timer_late_ms, 1),
        core_wait=round(worst.core_wait, 1),
        core_turn_ms=round(worst.core_turn_ms, 1),
        cpu_percent=worst.cpu_percent,
        cpu_steal_percent=worst.cpu_steal_percent,
        memory_pressure_percent=worst.memory_pressure_percent,
        processes_waiting=worst.processes_waiting,
        cores=worst.cores,
    )
