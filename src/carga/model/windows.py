"""The results of one worker for one second of the run.

A window is what a worker sends and a journal keeps. Everything a report says is a merge of windows,
and merging is exact: windows may arrive in any order, late, or coalesced.
"""

from typing import Literal

import msgspec

from carga.model.histogram import Histogram

UserState = Literal["waiting", "starting", "running", "stopping", "stopped", "failed", "lost"]
"""`waiting`: not asked for yet, or between two workers · `failed`: could not be started, is tried again ·
`lost`: its worker or browser died and it is about to be started again · `stopped`: ended as planned."""

Area = Literal["request", "websocket", "step", "behaviour", "page", "user", "browser"]
"""What a cause of failure belongs to."""

CAUSES_PER_AREA_MAX = 200
"""Distinct causes that an area keeps; further ones are counted under `OTHER`."""
METRICS_MAX = 1000
"""Distinct metrics that a run keeps; further ones are counted in the counter `metrics_dropped`."""
OTHER = "(other)"


class Metric(msgspec.Struct):
    """One kind of attempt: `values` are those of the attempts that succeeded, `failed` counts the others.

    A refused connection is quick and a time-out slow for reasons of their own, so neither enters the percentiles.
    """

    unit: str = "ms"
    failed: int = 0
    values: Histogram = msgspec.field(default_factory=Histogram)

    @property
    def attempts(self) -> int:
        return self.values.count + self.failed

    def merge(self, other: "Metric") -> None:
        self.failed += other.failed
        self.values.merge(other.values)


class UserChange(msgspec.Struct, array_like=True, frozen=True):
    """A user came into `state`. `detail` is a cause in words, for people (empty when all is well)."""

    index: int
    state: UserState
    detail: str = ""


class Gauges(msgspec.Struct):
    """The worker's state at the end of the window."""

    users_running: int = 0
    websockets_open: int = 0
    cpu_percent: float = 0.0
    """Of the whole machine, 0..100, all processes."""
    worker_cpu_percent: float = 0.0
    """Of one core: the worker's own process without its browsers."""
    tree_cpu_percent: float = 0.0
    """Of one core: the worker with its browsers, in the last seconds."""
    memory_mb: float = 0.0
    """Of the worker's process tree (PSS where the system tells it, else RSS without what is shared)."""
    memory_available_mb: float = 0.0
    loop_lag_ms: float = 0.0
    """The longest time in this window that the worker's event loop was late."""
    browsers: int = 0
    cores: int = 0
    """That the worker may use. 0: an older worker that says nothing of the fields below."""
    core_wait: float = 0.0
    """How long the browsers' threads waited for a core, for each second in which they had one; 0: not known."""
    core_turn_ms: float = 0.0
    """How long they waited each time, on average."""
    cpu_steal_percent: float = 0.0
    """Of the machine's CPU time: what its host gave to other virtual machines."""
    cpu_pressure_percent: float = 0.0
    """Of the window: some process waited for a core (PSI)."""
    memory_pressure_percent: float = 0.0
    """Of the window: some process waited for memory (PSI)."""
    processes_waiting: int = 0
    """Those that run or wait for a core at the end of the window, on the whole machine."""
    users_waiting: int = 0
    """That this worker was given and does not open, because the machine is full."""
    full: str = ""
    """Why the machine takes no more users, in words; "": it does."""


class ErrorSample(msgspec.Struct, frozen=True):
    """One failure in detail. A sample: how often it happened is in `causes`."""

    area: Area
    cause: str
    user: int
    message: str
    where: str = ""
    """URL, step or stack, shortened."""


class Window(msgspec.Struct):
    worker: str
    seq: int
    """1, 2, 3 … for each worker: a journal keeps each (worker, seq) once."""
    second: int
    """Second of the run, counted from its start; 0 is the first."""
    metrics: dict[str, Metric] = msgspec.field(default_factory=dict)
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    causes: dict[Area, dict[str, int]] = msgspec.field(default_factory=dict)
    users: list[UserChange] = msgspec.field(default_factory=list)
    gauges: Gauges = msgspec.field(default_factory=Gauges)
    errors: list[ErrorSample] = msgspec.field(default_factory=list)
    parts: dict[str, dict[str, Metric]] = msgspec.field(default_factory=dict)
    """The same metrics once more for each part of the run, see `model/parts.py`; empty where there is one part only."""


COUNTERS = (
    "requests",
    "requests_failed",
    "requests_from_cache",
    "requests_cancelled",
    "bytes_received",
    "websockets_opened",
    "websockets_closed",
    "websockets_closed_abnormally",
    "websocket_messages_sent",
    "websocket_messages_received",
    "websocket_bytes_sent",
    "websocket_bytes_received",
    "page_errors",
    "navigations",
    "iterations",
    "iterations_failed",
    "steps_cut_off",
    "actions",
    "browser_crashes",
    "page_crashes",
    "gpu_crashes",
    "users_released",
    "samples_dropped",
    "metrics_dropped",
)
"""Every counter a summary lists, 0 when nothing was counted. `actions`: trusted or synthetic inputs."""


def merge_metrics(into: dict[str, Metric], other: dict[str, Metric], *, limit: int = METRICS_MAX) -> int:
    """Merges `other` into `into`; returns how many values were dropped because of `limit`."""
    dropped = 0
    for name, metric in other.items():
        mine = into.get(name)
        if mine is None:
            if len(into) >= limit:
                dropped += metric.attempts
                continue
            into[name] = Metric(metric.unit, metric.failed, metric.values.copy())
        else:
            mine.merge(metric)
    return dropped


def merge_counts(into: dict[str, int], other: dict[str, int]) -> None:
    for name, count in other.items():
        into[name] = into.get(name, 0) + count


def merge_causes(into: dict[Area, dict[str, int]], other: dict[Area, dict[str, int]]) -> None:
    for area, causes in other.items():
        mine = into.setdefault(area, {})
        for cause, count in causes.items():
            key = cause if cause in mine or len(mine) < CAUSES_PER_AREA_MAX else OTHER
            mine[key] = mine.get(key, 0) + count
