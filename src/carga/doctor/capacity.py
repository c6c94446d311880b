"""How many users a machine should hold: an estimate from what one user was measured to cost.

Measured with Chromium 156, a small single-page application, one key press a second and one WebSocket a user. A heavier
page costs more, so `carga try` and a short run on the application itself tell better.
"""

import msgspec

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


COSTS = (
    UserCost("chromium, rendering none", cores=0.005, memory_mb=30),
    UserCost("chromium, rendering full", cores=0.017, memory_mb=50),
)
"""The upper ends of what was measured."""


class Capacity(msgspec.Struct, frozen=True):
    kind: str
    users: int
    limited_by: str
    """"CPU", "memory" or "open files"."""


def estimate(cost: UserCost, *, cores: int, memory_mb: float, fds: int) -> Capacity:
    """The smallest of what each resource allows."""
    allowed = {
        "CPU": int(cores * CPU_SHARE_USABLE / cost.cores),
        "memory": int(memory_mb * MEMORY_SHARE_USABLE / cost.memory_mb),
        "open files": max(0, fds - FDS_RESERVED) // FDS_PER_USER,
    }
    limit = min(allowed, key=lambda name: allowed[name])
    return Capacity(cost.kind, allowed[limit], limit)
