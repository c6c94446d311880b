"""A plan as it is after reading: checked, with every default filled in and every time in seconds.

`model/plan_file.py` turns TOML into this.
"""

from typing import Literal

import msgspec

Engine = Literal["chromium", "light", "firefox", "webkit"]
Isolation = Literal["context", "process", "container"]
Rendering = Literal["none", "paced", "full"]
Statistic = Literal["p50", "p90", "p95", "p99", "max", "min", "mean", "failed", "count", "rate"]
"""`failed`: share of attempts that failed, 0..1 · `count`: how many · `rate`: how many a second of the run."""


class Target(msgspec.Struct, frozen=True):
    url: str
    """Template with `{index}` and identity fields."""


class Cookie(msgspec.Struct, frozen=True):
    name: str
    value: str
    """Template."""
    domain: str = ""
    """Empty: the host of the user's URL."""
    path: str = "/"
    secure: bool = False
    http_only: bool = False


class Group(msgspec.Struct, frozen=True):
    """Users that share engine, behaviour and settings. Holds the indexes first_index .. first_index+count-1."""

    name: str
    count: int
    first_index: int = 0
    url: str = ""
    """Template; the target's URL unless the group has its own."""
    engine: Engine = "chromium"
    isolation: Isolation = "context"
    rendering: Rendering = "paced"
    full_sample: float = 0.0
    """Share of the users, 0..1, that draw all frames whatever `rendering` says, so that both can be compared."""
    behaviour: str = ""
    """Path of the file as the plan names it, relative to the plan; empty: the page drives itself."""
    user_agent: str = ""
    """Template; empty: the browser's own."""
    cache: bool = True
    viewport: tuple[int, int] = (1280, 720)
    locale: str = ""
    timezone: str = ""
    headers: dict[str, str] = {}
    """Extra HTTP headers; values are templates."""
    cookies: tuple[Cookie, ...] = ()
    start_delay_s: float = 0.0
    think_s: tuple[float, float] = (0.0, 0.0)
    """Pause between two iterations, uniform between the two."""
    pace_s: float = 0.0
    """Planned time from the start of one iteration to the start of the next; 0: as soon as possible."""
    timeout_s: float = 30.0
    """Longest wait inside the behaviour when the call names none."""
    identity: dict[str, str] = {}
    """Field to template."""
    data: str = ""
    """Path of a CSV as the plan names it; its columns are identity fields."""
    reuse: bool = False
    """Whether CSV rows may serve more than one user."""


class Stage(msgspec.Struct, frozen=True):
    """Within `over_s` seconds the number of users goes in a straight line to `users`."""

    users: int
    over_s: float


class Threshold(msgspec.Struct, frozen=True):
    """`statistic` of `metric` must be `op` `limit` (base unit: ms, bytes, share, count, 1/s)."""

    metric: str
    statistic: Statistic
    op: Literal["<=", ">="]
    limit: float
    text: str
    """As a person reads it: `step.open guide p95 <= 800 ms`."""


class Plan(msgspec.Struct, frozen=True):
    name: str
    """File name of the plan."""
    target: Target
    groups: tuple[Group, ...]
    stages: tuple[Stage, ...]
    thresholds: tuple[Threshold, ...] = ()
    seed: int = 1
    """Seeds every random choice of the users (think times), with the user's index."""

    @property
    def users(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def duration_s(self) -> float:
        return sum(stage.over_s for stage in self.stages)
