"""What a coordinator tells a live page or a terminal: JSON over HTTP and one WebSocket.

    GET  /api/run                 -> RunInfo
    GET  /api/history             -> History: every second so far (thinned out to HISTORY_POINTS_MAX points)
    GET  /api/users               -> UserList
    GET  /api/users/{index}/picture -> image/png or image/jpeg; 404 not running, 504 too slow, {"problem", "remedy"}
    GET  /api/evidence            -> [EvidenceInfo]; GET /api/evidence/{file} -> image
    POST /api/stop                -> 202; drains the run (again: aborts it)
    WS   /api/live                -> one `Live` message at once and then each second; the last has state "finished"

Errors are JSON `{"code", "problem", "remedy"}`.
"""

from typing import Literal

import msgspec

from carga.model.summary import GeneratorSummary, ThresholdResult, Verdict

HISTORY_POINTS_MAX = 900

RunState = Literal["starting", "running", "draining", "finished"]


class GroupInfo(msgspec.Struct, frozen=True):
    name: str
    count: int
    first_index: int
    engine: str
    rendering: str
    isolation: str
    behaviour: str
    full_sample: float = 0.0
    """Share of the users, 0..1, that draw all frames."""


class RunInfo(msgspec.Struct, frozen=True):
    run: str
    plan: str
    """File name."""
    target: str
    """URL template."""
    state: RunState
    started_at: str
    elapsed_s: float
    duration_s: float
    groups: list[GroupInfo]
    profile: list[tuple[float, float]]
    """(seconds, users): corners of the load profile, from (0, 0)."""
    thresholds: list[str]
    carga: str
    out: str
    """The run folder."""


class Percentiles(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` attempts, of which `failed` failed; the rest is about those that succeeded, in `unit`."""

    unit: str
    count: int
    failed: int
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class UserCounts(msgspec.Struct, frozen=True):
    planned: int
    """By the load profile, now."""
    total: int
    """Of the whole plan."""
    waiting: int = 0
    starting: int = 0
    running: int = 0
    stopping: int = 0
    stopped: int = 0
    failed: int = 0
    lost: int = 0
    moved: int = 0
    """How often a user went to another worker."""
    started: int = 0
    """Distinct users that ran at least once."""


class WorkerInfo(msgspec.Struct, frozen=True):
    id: str
    host: str
    state: Literal["connected", "silent", "lost", "gone"]
    """`silent`: connection lost, lease not yet over · `lost`: its users were given away · `gone`: said goodbye."""
    users: int
    users_max: int
    browsers: int
    cpu_percent: float
    memory_mb: float
    loop_lag_ms: float
    core_wait: float = 0.0
    """How long its browsers waited for a core, for each second in which they had one."""
    memory_available_mb: float = 0.0
    """On its machine."""
    full: str = ""
    """Why it takes no more users for now; "": it does."""
    users_waiting: int = 0
    """That it does not open, because it is full."""


class CauseCount(msgspec.Struct, frozen=True, array_like=True):
    area: str
    cause: str
    count: int


class Live(msgspec.Struct, frozen=True):
    """The run as it is now. Percentiles are those of the last full second; totals are of the run so far."""

    type: Literal["live"]
    state: RunState
    second: int
    """The second that `metrics` describes (windows arrive late: about 3 s ago)."""
    elapsed_s: float
    users: UserCounts
    actions_per_s: float
    requests_per_s: float
    bytes_per_s: float
    websockets_open: int
    metrics: dict[str, Percentiles]
    """Of that second. Names: `step.NAME`, `request.KIND`, `websocket.open`, `iteration` …"""
    totals: dict[str, Percentiles]
    counters: dict[str, int]
    causes: list[CauseCount]
    """All areas, most frequent first, 100 at most."""
    generator: GeneratorSummary
    workers: list[WorkerInfo]
    thresholds: list[ThresholdResult]
    changed: list[tuple[int, int, int, str]]
    """Users whose row changed since the last message: (index, state, worker, detail), as in UserList."""
    messages: list[str]
    """What happened since the last message, for people: a worker was lost, a browser crashed."""
    verdict: Verdict | None = None
    """In the last message only."""
    reasons: list[str] = []
    exit_code: int | None = None
    report: str | None = None
    """Path of report.html, in the last message."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One metric in one second (or the thinned-out span): p50, p95, p99, count, failed."""

    second: int
    p50: float | None
    p95: float | None
    p99: float | None
    count: int
    failed: int


class History(msgspec.Struct, frozen=True):
    """Columns of equal length, one entry a point in time; `step_s` seconds lie between two points."""

    step_s: int
    second: list[int]
    users_planned: list[float]
    users_running: list[int]
    actions_per_s: list[float]
    requests_per_s: list[float]
    failures_per_s: list[float]
    websockets_open: list[int]
    bytes_per_s: list[float]
    timer_late_p99_ms: list[float | None]
    cpu_percent: list[float]
    metrics: dict[str, list[Point]]
    """Sparse: only seconds in which the metric had values."""


USER_STATES = ("waiting", "starting", "running", "stopping", "stopped", "failed", "lost")


class UserList(msgspec.Struct, frozen=True):
    states: tuple[str, ...]
    workers: list[str]
    users: list[tuple[int, int, int, str]]
    """For each user: (index, position in `states`, position in `workers` or -1, detail)."""


class EvidenceInfo(msgspec.Struct, frozen=True):
    file: str
    user: int
    second: int
    name: str
    message: str
