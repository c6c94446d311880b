"""From a run with more and more users to what one of them costs, and to how many this machine holds. Pure."""

from collections.abc import Sequence
from statistics import fmean, median

import msgspec

from carga.doctor.capacity import CPU_SHARE_USABLE, Capacity, MachineRoom, UserCost, estimate, kind_name
from carga.model.engines import BrowserKind
from carga.model.strain import TIMER_LATE_MS_MAX, is_starved

IDLE_S = 4
"""Seconds before the first user, by which the machine's own load is known."""
STRAINED_SHARE_MAX = 0.5
"""A step with more strained seconds is not carried."""
CORES_MIN = 0.0005
MEMORY_MB_MIN = 1.0
"""A user costs at least so much: below it is noise, and dividing by it would promise the moon."""
BEYOND_MAX = 10
"""How many times as many users as were tried may be promised."""
NEAR_SHARE = 0.9
"""Of the estimate: so many users are run to verify it."""
BACK_OFF_SHARE = 0.8
"""Of what was not carried is taken for what is."""


class Second(msgspec.Struct, frozen=True):
    users: int
    cores: float
    """That are busy on the whole machine, whoever uses them."""
    own_cores: float
    """That the worker and its browsers use."""
    memory_mb: float
    """Of these."""
    timer_late_ms: float = 0.0
    core_wait: float = 0.0
    core_turn_ms: float = 0.0
    full: bool = False

    @property
    def strained(self) -> bool:
        starved = is_starved(self.core_wait, self.core_turn_ms)
        return self.full or self.timer_late_ms > TIMER_LATE_MS_MAX or starved


class Step(msgspec.Struct, frozen=True):
    """What was seen while `users` were wanted, without the time in which they came."""

    users: int
    ran: int
    cores: float
    own_cores: float
    memory_mb: float
    timer_late_ms: float
    carried: bool


class Finding(msgspec.Struct, frozen=True):
    users: int
    limited_by: str
    cores_per_user: float
    memory_mb_per_user: float
    held: int
    timer_late_ms: float


def steps_up_to(users_max: int) -> list[int]:
    """A quarter, half, all: enough to see whether the cost of a user stays the same."""
    return sorted({max(1, users_max // 4), max(1, users_max // 2), users_max})


def step_of(users: int, seconds: Sequence[Second]) -> Step | None:
    """None when nothing was seen."""
    if not seconds:
        return None
    ran = min(second.users for second in seconds)
    strained = sum(second.strained for second in seconds)
    return Step(
        users=users,
        ran=max(second.users for second in seconds),
        cores=median(second.cores for second in seconds),
        own_cores=fmean(second.own_cores for second in seconds),
        memory_mb=max(second.memory_mb for second in seconds),
        timer_late_ms=max(second.timer_late_ms for second in seconds),
        carried=ran >= users and strained <= len(seconds) * STRAINED_SHARE_MAX,
    )


def conclude(kind: BrowserKind, idle: Step, steps: Sequence[Step], room: MachineRoom) -> Finding:
    """`room` is what was there before; cores that were busy with other things are taken off. `steps` has at least one.

    The largest step that was carried counts: with many users the noise of a machine is small against them.
    """
    carried = [step for step in steps if step.carried]
    last = max(carried or steps, key=lambda step: step.ran)
    if not last.ran:
        return Finding(0, "measured", 0.0, 0.0, 0, 0.0)
    cores, memory_mb = _cost(idle, last)
    cost = UserCost(kind_name(kind), cores, memory_mb, kind.users_max)
    held = max((step.users for step in carried), default=0)
    capacity = _estimate(cost, idle, room)
    too_many = [step for step in steps if not step.carried and step.users > held]
    users, limited_by = capacity.users, capacity.limited_by
    if users > (most := BEYOND_MAX * max(step.ran for step in steps)):
        users, limited_by = most, "what was tried"
    if too_many:
        # What was really seen outweighs every estimate.
        reached = min(max(step.ran, 1) for step in too_many)
        users, limited_by = max(held, min(users, int(reached * BACK_OFF_SHARE))), "measured"
    late_ms = max((step.timer_late_ms for step in steps if step.users == held), default=_late_ms(steps))
    return Finding(max(users, held), limited_by, cost.cores, cost.memory_mb, held, late_ms)


def _late_ms(steps: Sequence[Step]) -> float:
    return max((step.timer_late_ms for step in steps), default=0.0)


def next_to_verify(finding: Finding, *, tried: int, users_max: int) -> int | None:
    """How many users to run near the estimate; None when that would teach nothing."""
    if finding.limited_by == "measured":
        return None
    near = min(int(finding.users * NEAR_SHARE), users_max)
    return near if near > tried else None


def _cost(idle: Step, step: Step) -> tuple[float, float]:
    """Cores and memory of one user."""
    # What else runs here may have ended meanwhile, so that users would seem to cost nothing; the target's share is in
    # the machine's figure alone.
    cores = max(CORES_MIN, (step.cores - idle.cores) / step.ran, (step.own_cores - idle.own_cores) / step.ran)
    memory_mb = max(MEMORY_MB_MIN, (step.memory_mb - idle.memory_mb) / step.ran)
    return cores, memory_mb


def _estimate(cost: UserCost, idle: Step, room: MachineRoom) -> Capacity:
    free = max(0.0, room.cores - idle.cores / CPU_SHARE_USABLE)
    return estimate(cost, cores=free, memory_mb=room.memory_mb, fds=room.fds)
