"""What broke first: the moment at which each failure appeared, and how many users were running then. Pure."""

import math
from dataclasses import dataclass

from carga.model.plan import Threshold
from carga.results.read import Record
from carga.results.timeline import MetricColumns

OVER_S = 3
"""A percentile counts as over its limit from the first of so many measured seconds in a row: one slow is chance."""


@dataclass(frozen=True)
class Onset:
    """`users` ran when it appeared in `second` for the first time."""

    second: int
    users: int
    area: str
    """Empty for a threshold."""
    what: str
    """A cause, or a threshold as a person reads it."""
    count: int
    """In all; for a threshold the seconds over the limit."""


def onsets(record: Record) -> list[Onset]:
    """Causes and thresholds in the order in which they first went wrong; the more frequent first in one second."""
    line = record.timeline
    found = [
        Onset(columns.second[0], line.users_at(columns.second[0]), area, cause, sum(columns.count))
        for (area, cause), columns in line.causes.items()
    ]
    for threshold in record.plan.thresholds:
        columns = line.metrics.get(threshold.metric)
        onset = _over(threshold, columns) if columns is not None else None
        if onset is not None:
            second, seconds = onset
            found.append(Onset(second, line.users_at(second), "", threshold.text, seconds))
    return sorted(found, key=lambda onset: (onset.second, -onset.count, onset.what))


def _over(threshold: Threshold, columns: MetricColumns) -> tuple[int, int] | None:
    """First second over the limit to stay there, and how many were over it; None when it never stayed."""
    values = {"p50": columns.p50, "p90": columns.p90, "p95": columns.p95, "p99": columns.p99}.get(threshold.statistic)
    if values is None or threshold.op != "<=":
        return None
    over = [not math.isnan(value) and value > threshold.limit for value in values]
    for position in range(len(over) - OVER_S + 1):
        if all(over[position : position + OVER_S]):
            return columns.second[position], sum(over)
    return None
