"""The run second by second, small enough to hold a run of hours: points, no histograms.

Columns are typed arrays (8 bytes a number). A metric's columns hold only the seconds in which it had attempts.
"""

import math
from array import array
from dataclasses import dataclass, field

from carga.model.totals import REQUESTS, all_requests
from carga.model.windows import COUNTERS, OTHER, Area, Gauges, Metric

METRICS_MAX = 200
"""Metrics that are followed over time; further ones are in the totals only."""
CAUSES_MAX = 1000
"""Causes of failure that are followed over time; further ones are followed together as `OTHER` of their area."""
GAUGE_HELD_S = 2
"""How long a worker's gauges stand for seconds without a window of it: a worker that is late sends several as one."""

SHARES = (0.5, 0.9, 0.95, 0.99)


def _integers() -> "array[int]":
    return array("q")


def _floats() -> "array[float]":
    return array("d")


@dataclass
class MetricColumns:
    """One entry for each second with attempts; NaN where none of them succeeded."""

    unit: str
    second: "array[int]" = field(default_factory=_integers)
    count: "array[int]" = field(default_factory=_integers)
    """Attempts, failed ones included."""
    failed: "array[int]" = field(default_factory=_integers)
    mean: "array[float]" = field(default_factory=_floats)
    p50: "array[float]" = field(default_factory=_floats)
    p90: "array[float]" = field(default_factory=_floats)
    p95: "array[float]" = field(default_factory=_floats)
    p99: "array[float]" = field(default_factory=_floats)
    max: "array[float]" = field(default_factory=_floats)

    def append(self, second: int, metric: Metric) -> None:
        values = metric.values
        self.second.append(second)
        self.count.append(metric.attempts)
        self.failed.append(metric.failed)
        self.mean.append(values.mean)
        for column, value in zip((self.p50, self.p90, self.p95, self.p99), values.quantiles(SHARES), strict=True):
            column.append(value)
        self.max.append(values.max if values.count else math.nan)


@dataclass
class CauseColumns:
    """One entry for each second in which the cause appeared."""

    second: "array[int]" = field(default_factory=_integers)
    count: "array[int]" = field(default_factory=_integers)

    def add(self, second: int, count: int) -> None:
        if self.second and self.second[-1] == second:
            self.count[-1] += count
        else:
            self.second.append(second)
            self.count.append(count)


class Timeline:
    """Columns of equal length, one entry for each second that has a window, ascending."""

    def __init__(self) -> None:
        self.second = _integers()
        self.users_running = _integers()
        self.websockets_open = _integers()
        self.browsers = _integers()
        self.cpu_percent = _floats()
        """Of the busiest worker's machine."""
        self.worker_cpu_percent = _floats()
        """Of one core: the busiest worker process without its browsers."""
        self.tree_cpu_percent = _floats()
        """Of one core: all workers with their browsers."""
        self.memory_mb = _floats()
        """Of all workers together."""
        self.loop_lag_ms = _floats()
        """Of the slowest worker; so the ones below, but for `users_waiting`."""
        self.core_wait = _floats()
        self.core_turn_ms = _floats()
        self.cpu_steal_percent = _floats()
        self.cpu_pressure_percent = _floats()
        self.memory_pressure_percent = _floats()
        self.processes_waiting = _integers()
        self.memory_available_mb = _floats()
        """Of the worker with the least."""
        self.users_waiting = _integers()
        """That the workers do not open, because the machine is full."""
        self.counters: dict[str, array[int]] = {name: _integers() for name in COUNTERS}
        self.metrics: dict[str, MetricColumns] = {}
        self.causes: dict[tuple[Area, str], CauseColumns] = {}
        self.users_peak = 0
        """Most users that ran in one second, by windows of that very second."""
        self._gauges: dict[str, tuple[int, Gauges]] = {}

    def append(
        self,
        second: int,
        metrics: dict[str, Metric],
        counters: dict[str, int],
        causes: dict[Area, dict[str, int]],
        gauges: dict[str, Gauges],
    ) -> None:
        """Adds the merge of all windows of `second`; seconds come in ascending order."""
        self.second.append(second)
        self.users_peak = max(self.users_peak, sum(gauge.users_running for gauge in gauges.values()))
        self._append_gauges(second, gauges)
        for name, column in self.counters.items():
            column.append(counters.get(name, 0))
        requests = all_requests(metrics)
        for name, metric in [*metrics.items(), *([(REQUESTS, requests)] if requests else [])]:
            if metric.attempts and (name in self.metrics or len(self.metrics) < METRICS_MAX):
                self.metrics.setdefault(name, MetricColumns(metric.unit)).append(second, metric)
        for area, counts in causes.items():
            for cause, count in counts.items():
                key = (area, cause if (area, cause) in self.causes or len(self.causes) < CAUSES_MAX else OTHER)
                self.causes.setdefault(key, CauseColumns()).add(second, count)

    def _append_gauges(self, second: int, gauges: dict[str, Gauges]) -> None:
        for worker, gauge in gauges.items():
            self._gauges[worker] = (second, gauge)
        now = [gauge for seen, gauge in self._gauges.values() if second - seen <= GAUGE_HELD_S]
        self.users_running.append(sum(gauge.users_running for gauge in now))
        self.websockets_open.append(sum(gauge.websockets_open for gauge in now))
        self.browsers.append(sum(gauge.browsers for gauge in now))
        self.cpu_percent.append(max(gauge.cpu_percent for gauge in now))
        self.worker_cpu_percent.append(max(gauge.worker_cpu_percent for gauge in now))
        self.tree_cpu_percent.append(sum(gauge.tree_cpu_percent for gauge in now))
        self.memory_mb.append(sum(gauge.memory_mb for gauge in now))
        self.loop_lag_ms.append(max(gauge.loop_lag_ms for gauge in now))
        self.core_wait.append(max(gauge.core_wait for gauge in now))
        self.core_turn_ms.append(max(gauge.core_turn_ms for gauge in now))
        self.cpu_steal_percent.append(max(gauge.cpu_steal_percent for gauge in now))
        self.cpu_pressure_percent.append(max(gauge.cpu_pressure_percent for gauge in now))
        self.memory_pressure_percent.append(max(gauge.memory_pressure_percent for gauge in now))
        self.processes_waiting.append(max(gauge.processes_waiting for gauge in now))
        self.memory_available_mb.append(min(gauge.memory_available_mb for gauge in now))
        self.users_waiting.append(sum(gauge.users_waiting for gauge in now))

    def users_at(self, second: int) -> int:
        """Users that ran in `second`; 0 when no worker said anything about it."""
        try:
            return self.users_running[self.second.index(second)]
        except ValueError:
            return 0
