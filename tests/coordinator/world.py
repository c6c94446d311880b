"""A world in virtual time: the real coordinator core, model workers with clocks of their own, and a bad network.

Whoever starts a user is checked against all others that may run it at that moment.
"""

import heapq
import itertools
import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable

import msgspec

from carga.coordinator.events import (
    Close,
    Event,
    ResultsWritten,
    Send,
    StoreEvent,
    StoreMeta,
    StoreWindow,
    Tick,
    WindowsStored,
    WorkerLeft,
    WorkerSaid,
    WriteResults,
)
from carga.coordinator.recover import read_past
from carga.coordinator.settings import RunSettings
from carga.coordinator.state import Coordinator
from carga.model.plan import Group, Plan, Stage, Target
from carga.model.totals import Totals
from carga.model.windows import Gauges, UserChange, UserState, Window
from carga.results.database import TABLES
from carga.wire.messages import (
    PROTOCOL,
    Ack,
    Assign,
    Finish,
    Freed,
    Goodbye,
    Granted,
    Hello,
    Refuse,
    Release,
    Renew,
    Running,
    Welcome,
    WindowMessage,
)

TOKEN = "secret"
LEASE_S = 10.0
TICK_S = 0.25
COMMIT_S = 0.2
WORKER_STEP_S = 0.25
LEASE_MARGIN = 0.05
"""Workers stop this share of the lease early; their clocks may be wrong by less."""


def plan_of(*stages: tuple[int, float], users: int = 0, start_delay_s: float = 0.0) -> Plan:
    count = users or max(level for level, _ in stages)
    group = Group("viewers", count, identity={"serial": "S{index}"}, start_delay_s=start_delay_s)
    return Plan(
        "plan.toml",
        Target("http://127.0.0.1/?u={index}"),
        (group,),
        tuple(Stage(level, over_s) for level, over_s in stages),
    )


def settings_of(plan: Plan, **changes: object) -> RunSettings:
    values: dict[str, object] = {
        "run": "r1",
        "plan": plan,
        "behaviours": {},
        "rows": {},
        "token": TOKEN,
        "lease_s": LEASE_S,
        "started_at": lambda: "2026-01-01T00:00:00.000Z",
        "boot_id": "boot",
    }
    return RunSettings(**(values | changes))  # type: ignore[arg-type]


class Link:
    """One connection. Messages keep their order; a stalled link delivers nothing until it goes on or is cut."""

    def __init__(self, world: "World", worker: "ModelWorker", number: int) -> None:
        self.world, self.worker, self.number = world, worker, number
        self.open = True
        self.stalled_until = 0.0
        self._last = {"up": 0.0, "down": 0.0}

    def carry(self, direction: str, deliver: Callable[[], None]) -> None:
        delay = self.world.random.uniform(0.0005, 0.05)
        at = max(self.world.now + delay, self._last[direction] + 1e-9)
        self._last[direction] = at

        def arrive() -> None:
            if self.open and self.stalled_until > self.world.now:
                self.world.at(self.stalled_until, arrive)
            elif self.open and (direction == "up" or self.worker.link is self):
                deliver()

        self.world.at(at, arrive)

    def cut(self) -> None:
        if not self.open:
            return
        self.open = False
        world = self.world
        coordinator = world.coordinator
        world.later(world.random.uniform(0, 0.5), lambda: world.feed(WorkerLeft(self.number), only_to=coordinator))
        world.later(world.random.uniform(0, 0.5), lambda: self.worker.link_lost(self))


