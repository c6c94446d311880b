"""Who runs where: brings leases, placement and schedule together. Pure; workers are positions in the roster."""

from collections import defaultdict
from dataclasses import dataclass, field

from carga.coordinator.leases import NOBODY, Leases
from carga.coordinator.placement import Placement
from carga.coordinator.schedule import Schedule
from carga.coordinator.users import Users
from carga.wire.messages import Running

ASSIGNMENTS_PER_STEP_MAX = 2000
"""Keeps one step short. At four steps a second it is far more than browsers can start."""
RETRY_S = 2.0
"""A user that its worker gave back unasked waits this long, so that an ill worker is not asked without end."""


@dataclass
class Step:
    """What one step of time changed, by worker."""

    assigned: dict[int, list[Running]] = field(default_factory=lambda: defaultdict(list))
    released: dict[int, list[Running]] = field(default_factory=lambda: defaultdict(list))
    moved: int = 0
    """Users that went to another worker than before."""
    away_s_max: float = 0.0
    """How long the longest of them had no worker."""


class Distribution:
    def __init__(self, leases: Leases, schedule: Schedule, users: Users) -> None:
        self.leases = leases
        self.users = users
        self._schedule = schedule
        self.placement = Placement()
        self._away: dict[int, tuple[int, float]] = {}
        """Users that were cut off: the worker they had, or NOBODY when that is unknown, and since when."""

    def join(self, worker: int, capacity: int, running: list[Running], now: float) -> list[int]:
        """The worker is connected and says what it runs. Returns the users that it keeps; it stops all others."""
        leases = self.leases
        leases.renew(worker, now)
        keep = [
            entry.index
            for entry in running
            if 0 <= entry.index < len(self.users) and leases.holds(worker, entry.index, entry.assignment)
        ]
        for user in sorted(leases.users_of(worker).difference(keep)):
            leases.free(user, worker, leases.assignment(user))
            self._cut_off(user, worker, now, "its worker did not get it")
        self.placement.offer(worker, used=len(leases.users_of(worker)), capacity=capacity)
        return keep

    def adopt(self, worker: int, running: list[Running], now: float) -> None:
        """After a restart, before anybody was assigned: the worker holds what it runs, unless another one does."""
        self.leases.renew(worker, now)
        for entry in running:
            if 0 <= entry.index < len(self.users) and self.leases.adopt(entry.index, worker, entry.assignment):
                state = self.users.state(entry.index)
                self.users.set(entry.index, "running" if state == "running" else "starting", worker)

    def released_of(self, worker: int) -> list[Running]:
        """Users that the worker was asked to stop and has not freed."""
        leases = self.leases
        return [Running(user, leases.assignment(user)) for user in leases.users_of(worker) if leases.is_released(user)]

    def silence(self, worker: int) -> None:
        """The worker takes no new users, but keeps those it has."""
        self.placement.withdraw(worker)

    def go_on(self, worker: int, capacity: int) -> None:
        """The worker takes new users again."""
        self.placement.offer(worker, used=len(self.leases.users_of(worker)), capacity=capacity)

    def lose(self, worker: int, since: float, why: str) -> int:
        """The worker runs nothing any more, at the worst since `since`. Returns how many users it had."""
        self.placement.withdraw(worker)
        users = self.leases.end(worker)
        for user in users:
            self._cut_off(user, worker, since, why)
        return len(users)

    def free(self, worker: int, entry: Running, elapsed_s: float, why: str = "") -> None:
        """The worker runs this user no more. News about another assignment than the user's own are old and dropped.

        `why` it was given back, if nobody asked for it.
        """
        user = entry.index
        if not 0 <= user < len(self.users):
            return
        was_released = self.leases.is_released(user)
        if not self.leases.free(user, worker, entry.assignment):
            return
        self.placement.give_back(worker)
        if self._schedule.is_wanted(user):
            self.users.set(user, "waiting", NOBODY, "" if was_released else why)
            self._schedule.queue(user, not_before_s=0.0 if was_released else elapsed_s + RETRY_S)
        else:
            self.users.set(user, "stopped", NOBODY)

    def step(self, target: int, elapsed_s: float, now: float) -> Step:
        """Brings the wanted users to the first `target` ones of the order and gives those that wait to workers."""
        step = Step()
        came, went = self._schedule.move_target(target)
        for user in came:
            if self.leases.holder(user) == NOBODY:
                self._schedule.queue(user, lost=user in self._away)
        for user in went:
            self._retire(user, step)
        self._assign(step, elapsed_s, now)
        return step

    def pick_up(self, past: dict[int, int], now: float) -> None:
        """After the grace of a restart, before the first step: users that ran before (user to worker) and were not
        adopted were cut off."""
        for user, worker in past.items():
            if self.leases.holder(user) == NOBODY:
                self._away[user] = (worker, now)
                self.users.set(user, "lost", NOBODY, "its worker did not come back")

    def release_surplus(self, step: Step) -> None:
        """After the first step that follows a restart: stops adopted users that the profile has left behind."""
        for user in self._schedule.order[self._schedule.target :]:
            self._retire(user, step)

    def stop_all(self) -> None:
        """Nobody is wanted any more; holders free their users by themselves."""
        self._schedule.move_target(0)

    def _retire(self, user: int, step: Step) -> None:
        holder = self.leases.holder(user)
        if holder != NOBODY:
            if not self.leases.is_released(user):
                self.leases.release(user)
                step.released[holder].append(Running(user, self.leases.assignment(user)))
                self.users.set(user, "stopping", holder)
        elif self.users.state(user) != "waiting":
            self._away.pop(user, None)
            self.users.set(user, "stopped", NOBODY)

    def _cut_off(self, user: int, worker: int, since: float, why: str) -> None:
        if self._schedule.is_wanted(user):
            self._away[user] = (worker, since)
            self.users.set(user, "lost", NOBODY, why)
            self._schedule.queue(user, lost=True)
        else:
            self.users.set(user, "stopped", NOBODY)

    def _assign(self, step: Step, elapsed_s: float, now: float) -> None:
        for _ in range(ASSIGNMENTS_PER_STEP_MAX):
            if not self.placement.has_room():
                return
            user = self._schedule.next(elapsed_s)
            if user is None:
                return
            worker = self.placement.take()
            assert worker is not None
            step.assigned[worker].append(Running(user, self.leases.assign(user, worker)))
            self.users.set(user, "starting", worker)
            before = self._away.pop(user, None)
            if before is not None and before[0] != worker:
                step.moved += 1
                step.away_s_max = max(step.away_s_max, now - before[1])
