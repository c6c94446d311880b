"""Metrics in figures, as `summary.json` has them."""

from carga.model.summary import MetricSummary
from carga.model.totals import REQUESTS, metric_of
from carga.model.windows import Metric


def metric_summaries(metrics: dict[str, Metric]) -> dict[str, MetricSummary]:
    """Every metric by name, and `requests`: all kinds of requests together."""
    requests = metric_of(metrics, REQUESTS)
    shown = metrics if requests is None else {**metrics, REQUESTS: requests}
    return {name: metric_summary(shown[name]) for name in sorted(shown)}


def metric_summary(metric: Metric) -> MetricSummary:
    values = metric.values
    if not values.count:
        return MetricSummary(unit=metric.unit, count=metric.attempts, failed=metric.failed)
    p50, p90, p95, p99 = values.quantiles((0.5, 0.9, 0.95, 0.99))
    return MetricSummary(
        unit=metric.unit,
        count=metric.attempts,
        failed=metric.failed,
        min=values.min,
        mean=values.mean,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        max=values.max,
    )