class ModelWorker:
    """Obeys the protocol, on a clock that runs a little wrong and began anywhere."""

    def __init__(self, world: "World", name: str, users_max: int) -> None:
        self.world, self.name, self.users_max = world, name, users_max
        self._rate = world.random.uniform(0.99, 1.01)
        self._offset = world.random.uniform(-1e6, 1e6)
        self.alive = True
        self.link: Link | None = None
        self.users: dict[int, int] = {}
        self.lease_until = -1e18
        self.sent_renewals: dict[int, float] = {}
        self.number = 0
        self.seq = 0
        self.windows: dict[int, Window] = {}
        self.acknowledged: set[int] = set()
        self.changes: list[UserChange] = []
        self.done = 0
        self.finishing = False
        self.refused = ""
        self.full = ""
        """What it says about its machine."""
        self._said_hello_at = 0.0
        self._renew_at = self.clock
        self._window_at = self.clock + 1.0
        world.later(world.random.uniform(0, 0.5), self.connect)
        world.later(WORKER_STEP_S, self.step)

    @property
    def clock(self) -> float:
        return self.world.now * self._rate + self._offset

    def may_run(self, user: int) -> bool:
        return self.alive and user in self.users and self.clock < self.lease_until

    def connect(self) -> None:
        if not self.alive or self.link or self.refused:
            return
        if not self.world.coordinator_is_up:
            self.world.later(0.3, self.connect)
            return
        self.drop_if_lapsed()
        self.link = self.world.connect(self)
        self.sent_renewals.clear()
        self._said_hello_at = self.clock
        running = [Running(user, assignment) for user, assignment in self.users.items()]
        self.send(Hello(PROTOCOL, TOKEN, self.name, self.users_max, "host", running=running))

    def send(self, message: object) -> None:
        link, world = self.link, self.world
        if link:
            link.carry("up", lambda: world.feed(WorkerSaid(link.number, message)))  # type: ignore[arg-type]

    def link_lost(self, link: Link) -> None:
        if self.link is link:
            self.link = None
            self.world.later(self.world.random.uniform(0.1, 1.0), self.connect)

    def drop_if_lapsed(self) -> None:
        if self.clock >= self.lease_until and self.users:
            for user in list(self.users):
                self.stop(user, "lost")

    def stop(self, user: int, state: UserState) -> None:
        del self.users[user]
        self.world.runners[user].discard(self)
        self.changes.append(UserChange(user, state))

    def step(self) -> None:
        if not self.alive:
            return
        self.drop_if_lapsed()
        if self.link and self.clock >= self._renew_at:
            self._renew_at = self.clock + LEASE_S / 4
            self.number += 1
            self.sent_renewals[self.number] = self.clock
            self.send(Renew(self.number))
        if self.clock >= self._window_at:
            self._window_at += 1.0
            self.make_window()
        if self.finishing and not self.windows:
            self.send(Goodbye())
            self.alive = False
            return
        self.world.later(WORKER_STEP_S, self.step)

    def make_window(self) -> None:
        self.seq += 1
        count = len(self.users)
        self.done += count
        window = Window(
            self.name,
            self.seq,
            max(0, int(self.world.coordinator.elapsed_s)),
            counters={"iterations": count},
            users=self.changes,
            gauges=Gauges(users_running=count, full=self.full),
        )
        self.changes = []
        self.windows[self.seq] = window
        self.send(WindowMessage(window))

    def hear(self, message: object) -> None:
        if not self.alive:
            return
        match message:
            case Welcome():
                self.lease_until = self._said_hello_at + LEASE_S * (1 - LEASE_MARGIN)
                for user in set(self.users) - set(message.keep):
                    self.stop(user, "lost")
                self.drop_if_lapsed()
                for seq in [seq for seq in self.windows if seq <= message.windows_stored]:
                    del self.windows[seq]
                for window in self.windows.values():
                    self.send(WindowMessage(window))
            case Granted():
                sent_at = self.sent_renewals.pop(message.number)
                if self.clock < self.lease_until:
                    self.lease_until = max(self.lease_until, sent_at + LEASE_S * (1 - LEASE_MARGIN))
                elif self.link:
                    self.drop_if_lapsed()
                    self.link.cut()
            case Assign():
                self.drop_if_lapsed()
                if self.clock < self.lease_until:
                    for spec in message.users:
                        self.world.check_alone(spec.index, self)
                        self.users[spec.index] = spec.assignment
                        self.changes.append(UserChange(spec.index, "running"))
            case Release():
                self.world.later(0.1, lambda: self.free(message.users))
            case Ack():
                self.acknowledged.update(message.seqs)
                for seq in message.seqs:
                    self.windows.pop(seq, None)
            case Finish():
                self.free([Running(user, assignment) for user, assignment in self.users.items()])
                self.make_window()
                self.finishing = True
            case Refuse():
                self.refused = message.code

    def free(self, entries: list[Running]) -> None:
        for entry in entries:
            if self.users.get(entry.index) == entry.assignment:
                self.stop(entry.index, "stopped")
        self.send(Freed(entries))

    def die(self) -> None:
        self.alive = False
        for user in self.users:
            self.world.runners[user].discard(self)
        if self.link:
            self.link.cut()


