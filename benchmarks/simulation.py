"""100,000 users on 500 workers through the real coordinator core, wire codec and journal, at real time.

No sockets and no browsers: workers are a table. Each second each of them sends a window and now and then renews its
lease, as bytes that are decoded here, and every answer is encoded. Prints one JSON object.

    python benchmarks/simulation.py --seconds 60
"""

import argparse
import json
import queue
import random
import resource
import tempfile
import time
from pathlib import Path

import msgspec

from carga.coordinator.events import (
    Event,
    Send,
    StoreEvent,
    StoreEvidence,
    StoreMeta,
    StoreWindow,
    Tick,
    WorkerSaid,
)
from carga.coordinator.hub import boottime_s
from carga.coordinator.journal import Journal
from carga.coordinator.live import LiveView
from carga.coordinator.serve import LIVE_S, TICK_S
from carga.coordinator.settings import RunSettings
from carga.coordinator.state import Coordinator
from carga.model.plan import Group, Plan, Stage, Target
from carga.model.windows import Gauges, Metric, UserChange, Window
from carga.wire.messages import (
    PROTOCOL,
    Assign,
    Hello,
    Release,
    Renew,
    WindowMessage,
    decode_from_worker,
    encode,
)

TOKEN = "simulation"
LEASE_S = 10.0
STEPS = ("open guide", "next channel", "search", "play")
KINDS = ("document", "script", "style", "image", "fetch")
TEMPLATES = 16
"""Different windows to choose from: making one anew for each worker and second would be the benchmark's own cost."""


class Worker:
    def __init__(self, number: int, users: int) -> None:
        self.name = f"worker-{number:04d}"
        self.connection = number + 1
        self.users_max = users
        self.seq = 0
        self.renewals = 0
        self.running = 0
        self.changes: list[UserChange] = []


