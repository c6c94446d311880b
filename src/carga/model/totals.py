"""What all windows of a run add up to, and the run second by second.

Both take windows in any order. The coordinator feeds them as windows arrive; a report feeds them from the journal.
"""

from collections.abc import Sequence

import msgspec

from carga.model.parts import SAMPLE, is_sample, merge_parts
from carga.model.strain import StrainLog
from carga.model.windows import (
    COUNTERS,
    Area,
    ErrorSample,
    Gauges,
    Metric,
    UserState,
    Window,
    merge_causes,
    merge_counts,
    merge_metrics,
)

REQUESTS = "requests"
"""All kinds of requests together: made here from `request.*`, never sent by a worker."""
REQUEST_PREFIX = "request."
ERROR_SAMPLES_MAX = 500


class WorkerTotals(msgspec.Struct):
    users_peak: int = 0
    cpu_percent_max: float = 0.0
    memory_mb_max: float = 0.0
    loop_lag_ms_max: float = 0.0
    full_s: int = 0
    """Seconds in which the worker took no users, because its machine was full."""
    full: str = ""
    """Why, the last time."""


class Totals:
    """The whole run. `started` and `states` are about users, by index."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {}
        self.parts: dict[str, dict[str, Metric]] = {}
        """See `model/parts.py`."""
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.causes: dict[Area, dict[str, int]] = {}
        self.started: set[int] = set()
        self.states: dict[int, UserState] = {}
        self.details: dict[int, str] = {}
        self.errors: list[ErrorSample] = []
        self.workers: dict[str, WorkerTotals] = {}
        self.strain = StrainLog()

    def add(self, window: Window) -> None:
        self.counters["metrics_dropped"] += merge_metrics(self.metrics, window.metrics)
        merge_parts(self.parts, window.parts)
        merge_counts(self.counters, window.counters)
        merge_causes(self.causes, window.causes)
        for change in window.users:
            self.states[change.index] = change.state
            self.details[change.index] = change.detail
            if change.state == "running":
                self.started.add(change.index)
        self.strain.add(window)
        room = ERROR_SAMPLES_MAX - len(self.errors)
        self.errors.extend(window.errors[:room])
        worker = self.workers.setdefault(window.worker, WorkerTotals())
        gauges = window.gauges
        worker.users_peak = max(worker.users_peak, gauges.users_running)
        worker.cpu_percent_max = max(worker.cpu_percent_max, gauges.cpu_percent)
        worker.memory_mb_max = max(worker.memory_mb_max, gauges.memory_mb)
        worker.loop_lag_ms_max = max(worker.loop_lag_ms_max, gauges.loop_lag_ms)
        if gauges.full:
            worker.full_s += 1
            worker.full = gauges.full

    def metric(self, name: str) -> Metric | None:
        """By name; `requests` is the merge of all kinds, `full_sample.NAME` that of the users of full samples."""
        if not name.startswith(SAMPLE):
            return metric_of(self.metrics, name)
        samples = [metrics for part, metrics in self.parts.items() if is_sample(part)]
        return merged([metric_of(metrics, name.removeprefix(SAMPLE)) for metrics in samples])


class Second:
    """One second of the run over all workers."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {}
        self.counters: dict[str, int] = {}
        self.gauges: dict[str, Gauges] = {}
        """By worker."""

    def add(self, window: Window) -> None:
        merge_metrics(self.metrics, window.metrics)
        merge_counts(self.counters, window.counters)
        self.gauges[window.worker] = window.gauges

    @property
    def users_running(self) -> int:
        return sum(gauges.users_running for gauges in self.gauges.values())

    @property
    def websockets_open(self) -> int:
        return sum(gauges.websockets_open for gauges in self.gauges.values())


def metric_of(metrics: dict[str, Metric], name: str) -> Metric | None:
    return all_requests(metrics) if name == REQUESTS else metrics.get(name)


def all_requests(metrics: dict[str, Metric]) -> Metric | None:
    """The merge of every `request.*` in `metrics`; None when there is none."""
    return merged([metric for name, metric in metrics.items() if name.startswith(REQUEST_PREFIX)])


def merged(metrics: Sequence[Metric | None]) -> Metric | None:
    """A new metric of all that are there; None when none is."""
    whole: Metric | None = None
    for metric in metrics:
        if metric is not None:
            whole = whole or Metric(metric.unit)
            whole.merge(metric)
    return whole
