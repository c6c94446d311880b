"""`summary.json`, schema 1."""

from typing import Literal

import msgspec

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
