"""Two runs beside each other: what changed, and whether the change is more than noise. Pure.

How a change is judged. The seconds of each run are cut into at most BLOCKS_MAX blocks of equal length, since seconds
that follow each other are alike. Blocks are drawn with replacement ROUNDS times (a block bootstrap, with a fixed
seed), and each time the statistic's difference between the runs is taken. Where the middle 99 % of these differences
leave out zero, and the change is more than CHANGE_MIN, it is real: better or worse. Otherwise it is within noise.

Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.
"""

import math
import random
from array import array
from typing import Literal

import msgspec

from carga.model.summary import MetricSummary, Summary
from carga.results.read import Record
from carga.results.summary import summarize
from carga.results.timeline import MetricColumns

BLOCKS_MAX = 60
BLOCKS_MIN = 5
"""With fewer blocks nothing is judged."""
ROUNDS = 600
CHANGE_MIN = 0.02
"""A smaller relative change is near the resolution of the histograms, and matters to nobody."""
INTERVAL = (0.005, 0.995)
"""Wide, because dozens of figures are judged at once."""

Statistic = Literal["p50", "p95", "failed"]
STATISTICS: tuple[Statistic, ...] = ("p50", "p95", "failed")
Outcome = Literal["better", "worse", "changed", "within noise", "too little data", "only in one"]
"""`changed`: really, but nobody knows which direction is good (`custom.*`)."""

_Block = tuple[float, float]
"""Sum of weight times value, and sum of weights."""


class Change(msgspec.Struct, frozen=True):
    """One statistic of one metric in both runs; null where nothing was measured. `failed` is a share, 0..1."""

    metric: str
    statistic: Statistic
    unit: str
    first: float | None
    second: float | None
    change_percent: float | None
    """null also where the first run has 0."""
    outcome: Outcome


class CounterChange(msgspec.Struct, frozen=True):
    counter: str
    first: int
    second: int
    change_percent: float | None


class CauseChange(msgspec.Struct, frozen=True):
    area: str
    cause: str
    first: int
    second: int


class Comparison(msgspec.Struct, frozen=True):
    schema: int
    first: Summary
    second: Summary
    changes: list[Change]
    counters: list[CounterChange]
    causes: list[CauseChange]
    """Most frequent first."""


def comparison(first: Record, second: Record) -> Comparison:
    """The same records always give the same comparison."""
    summaries = summarize(first), summarize(second)
    return Comparison(
        schema=1,
        first=summaries[0],
        second=summaries[1],
        changes=_changes(first, second, *summaries),
        counters=_counters(*summaries),
        causes=_causes(*summaries),
    )


def _changes(first: Record, second: Record, before: Summary, after: Summary) -> list[Change]:
    rng = random.Random(1)  # noqa: S311 - a fixed seed, so that the same runs always compare the same
    return [
        _change(name, statistic, (before, after), (first, second), rng)
        for name in sorted({*before.metrics, *after.metrics})
        for statistic in STATISTICS
    ]


def _change(
    name: str,
    statistic: Statistic,
    summaries: tuple[Summary, Summary],
    records: tuple[Record, Record],
    rng: random.Random,
) -> Change:
    metrics = [summary.metrics.get(name) for summary in summaries]
    first, second = (_value(metric, statistic) for metric in metrics)
    columns = [record.timeline.metrics.get(name) for record in records]
    blocks = [_blocks(column, statistic) if column is not None else [] for column in columns]
    return Change(
        metric=name,
        statistic=statistic,
        unit=next(metric.unit for metric in metrics if metric is not None),
        first=first,
        second=second,
        change_percent=change_percent(first, second),
        outcome=_outcome(name, first, second, blocks[0], blocks[1], rng),
    )


def _value(metric: MetricSummary | None, statistic: Statistic) -> float | None:
    if metric is None or not metric.count:
        return None
    if statistic == "failed":
        return metric.failed / metric.count
    return metric.p50 if statistic == "p50" else metric.p95


def change_percent(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return None
    if first == second:
        return 0.0
    return round(100 * (second - first) / first, 2) if first else None


def _outcome(
    name: str, first: float | None, second: float | None, before: list[_Block], after: list[_Block], rng: random.Random
) -> Outcome:
    if first is None or second is None:
        return "only in one"
    if abs(second - first) <= CHANGE_MIN * first:
        return "within noise"
    if min(len(before), len(after)) < BLOCKS_MIN:
        return "too little data"
    differences = sorted(_draw(after, rng) - _draw(before, rng) for _ in range(ROUNDS))
    low, high = (differences[round(share * (ROUNDS - 1))] for share in INTERVAL)
    if low <= 0.0 <= high or (low > 0.0) != (second > first):
        return "within noise"
    if name.startswith("custom."):
        return "changed"
    return "worse" if second > first else "better"


def _blocks(columns: MetricColumns, statistic: Statistic) -> list[_Block]:
    """Weighted sums of equally long stretches of seconds, empty ones left out."""
    length = max(1, math.ceil((columns.second[-1] + 1) / BLOCKS_MAX))
    sums: dict[int, _Block] = {}
    values: array[float] = columns.p50 if statistic == "p50" else columns.p95
    for i, second in enumerate(columns.second):
        if statistic == "failed":
            total, weight = float(columns.failed[i]), float(columns.count[i])
        else:
            weight = float(columns.count[i] - columns.failed[i])
            total = values[i] * weight if weight else 0.0
        before = sums.get(second // length, (0.0, 0.0))
        sums[second // length] = before[0] + total, before[1] + weight
    return [block for block in sums.values() if block[1]]


def _draw(blocks: list[_Block], rng: random.Random) -> float:
    chosen = rng.choices(blocks, k=len(blocks))
    return sum(block[0] for block in chosen) / sum(block[1] for block in chosen)


def _counters(before: Summary, after: Summary) -> list[CounterChange]:
    names = dict.fromkeys([*before.counters, *after.counters])
    pairs = [(name, before.counters.get(name, 0), after.counters.get(name, 0)) for name in names]
    return [CounterChange(name, first, second, change_percent(first, second)) for name, first, second in pairs]


def _causes(before: Summary, after: Summary) -> list[CauseChange]:
    keys = {(area, cause) for summary in (before, after) for area, causes in summary.causes.items() for cause in causes}
    changes = [
        CauseChange(area, cause, before.causes.get(area, {}).get(cause, 0), after.causes.get(area, {}).get(cause, 0))
        for area, cause in keys
    ]
    return sorted(changes, key=lambda change: (-change.first - change.second, change.area, change.cause))