class World:
    def __init__(self, plan: Plan, *, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.settings = settings_of(plan)
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.executescript(TABLES)
        self.workers: list[ModelWorker] = []
        self.runners: defaultdict[int, set[ModelWorker]] = defaultdict(set)
        self.finished = False
        self.coordinator_is_up = True
        self.events: list[StoreEvent] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._links: dict[int, Link] = {}
        self._unstored: list[StoreWindow] = []
        self.coordinator = Coordinator(self.settings, now=self.now)
        self._tick(self.coordinator)

    # --- time ---

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), call))

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        self.at(self.now + delay_s, call)

    def run(self, *, until: Callable[[], bool] | None = None, seconds: float = 1e9) -> None:
        """Until the condition holds (by default: the run is finished) or the time is over."""
        condition = until or (lambda: self.finished)
        end = self.now + seconds
        while self._heap and not condition():
            if self._heap[0][0] > end:
                self.now = end
                return
            self.now, _, call = heapq.heappop(self._heap)
            call()

    # --- actors ---

    def add_worker(self, users_max: int, name: str = "") -> ModelWorker:
        worker = ModelWorker(self, name or f"w{len(self.workers)}", users_max)
        self.workers.append(worker)
        return worker

    def connect(self, worker: ModelWorker) -> Link:
        number = next(self._order) + 1
        link = self._links[number] = Link(self, worker, number)
        return link

    def check_alone(self, user: int, worker: ModelWorker) -> None:
        others = [other.name for other in self.runners[user] if other is not worker and other.may_run(user)]
        assert not others, f"user {user} starts at {worker.name} and may run at {others}"
        self.runners[user].add(worker)

    def feed(self, event: Event, only_to: Coordinator | None = None) -> None:
        if not self.coordinator_is_up or (only_to is not None and only_to is not self.coordinator):
            return
        for action in self.coordinator.handle(event, self.now):
            match action:
                case Send() if link := self._links.get(action.connection):
                    message = action.message
                    link.carry("down", lambda link=link, message=message: link.worker.hear(message))  # type: ignore[misc]
                case Close() if link := self._links.get(action.connection):
                    link.carry("down", link.cut)
                case StoreWindow():
                    if not self._unstored:
                        self.later(COMMIT_S, lambda: self.commit(self.coordinator))
                    self._unstored.append(action)
                case StoreEvent():
                    self.events.append(action)
                    self.database.execute(
                        "INSERT INTO events (elapsed_s, kind, worker, count, message) VALUES (?, ?, ?, ?, ?)",
                        msgspec.structs.astuple(action),
                    )
                case StoreMeta():
                    self.database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", action.values.items())
                case WriteResults():
                    self.commit(self.coordinator)
                    self.finished = True
                    self.feed(ResultsWritten("passed", [], 0, None))

    def commit(self, coordinator: Coordinator) -> None:
        if coordinator is not self.coordinator or not self._unstored:
            return
        batch, self._unstored = self._unstored, []
        self.database.executemany(
            "INSERT INTO windows VALUES (?, ?, ?, ?)", [msgspec.structs.astuple(window) for window in batch]
        )
        self.feed(WindowsStored([(window.worker, window.seq) for window in batch]))

    def kill_coordinator(self, *, for_s: float) -> None:
        self.coordinator_is_up = False
        self._unstored = []
        for link in list(self._links.values()):
            link.cut()
        self._links.clear()
        self.later(for_s, self._restart)

    def _restart(self) -> None:
        self.database.execute("INSERT OR IGNORE INTO meta VALUES ('schema', '1')")
        self.coordinator_is_up = True
        self.coordinator = Coordinator(self.settings, now=self.now, past=read_past(self.database))
        self._tick(self.coordinator)

    def _tick(self, coordinator: Coordinator) -> None:
        if coordinator is self.coordinator and self.coordinator_is_up and not self.finished:
            self.feed(Tick())
            self.later(TICK_S, lambda: self._tick(coordinator))

    # --- what must hold ---

    def stored(self) -> Totals:
        totals = Totals()
        for (payload,) in self.database.execute("SELECT payload FROM windows"):
            totals.add(msgspec.msgpack.decode(payload, type=Window))
        return totals

    def running(self) -> int:
        return sum(len(worker.users) for worker in self.workers if worker.alive)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]
