"""What a worker may send as a window, and which of its windows are known already."""

import math

from carga.model.histogram import Histogram
from carga.model.parts import PART_METRICS_MAX, is_part
from carga.model.windows import CAUSES_PER_AREA_MAX, COUNTERS, METRICS_MAX, Gauges, Window

SEQ_GAP_MAX = 10_000
"""Windows a worker may be ahead of the first one that is missing."""
SECONDS_AHEAD_MAX = 60
"""Workers count the run's seconds on their own clocks, and a restarted coordinator may be behind."""
COUNT_MAX = 2**53
"""Larger counts are no counts; beyond it JSON readers lose digits."""
NAME_LENGTH_MAX = 500
ERRORS_MAX = 2000
USERS_CHANGED_MAX = 200_000
_BUCKET_MAX = 128 * 1023
"""Beyond it a bucket's border is no finite number."""

_COUNTERS = frozenset(COUNTERS)


class SeqLog:
    """Which windows of one worker are on disk. Memory does not grow with the run as long as no window is missing."""

    def __init__(self, stored: list[int] | None = None) -> None:
        self.contiguous = 0
        """Every seq up to this one is stored."""
        self._beyond: set[int] = set()
        for seq in stored or ():
            self.add(seq)

    def __contains__(self, seq: int) -> bool:
        return seq <= self.contiguous or seq in self._beyond

    def add(self, seq: int) -> None:
        if seq != self.contiguous + 1:
            if seq > self.contiguous:
                self._beyond.add(seq)
            return
        self.contiguous = seq
        while self._beyond and self.contiguous + 1 in self._beyond:
            self.contiguous += 1
            self._beyond.remove(self.contiguous)

    def takes(self, seq: int) -> bool:
        return 0 < seq <= self.contiguous + SEQ_GAP_MAX


def problem_of(window: Window, *, users: int, second_max: float) -> str:
    """What is wrong with a window, "" when nothing is. `users` is how many the plan has."""
    if not 0 <= window.second <= second_max:
        return f"second {window.second} is not within the run"
    if len(window.metrics) > METRICS_MAX:
        return f"{len(window.metrics)} metrics are too many"
    if not all(map(is_part, window.parts)) or any(len(part) > PART_METRICS_MAX for part in window.parts.values()):
        return "the parts are none of a plan, or have too many metrics"
    for metrics in (window.metrics, *window.parts.values()):
        for name, metric in metrics.items():
            if not 0 < len(name) <= NAME_LENGTH_MAX or len(metric.unit) > NAME_LENGTH_MAX:
                return "the name of a metric is empty or too long"
            if not 0 <= metric.failed <= COUNT_MAX or not _is_whole(metric.values):
                return f"the values of {name} do not add up"
    if not _COUNTERS.issuperset(window.counters):
        return f"unknown counters {sorted(set(window.counters) - _COUNTERS)[:3]}"
    if any(not 0 <= count <= COUNT_MAX for count in window.counters.values()):
        return "a counter is out of range"
    for causes in window.causes.values():
        if len(causes) > CAUSES_PER_AREA_MAX + 1 or any(not 0 <= count <= COUNT_MAX for count in causes.values()):
            return "the causes are too many or out of range"
    if len(window.users) > USERS_CHANGED_MAX or any(not 0 <= change.index < users for change in window.users):
        return "it tells of a user that the plan does not have"
    if len(window.errors) > ERRORS_MAX:
        return f"{len(window.errors)} samples of errors are too many"
    return "" if _are_sound(window.gauges) else "a gauge is out of range"


def _is_whole(values: Histogram) -> bool:
    buckets = values.buckets
    if values.count == 0:
        return not buckets and values.zeros == 0 and values.sum_thousandths == 0
    if not 0 < values.count <= COUNT_MAX or values.zeros < 0 or values.sum_thousandths < 0:
        return False
    if not 0.0 <= values.min <= values.max < math.inf:
        return False
    if not buckets:
        return values.zeros == values.count
    if min(buckets.values()) <= 0 or min(buckets) < -_BUCKET_MAX or max(buckets) > _BUCKET_MAX:
        return False
    return values.zeros + sum(buckets.values()) == values.count


def _are_sound(gauges: Gauges) -> bool:
    numbers = (
        gauges.users_running,
        gauges.websockets_open,
        gauges.browsers,
        gauges.cpu_percent,
        gauges.worker_cpu_percent,
        gauges.memory_mb,
        gauges.memory_available_mb,
        gauges.loop_lag_ms,
        gauges.cores,
        gauges.tree_cpu_percent,
        gauges.core_wait,
        gauges.core_turn_ms,
        gauges.cpu_steal_percent,
        gauges.cpu_pressure_percent,
        gauges.memory_pressure_percent,
        gauges.processes_waiting,
        gauges.users_waiting,
    )
    return all(0 <= number <= COUNT_MAX for number in numbers) and len(gauges.full) <= NAME_LENGTH_MAX
