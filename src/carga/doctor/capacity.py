"""How many users a machine should hold: an estimate from what one user costs.

What is built in was measured with Chromium 156, a small single-page application, one key press a second and one
WebSocket a user. A heavier page costs more: `carga doctor --measure` measures the application itself.
"""

import os
import resource

import msgspec

from carga.model.engines import ENGINES, BrowserKind
from carga.model.plan import Engine, Rendering
from carga.worker import machine

PROCESS_FD_MAX_DEFAULT = 1_048_576
"""What RLIM_INFINITY is taken for."""
CPU_SHARE_USABLE = 0.8
"""Above that, timers in the pages come late, and the result is not to be trusted."""
MEMORY_SHARE_USABLE = 0.85
FDS_PER_USER = 24
"""3 a socket in the network service, for 6 connections and a WebSocket, with some for the renderer's channels."""
FDS_RESERVED = 256


class UserCost(msgspec.Struct, frozen=True):
    """What one user of a kind needs."""

    kind: str
    cores: float
    memory_mb: float
    users_per_browser: int = 50


_BUILT_IN: dict[tuple[Engine, Rendering], tuple[float, float]] = {
    ("chromium", "none"): (0.005, 30),
    ("chromium", "paced"): (0.008, 35),
    ("chromium", "full"): (0.017, 50),
    ("light", "none"): (0.0017, 4),
    ("firefox", "full"): (0.017, 60),
    ("webkit", "full"): (0.026, 230),
}
"""Cores and memory in MB: the upper ends of what was measured."""
_ALONE = (0.022, 100.0)
"""A user with a browser of its own."""


class Capacity(msgspec.Struct, frozen=True):
    kind: str
    users: int
    limited_by: str
    """"CPU", "memory" or "open files"."""


class MachineRoom(msgspec.Struct, frozen=True):
    """What users may have here."""

    cores: float
    memory_mb: float
    fds: int


def kind_name(kind: BrowserKind) -> str:
    alone = f", isolation {kind.isolation}" if kind.alone else ""
    return f"{kind.engine}, rendering {kind.rendering}{alone}"


def built_in_cost(kind: BrowserKind) -> UserCost | None:
    """None where nobody has measured it yet."""
    known = _BUILT_IN.get((kind.engine, kind.rendering))
    if known is None:
        return None
    cores, memory_mb = (max(pair) for pair in zip(known, _ALONE, strict=True)) if kind.alone else known
    return UserCost(kind_name(kind), cores, memory_mb, kind.users_max)


def built_in_costs() -> list[UserCost]:
    """Of everything that this version can run."""
    kinds = [
        BrowserKind(engine, "context" if "context" in traits.isolations else traits.isolations[0], rendering)
        for engine, traits in ENGINES.items()
        for rendering in traits.renderings
    ]
    return [cost for kind in kinds if (cost := built_in_cost(kind)) is not None]


def estimate(cost: UserCost, *, cores: float, memory_mb: float, fds: int) -> Capacity:
    """The smallest of what each resource allows. `fds` is what one process, and so one browser, may have open."""
    allowed = {
        "CPU": int(cores * CPU_SHARE_USABLE / cost.cores),
        "memory": int(memory_mb * MEMORY_SHARE_USABLE / cost.memory_mb),
    }
    of_one_browser = max(0, fds - FDS_RESERVED) // FDS_PER_USER
    if of_one_browser < cost.users_per_browser:
        allowed["open files"] = of_one_browser
    limit = min(allowed, key=lambda name: allowed[name])
    return Capacity(cost.kind, max(0, allowed[limit]), limit)


def room_here() -> MachineRoom:
    return MachineRoom(usable_cores(), machine.memory().available_mb, file_limits()[1])


def usable_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def file_limits() -> tuple[int, int]:
    """Soft and hard limit; a worker raises the soft to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    return (
        PROCESS_FD_MAX_DEFAULT if soft == infinite else soft,
        PROCESS_FD_MAX_DEFAULT if hard == infinite else hard,
    )
