"""What each group of users did, and whether those that draw frames measured the same as the others. Pure.

How sample and others are judged. Each percentile has an interval in which the true one lies in 99 of 100 cases, from
the ranks of its neighbours (the binomial distribution of how many values are below it). Where the two intervals do not
meet, and the change is more than CHANGE_MIN and DIFFERENCE_MIN_MS, rendering matters for this metric.

Source: W. J. Conover, "Practical Nonparametric Statistics", 1999, chapter 3.2.
"""

import math
from collections.abc import Iterator
from typing import Literal

from carga.model.engines import in_full_sample
from carga.model.histogram import Histogram
from carga.model.parts import has_parts, merge_parts, part_name
from carga.model.plan import Group
from carga.model.summary import GroupSummary, SampleDifference, SampleOutcome, SampleSummary
from carga.model.totals import REQUESTS, metric_of
from carga.model.windows import Metric
from carga.results.metrics import metric_summaries
from carga.results.read import Record

COMPARED = ("step.", "iteration", "request", "websocket.")
"""Metrics that exist with and without frames, by how they begin."""
STATISTICS: tuple[tuple[Literal["p50", "p95"], float], ...] = (("p50", 0.5), ("p95", 0.95))
VALUES_MIN = 30
"""With fewer of either nothing is judged."""
DEVIATIONS = 2.576
"""Standard deviations to either side that hold 99 % of a normal distribution."""
CHANGE_MIN = 0.1
DIFFERENCE_MIN_MS = 5.0
"""A third of a frame: nobody who looks at a screen can tell a smaller one."""


Metrics = dict[str, Metric]


def groups_of(record: Record, asked_for: set[int]) -> list[GroupSummary]:
    """One entry for each group of the plan. `asked_for` are the users that should have run."""
    return [_group(record, position, group, asked_for) for position, group in enumerate(record.plan.groups)]


def _group(record: Record, position: int, group: Group, asked_for: set[int]) -> GroupSummary:
    indexes = range(group.first_index, group.first_index + group.count)
    started = record.totals.started
    dense, sample = (record.totals.parts.get(part_name(position, sample=drawn), {}) for drawn in (False, True))
    together: dict[str, Metrics] = {}
    for metrics in (dense, sample):
        merge_parts(together, {"": metrics})
    return GroupSummary(
        name=group.name,
        engine=group.engine,
        isolation=group.isolation,
        rendering=group.rendering,
        users=group.count,
        started=sum(index in started for index in indexes),
        failed_to_start=sum(index in indexes for index in asked_for - started),
        metrics=metric_summaries(together[""]) if has_parts(record.plan) else {},
        full_sample=_sample(group, started, dense, sample) if group.full_sample else None,
    )


def _sample(group: Group, started: set[int], dense: Metrics, sample: Metrics) -> SampleSummary:
    indexes = range(group.first_index, group.first_index + group.count)
    members = [index for index in indexes if in_full_sample(group, index)]
    return SampleSummary(
        share=group.full_sample,
        users=len(members),
        started=sum(index in started for index in members),
        metrics=metric_summaries(sample),
        differences=list(differences(dense, sample)),
    )


def differences(dense: Metrics, sample: Metrics) -> Iterator[SampleDifference]:
    """Every metric of COMPARED that either has, and `requests`: all kinds of them."""
    for name in sorted({*dense, *sample, REQUESTS}):
        if name.startswith(COMPARED):
            pair = metric_of(dense, name), metric_of(sample, name)
            if any(metric is not None and metric.values.count for metric in pair):
                unit = next(metric.unit for metric in pair if metric is not None)
                values = [Histogram() if metric is None else metric.values for metric in pair]
                yield from (_difference(name, unit, values[0], values[1], statistic) for statistic in STATISTICS)


def _difference(
    name: str, unit: str, dense: Histogram, sample: Histogram, statistic: tuple[Literal["p50", "p95"], float]
) -> SampleDifference:
    word, share = statistic
    both = bool(dense.count and sample.count)
    before, drawn = dense.quantile(share), sample.quantile(share)
    return SampleDifference(
        metric=name,
        statistic=word,
        unit=unit,
        dense_count=dense.count,
        sample_count=sample.count,
        dense=before if dense.count else None,
        sample=drawn if sample.count else None,
        difference=drawn - before if both else None,
        ratio=drawn / before if both and before else None,
        outcome=_outcome(dense, sample, share, unit),
    )


def _outcome(dense: Histogram, sample: Histogram, share: float, unit: str) -> SampleOutcome:
    intervals = [_interval(values, share) for values in (dense, sample)]
    if intervals[0] is None or intervals[1] is None:
        return "too few values"
    (dense_low, dense_high), (sample_low, sample_high) = intervals[0], intervals[1]
    before, drawn = dense.quantile(share), sample.quantile(share)
    least = max(CHANGE_MIN * before, DIFFERENCE_MIN_MS if unit == "ms" else 0.0)
    if abs(drawn - before) <= least:
        return "alike"
    if sample_low > dense_high:
        return "slower drawn"
    return "quicker drawn" if sample_high < dense_low else "alike"


def _interval(values: Histogram, share: float) -> tuple[float, float] | None:
    """Where the true percentile lies in 99 of 100 cases; None when the values are too few to tell."""
    if values.count < VALUES_MIN:
        return None
    width = DEVIATIONS * math.sqrt(share * (1 - share) / values.count)
    if share + width >= 1:
        return None
    low, high = values.quantiles((max(share - width, 0.0), share + width))
    return low, high
