"""Gathers what the users of one worker say into windows of a second, and keeps them until they are acknowledged."""

from collections import OrderedDict
from typing import Protocol

from carga.model.histogram import VALUE_MAX, Histogram
from carga.model.parts import PART_METRICS_MAX, WHOLE, is_kept_apart, merge_parts
from carga.model.windows import (
    METRICS_MAX,
    OTHER,
    Area,
    ErrorSample,
    Gauges,
    Metric,
    UserChange,
    UserState,
    Window,
    merge_causes,
    merge_counts,
    merge_metrics,
)

ERRORS_PER_WINDOW_MAX = 20
CAUSES_PER_WINDOW_MAX = 100
"""Distinct causes of one area; further ones are counted under OTHER."""
WINDOWS_UNSENT_MAX = 900
"""15 minutes without a coordinator. Then neighbours are merged, which is exact: resolution is lost, no count."""


class Recorder(Protocol):
    """Where a user's session puts what it hears."""

    def value(self, metric: str, value: float, unit: str = "ms") -> None: ...

    def failure(self, metric: str, times: int = 1) -> None: ...

    def count(self, counter: str, by: int = 1) -> None: ...

    def cause(self, area: Area, cause: str, *, user: int, message: str = "", where: str = "") -> None: ...


class Collector:
    """`second` is the run's second that is being gathered."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._last_seq = 0
        self._open = Window(worker, 0, 0)

    @property
    def causes(self) -> dict[Area, dict[str, int]]:
        """Of the window that is being gathered."""
        return self._open.causes

    def values(self, metric: str) -> Histogram:
        """Of the window that is being gathered. Not to be changed."""
        known = self._open.metrics.get(metric)
        return known.values if known is not None else Histogram()

    # --- gathering -------------------------------------------------------------------------------------

    def of_part(self, part: str) -> Recorder:
        """For users of `part`: the run as a whole gets everything, and the part its metrics."""
        return self if part == WHOLE else _PartRecorder(self, part)

    def value(self, metric: str, value: float, unit: str = "ms", *, part: str = WHOLE) -> None:
        if not 0.0 <= value <= VALUE_MAX:
            self.count("samples_dropped")
            return
        self._metric(metric, unit).values.record(value)
        if apart := self._apart(part, metric, unit):
            apart.values.record(value)

    def failure(self, metric: str, times: int = 1, *, part: str = WHOLE) -> None:
        if times > 0:
            self._metric(metric, "ms").failed += times
            if apart := self._apart(part, metric, "ms"):
                apart.failed += times

    def _apart(self, part: str, name: str, unit: str) -> Metric | None:
        if part == WHOLE or not is_kept_apart(name):
            return None
        metrics = self._open.parts.setdefault(part, {})
        if name not in metrics and len(metrics) < PART_METRICS_MAX:
            metrics[name] = Metric(unit)
        return metrics.get(name)

    def _metric(self, name: str, unit: str) -> Metric:
        metrics = self._open.metrics
        metric = metrics.get(name)
        if metric is None:
            if len(metrics) >= METRICS_MAX:
                self.count("metrics_dropped")
                return Metric()
            metric = metrics[name] = Metric(unit)
        return metric

    def count(self, counter: str, by: int = 1) -> None:
        counters = self._open.counters
        counters[counter] = counters.get(counter, 0) + by

    def cause(self, area: Area, cause: str, *, user: int, message: str = "", where: str = "") -> None:
        causes = self._open.causes.setdefault(area, {})
        key = cause if cause in causes or len(causes) < CAUSES_PER_WINDOW_MAX else OTHER
        causes[key] = causes.get(key, 0) + 1
        if causes[key] == 1 and len(self._open.errors) < ERRORS_PER_WINDOW_MAX:
            self._open.errors.append(ErrorSample(area, cause, user, message or cause, where))

    def user(self, index: int, state: UserState, detail: str = "") -> None:
        self._open.users.append(UserChange(index, state, detail))

    # --- windows ---------------------------------------------------------------------------------------

    def seal(self, second: int, gauges: Gauges) -> Window:
        """Ends the open window as that of `second` and begins the next."""
        window = self._open
        self._last_seq += 1
        window.seq = self._last_seq
        window.second = max(0, second)
        window.gauges = gauges
        self._open = Window(self._worker, 0, 0)
        return window


class _PartRecorder:
    def __init__(self, whole: Collector, part: str) -> None:
        self._part = part
        self._whole = whole
        self.count = whole.count
        self.cause = whole.cause

    def value(self, metric: str, value: float, unit: str = "ms") -> None:
        self._whole.value(metric, value, unit, part=self._part)

    def failure(self, metric: str, times: int = 1) -> None:
        self._whole.failure(metric, times, part=self._part)


class Outbox:
    """Windows that the coordinator has not acknowledged, in order."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, Window] = OrderedDict()
        self._unsent: list[Window] = []

    def __len__(self) -> int:
        return len(self._sent) + len(self._unsent)

    def add(self, window: Window) -> None:
        self._unsent.append(window)
        if len(self._unsent) > WINDOWS_UNSENT_MAX:
            self._halve()

    def _halve(self) -> None:
        """Only windows that never left are merged: the others may already be in the journal under their numbers."""
        merged = []
        for first, second in zip(self._unsent[::2], self._unsent[1::2], strict=False):
            merge_metrics(first.metrics, second.metrics)
            merge_parts(first.parts, second.parts)
            merge_counts(first.counters, second.counters)
            merge_causes(first.causes, second.causes)
            first.users.extend(second.users)
            first.errors = [*first.errors, *second.errors][:ERRORS_PER_WINDOW_MAX]
            first.gauges = second.gauges
            merged.append(first)
        if len(self._unsent) % 2:
            merged.append(self._unsent[-1])
        self._unsent = merged

    def take_unsent(self) -> list[Window]:
        """What is to be sent now; it is kept as sent."""
        taken, self._unsent = self._unsent, []
        for window in taken:
            self._sent[window.seq] = window
        return taken

    def acknowledge(self, seqs: list[int]) -> None:
        for seq in seqs:
            self._sent.pop(seq, None)

    def reconnected(self, stored: int) -> None:
        """Everything above `stored` is sent again: the connection that carried it is gone."""
        again = [window for seq, window in self._sent.items() if seq > stored]
        self._sent.clear()
        self._unsent = again + self._unsent