class Simulation:
    def __init__(self, out: Path, *, users: int, workers: int, seconds: float) -> None:
        ramp_s = seconds / 2
        plan = Plan(
            "simulation.toml",
            Target("http://127.0.0.1/?u={index}"),
            (Group("viewers", users, identity={"serial": "FAKE_{index:020d}", "mac": "{index:mac}"}),),
            (Stage(users, ramp_s), Stage(users, seconds - ramp_s)),
        )
        settings = RunSettings(
            run="simulation",
            plan=plan,
            behaviours={},
            rows={},
            token=TOKEN,
            lease_s=LEASE_S,
            started_at=lambda: "2026-01-01T00:00:00.000Z",
        )
        self.coordinator = Coordinator(settings, now=boottime_s())
        self.view = LiveView(self.coordinator)
        self.stored: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.journal = Journal(out, self.stored.put)
        self.workers = [Worker(number, users // workers + 1) for number in range(workers)]
        self.by_connection = {worker.connection: worker for worker in self.workers}
        self.windows = 0
        self.live_bytes = 0
        self.templates = [template(users // workers, seed) for seed in range(TEMPLATES)]

    def run(self, seconds: float) -> dict[str, float]:
        """The load of one second is spread over it: worker k speaks at k/workers of every second."""
        self.journal.start()
        began, cpu_began = time.monotonic(), time.process_time()
        for worker in self.workers:
            self.feed(WorkerSaid(worker.connection, decode(Hello(PROTOCOL, TOKEN, worker.name, worker.users_max))))
        lag_s_max, tick_at, live_at, spoken = 0.0, 0.0, LIVE_S, 0
        count = len(self.workers)
        while (elapsed_s := time.monotonic() - began) < seconds:
            while not self.stored.empty():
                self.feed(self.stored.get())
            if elapsed_s >= tick_at:
                lag_s_max = max(lag_s_max, elapsed_s - tick_at)
                tick_at += TICK_S
                self.feed(Tick())
            if elapsed_s >= live_at:
                live_at += LIVE_S
                self.live_bytes = len(msgspec.json.encode(self.view.live()))
            while spoken < int(elapsed_s * count):
                self.speak(self.workers[spoken % count], second=spoken // count)
                spoken += 1
                if spoken % count % 50 == 0:
                    lag_s_max = max(lag_s_max, time.monotonic() - began - spoken / count)
            time.sleep(0.002)
        wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_began
        closed = self.journal.close()
        while not self.stored.empty():
            self.feed(self.stored.get())
        totals = self.coordinator.results.totals
        expected = sum(worker.seq for worker in self.workers)
        merged = sum(record.log.contiguous for record in self.coordinator.roster.records)
        return {
            "users": self.coordinator.users.counts()["running"],
            "workers": count,
            "seconds": round(wall_s, 1),
            "cpu_cores": round(cpu_s / wall_s, 3),
            "memory_mb_max": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "lag_ms_max": round(lag_s_max * 1000, 1),
            "windows_per_s": round(self.windows / wall_s, 1),
            "commits": self.journal.commits,
            "windows_sent": expected,
            "windows_stored": merged if closed else -1,
            "values_merged": sum(metric.values.count for metric in totals.metrics.values()),
            "live_message_bytes": self.live_bytes,
        }

    def speak(self, worker: Worker, *, second: int) -> None:
        if second % int(LEASE_S / 4) == 0:
            worker.renewals += 1
            self.feed(WorkerSaid(worker.connection, decode(Renew(worker.renewals))))
        worker.seq += 1
        window = self.templates[(worker.seq + worker.connection) % TEMPLATES]
        window.worker, window.seq, window.second = worker.name, worker.seq, second
        window.users, worker.changes = worker.changes, []
        window.gauges = Gauges(users_running=worker.running, cpu_percent=50.0, memory_mb=8000.0, browsers=10)
        self.windows += 1
        self.feed(WorkerSaid(worker.connection, decode(WindowMessage(window))))

    def feed(self, event: Event) -> None:
        for action in self.coordinator.handle(event, boottime_s()):
            match action:
                case Send():
                    encode(action.message)
                    self.hear(self.by_connection[action.connection], action.message)
                case StoreWindow() | StoreEvent() | StoreMeta() | StoreEvidence():
                    self.journal.write(action)

    def hear(self, worker: Worker, message: object) -> None:
        if isinstance(message, Assign):
            worker.running += len(message.users)
            worker.changes += [UserChange(spec.index, "running") for spec in message.users]
        elif isinstance(message, Release):
            worker.running -= len(message.users)


def decode(message: Hello | Renew | WindowMessage):  # type: ignore[no-untyped-def]
    return decode_from_worker(encode(message))


def template(users: int, seed: int) -> Window:
    """One second of `users` users: an action a second, five requests each, durations spread as in practice."""
    values = random.Random(seed)
    window = Window("", 0, 0)

    def measure(name: str, count: int, median_ms: float) -> None:
        metric = window.metrics[name] = Metric()
        for _ in range(count):
            metric.values.record(values.lognormvariate(0, 0.5) * median_ms)

    for step in STEPS:
        measure(f"step.{step}", users // 4, 40.0)
    for kind in KINDS:
        measure(f"request.{kind}", users, 15.0)
    measure("iteration", users, 1000.0)
    measure("long_task", users // 10, 60.0)
    measure("generator.timer_late", users * 2, 2.0)
    window.counters = {"requests": users * 5, "actions": users, "bytes_received": users * 50_000, "iterations": users}
    window.causes = {"request": {"HTTP 500": 1, "net::ERR_CONNECTION_RESET": 1}}
    return window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        simulation = Simulation(
            Path(out), users=arguments.users, workers=arguments.workers, seconds=arguments.seconds * 2
        )
        # The plan lasts twice as long as what is measured, so that its ramp fills the first part and no end comes.
        print(json.dumps(simulation.run(arguments.seconds)))


if __name__ == "__main__":
    main()
