"""Thresholds: which metrics they may name, how they are read out to people, and whether they hold."""

import operator

from carga.model.parts import SAMPLE, is_kept_apart
from carga.model.plan import Statistic, Threshold
from carga.model.summary import ThresholdResult
from carga.model.totals import REQUESTS, Totals
from carga.model.windows import COUNTERS, Metric

WEBSOCKETS = "websockets"
"""Connections as a whole: `failed` is the share of those opened that closed abnormally."""

REQUEST_KINDS = ("document", "script", "style", "image", "font", "media", "fetch", "xhr", "beacon", "other")
FAMILIES = ("step.", "custom.")
"""Prefixes of metrics that the plan's author names."""
METRICS = (
    REQUESTS,
    *(f"request.{kind}" for kind in REQUEST_KINDS),
    "websocket.open",
    "iteration",
    "navigation.ttfb",
    "navigation.dom_content_loaded",
    "navigation.load",
    "long_task",
    "vitals.fcp",
    "vitals.lcp",
    "vitals.cls",
    "vitals.inp",
    "user.start",
    "generator.timer_late",
    "generator.input_delay",
)
"""Metrics that carga itself measures."""

VALUE_STATISTICS: tuple[Statistic, ...] = ("p50", "p90", "p95", "p99", "max", "min", "mean")
"""Statistics in the metric's own unit."""
_SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_OPERATORS = {"<=": operator.le, ">=": operator.ge}
_UNITLESS = ("", "score")


def statistics_of(metric: str) -> tuple[Statistic, ...]:
    """The statistics that a threshold on `metric` may use; empty when there is no such metric."""
    if metric.startswith(SAMPLE):
        inner = metric.removeprefix(SAMPLE)
        sampled = inner not in COUNTERS and inner != WEBSOCKETS and not inner.startswith(SAMPLE)
        return statistics_of(inner) if (sampled or inner == REQUESTS) and is_kept_apart(inner) else ()
    if metric in METRICS or any(metric.startswith(family) and metric != family for family in FAMILIES):
        return (*VALUE_STATISTICS, "failed", "count", "rate")
    if metric == WEBSOCKETS:
        return ("failed", "count", "rate")
    return ("count", "rate") if metric in COUNTERS else ()


def unit_of(metric: str) -> str | None:
    """The unit of a metric's values as far as the name tells: None for `custom.*`, whose unit the behaviour chooses."""
    metric = metric.removeprefix(SAMPLE)
    if metric.startswith("custom."):
        return None
    return "score" if metric == "vitals.cls" else "ms"


def quantity(statistic: str, value: float, unit: str) -> str:
    """A value as people read it: `912 ms`, `1.5 %`, `10/s`, `3`."""
    if statistic == "failed":
        return f"{number(value * 100)} %"
    if statistic == "rate":
        return f"{number(value)}/s"
    if statistic == "count" or unit in _UNITLESS:
        return number(value)
    return f"{number(value)} {unit}"


def number(value: float) -> str:
    """Three digits that count, or all before the point."""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def evaluate(thresholds: tuple[Threshold, ...], totals: Totals, *, duration_s: float) -> list[ThresholdResult]:
    """One result for each threshold, in their order. Where nothing was measured the value is None: not passed.

    `count` is of attempts, failed ones included, and so is `rate`; with nothing measured a count is 0.
    """
    return [_evaluate(threshold, totals, duration_s) for threshold in thresholds]


def _evaluate(threshold: Threshold, totals: Totals, duration_s: float) -> ThresholdResult:
    value = measured(threshold.metric, threshold.statistic, totals, duration_s)
    return ThresholdResult(
        threshold=threshold.text,
        metric=threshold.metric,
        statistic=threshold.statistic,
        limit=threshold.limit,
        value=value,
        passed=value is not None and bool(_OPERATORS[threshold.op](value, threshold.limit)),
    )


def measured(name: str, statistic: Statistic, totals: Totals, duration_s: float) -> float | None:
    """The value of one statistic; None when there was nothing to measure."""
    if statistic in ("count", "rate"):
        count = _count(name, totals)
        if statistic == "count":
            return float(count or 0)
        return count / duration_s if count is not None and duration_s > 0 else None
    if name == WEBSOCKETS:
        opened = totals.counters["websockets_opened"]
        return totals.counters["websockets_closed_abnormally"] / opened if opened else None
    metric = totals.metric(name)
    if metric is None or not metric.attempts:
        return None
    if statistic == "failed":
        return metric.failed / metric.attempts
    return _of_values(metric, statistic)


def _count(name: str, totals: Totals) -> int | None:
    if name == WEBSOCKETS:
        return totals.counters["websockets_opened"]
    if name in COUNTERS:
        return totals.counters[name]
    metric = totals.metric(name)
    return None if metric is None else metric.attempts


def _of_values(metric: Metric, statistic: Statistic) -> float | None:
    values = metric.values
    if not values.count:
        return None
    if statistic in _SHARES:
        return values.quantile(_SHARES[statistic])
    return {"min": values.min, "max": values.max, "mean": values.mean}[statistic]
