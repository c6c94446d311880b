"""`summary.json`, schema 1."""

from typing import Literal

import msgspec

from carga.model.strain import StrainedInterval

Verdict = Literal["passed", "failed", "untrusted", "interrupted"]


class MetricSummary(msgspec.Struct, frozen=True):
    """`count` attempts, of which `failed` failed; the rest is of those that succeeded, in `unit`, null if none did."""

    unit: str
    count: int
    failed: int
    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class UsersSummary(msgspec.Struct, frozen=True):
    planned: int
    started: int = 0
    peak: int = 0
    failed_to_start: int = 0
    moved: int = 0
    browser_crashes: int = 0


class GeneratorSummary(msgspec.Struct, frozen=True):
    trusted: bool
    reasons: list[str] = []
    timer_late_p99_ms: float | None = None
    loop_lag_max_ms: float = 0.0
    cpu_percent_max: float = 0.0
    memory_mb_max: float = 0.0
    strained: list[StrainedInterval] = []
    """Intervals of seconds in which the generator was too slow."""
    not_admitted: int = 0
    """Users that never ran because the machine was full."""
    released: int = 0
    """How often a user was ended because memory ran low."""
    forced: str = ""
    """What was known to be too much before the run, and was done all the same; in words."""


class WorkerSummary(msgspec.Struct, frozen=True):
    id: str
    users_peak: int
    lost: bool


class ThresholdResult(msgspec.Struct, frozen=True):
    threshold: str
    """As a person reads it."""
    metric: str
    statistic: str
    limit: float
    value: float | None
    """null: nothing was measured, which counts as not passed."""
    passed: bool


SampleOutcome = Literal["alike", "slower drawn", "quicker drawn", "too few values"]


class SampleDifference(msgspec.Struct, frozen=True):
    """One percentile of one metric: of the group's users of the full sample, and of its others."""

    metric: str
    statistic: Literal["p50", "p95"]
    unit: str
    dense_count: int
    sample_count: int
    """Values that succeeded."""
    dense: float | None
    sample: float | None
    difference: float | None
    """`sample` less `dense`."""
    ratio: float | None
    """`sample` by `dense`; null also where `dense` is 0."""
    outcome: SampleOutcome


class SampleSummary(msgspec.Struct, frozen=True):
    """The users of a group that draw all frames, beside those that do not."""

    share: float
    users: int
    started: int
    metrics: dict[str, MetricSummary]
    differences: list[SampleDifference]


class GroupSummary(msgspec.Struct, frozen=True):
    name: str
    engine: str
    isolation: str
    rendering: str
    users: int
    started: int
    failed_to_start: int
    metrics: dict[str, MetricSummary] = {}
    """Of this group alone; empty where the plan has one group without a full sample: they are those of the run."""
    full_sample: SampleSummary | None = None


class Summary(msgspec.Struct, frozen=True):
    schema: int
    verdict: Verdict
    reasons: list[str]
    plan: str
    started_at: str
    """ISO 8601, UTC, ends in Z."""
    duration_s: float
    users: UsersSummary
    metrics: dict[str, MetricSummary]
    counters: dict[str, int]
    causes: dict[str, dict[str, int]]
    """Area to cause to count: `{"request": {"HTTP 500": 12, "net::ERR_CONNECTION_REFUSED": 3}}`."""
    thresholds: list[ThresholdResult]
    generator: GeneratorSummary
    workers: list[WorkerSummary]
    exit_code: int
    carga: str
    """Version of carga."""
    groups: list[GroupSummary] = []
    """In the order of the plan."""
