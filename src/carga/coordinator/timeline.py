"""The run second by second, for the live page: exact for the last minute, then points that get coarser with time.

A report is made from the journal; this is only what people look at meanwhile, so its size is bounded.
"""

from typing import NamedTuple

from carga.model.histogram import Histogram
from carga.model.strain import TIMER_LATE
from carga.model.totals import REQUEST_PREFIX, Second
from carga.model.windows import Metric, Window
from carga.wire.live import HISTORY_POINTS_MAX, Percentiles

SECONDS_EXACT = 60
"""A window that comes later than this is in the totals and in the report, not in the live chart any more."""
_SHARES = (0.50, 0.95, 0.99)


class SecondPoint(NamedTuple):
    """One second of the run, or the mean of `weight` of them."""

    second: int
    weight: int
    users_running: float
    actions_per_s: float
    requests_per_s: float
    failures_per_s: float
    websockets_open: float
    bytes_per_s: float
    timer_late_p99_ms: float | None
    cpu_percent: float
    metrics: dict[str, Percentiles]


class Timeline:
    def __init__(self) -> None:
        self._recent: dict[int, Second] = {}
        self._recent_points: dict[int, SecondPoint] = {}
        """Made when asked for; dropped when another window of that second comes."""
        self._past: list[SecondPoint] = []
        self._past_until = 0
        """Seconds before this one are in `_past` only."""
        self.newest = -1
        self.step_s = 1

    def add(self, window: Window) -> None:
        if window.second < self._past_until:
            return
        second = self._recent.get(window.second)
        if second is None:
            second = self._recent[window.second] = Second()
            if window.second > self.newest:
                self.newest = window.second
                self._age()
        second.add(window)
        self._recent_points.pop(window.second, None)

    def point(self, second: int) -> SecondPoint | None:
        """None when no window of that second has come, or too long ago."""
        if second not in self._recent:
            return None
        if second not in self._recent_points:
            self._recent_points[second] = point_of(second, self._recent[second])
        return self._recent_points[second]

    def points(self, until: int) -> list[SecondPoint]:
        """The run up to second `until`, in steps of `step_s`, oldest first."""
        points = list(self._past)
        for second in sorted(self._recent):
            if second <= until and (point := self.point(second)):
                _append(points, point, self.step_s)
        return points

    def _age(self) -> None:
        """Turns seconds that are not recent any more into points, and thins the points out."""
        self._past_until = max(self._past_until, self.newest - SECONDS_EXACT)
        for second in sorted(self._recent):
            if second >= self._past_until:
                break
            point = self.point(second)
            assert point is not None
            _append(self._past, point, self.step_s)
            del self._recent[second]
            self._recent_points.pop(second, None)
        while len(self._past) + SECONDS_EXACT > HISTORY_POINTS_MAX:
            self.step_s *= 2
            thinned: list[SecondPoint] = []
            for point in self._past:
                _append(thinned, point, self.step_s)
            self._past = thinned


def point_of(number: int, second: Second) -> SecondPoint:
    counters = second.counters
    late = second.metrics.get(TIMER_LATE)
    return SecondPoint(
        second=number,
        weight=1,
        users_running=second.users_running,
        actions_per_s=counters.get("actions", 0),
        requests_per_s=counters.get("requests", 0),
        failures_per_s=sum(metric.failed for name, metric in second.metrics.items() if name.startswith(REQUEST_PREFIX)),
        websockets_open=second.websockets_open,
        bytes_per_s=counters.get("bytes_received", 0),
        timer_late_p99_ms=late.values.quantile(0.99) if late is not None and late.values.count else None,
        cpu_percent=max((gauges.cpu_percent for gauges in second.gauges.values()), default=0.0),
        metrics={name: percentiles(metric) for name, metric in second.metrics.items()},
    )


def percentiles(metric: Metric) -> Percentiles:
    values: Histogram = metric.values
    if not values.count:
        return Percentiles(metric.unit, metric.attempts, metric.failed)
    p50, p95, p99 = values.quantiles(_SHARES)
    return Percentiles(metric.unit, metric.attempts, metric.failed, values.mean, p50, p95, p99, values.max)


def _append(points: list[SecondPoint], point: SecondPoint, step_s: int) -> None:
    """Adds a point, into the last one when both lie in the same step."""
    start = point.second - point.second % step_s
    if points and points[-1].second == start:
        points[-1] = _mean(points[-1], point)
    else:
        points.append(point._replace(second=start))


def _mean(first: SecondPoint, second: SecondPoint) -> SecondPoint:
    """Percentiles cannot be merged without their histograms: they are averaged, weighted by what they stand for."""

    def weighted(name: str) -> float:
        return _weigh(getattr(first, name), first.weight, getattr(second, name), second.weight) or 0.0

    metrics = dict(first.metrics)
    for name, theirs in second.metrics.items():
        mine = metrics.get(name)
        metrics[name] = theirs if mine is None else _mean_percentiles(mine, theirs)
    return SecondPoint(
        second=first.second,
        weight=first.weight + second.weight,
        users_running=weighted("users_running"),
        actions_per_s=weighted("actions_per_s"),
        requests_per_s=weighted("requests_per_s"),
        failures_per_s=weighted("failures_per_s"),
        websockets_open=weighted("websockets_open"),
        bytes_per_s=weighted("bytes_per_s"),
        timer_late_p99_ms=_weigh(first.timer_late_p99_ms, first.weight, second.timer_late_p99_ms, second.weight),
        cpu_percent=weighted("cpu_percent"),
        metrics=metrics,
    )


def _mean_percentiles(first: Percentiles, second: Percentiles) -> Percentiles:
    mine, theirs = first.count - first.failed, second.count - second.failed
    highest = [value for value in (first.max, second.max) if value is not None]
    return Percentiles(
        first.unit,
        first.count + second.count,
        first.failed + second.failed,
        _weigh(first.mean, mine, second.mean, theirs),
        _weigh(first.p50, mine, second.p50, theirs),
        _weigh(first.p95, mine, second.p95, theirs),
        _weigh(first.p99, mine, second.p99, theirs),
        max(highest, default=None),
    )


def _weigh(first: float | None, first_weight: int, second: float | None, second_weight: int) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    weight = first_weight + second_weight
    return (first * first_weight + second * second_weight) / weight if weight else first
