"""Whether a plan asks for more users than this machine holds. Pure but for what it is given to look up."""

from collections import Counter
from collections.abc import Callable

import msgspec

from carga.doctor.capacity import MachineRoom, built_in_cost, estimate, kind_name
from carga.doctor.measured import Measured
from carga.model.engines import BrowserKind, kind_of
from carga.model.identity import group_of
from carga.model.plan import Plan
from carga.model.profile import LoadProfile, activation_order

Lookup = Callable[[BrowserKind], Measured | None]


class Demand(msgspec.Struct, frozen=True):
    """The users of one kind, and how many of them alone would fill the machine."""

    kind: BrowserKind
    users: int
    holds: int
    limited_by: str
    measured: Measured | None

    @property
    def text(self) -> str:
        since = f"as measured on {self.measured.measured_at[:10]}" if self.measured else "by an estimate"
        return f"{self.users:,} of {kind_name(self.kind)}, of which it holds {self.holds:,} {since} ({self.limited_by})"


class Demands(msgspec.Struct, frozen=True):
    demands: list[Demand]

    def share(self, *, measured_only: bool = False) -> float:
        """Of the machine, that all kinds together need: more than 1 is too much."""
        return sum(
            demand.users / max(demand.holds, 0.5) for demand in self.demands if demand.measured or not measured_only
        )

    @property
    def text(self) -> str:
        return "; ".join(demand.text for demand in self.demands)


def demands_of(plan: Plan, room: MachineRoom, measured_of: Lookup) -> Demands:
    """Kinds of which nothing is known are left out."""
    peak = LoadProfile(plan.stages).peak
    kinds = Counter(kind_of(plan.groups[group_of(plan, user)], user) for user in activation_order(plan)[:peak])
    demands = []
    for kind, users in kinds.items():
        measured = measured_of(kind)
        if measured is not None:
            demands.append(Demand(kind, users, measured.users, measured.limited_by, measured))
        elif (cost := built_in_cost(kind)) is not None:
            capacity = estimate(cost, cores=room.cores, memory_mb=room.memory_mb, fds=room.fds)
            demands.append(Demand(kind, users, capacity.users, capacity.limited_by, None))
    return Demands(demands)
