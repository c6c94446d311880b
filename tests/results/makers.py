"""Makes run folders as a coordinator leaves them: seeded, plausible, small."""

import json
import random
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from carga.model.histogram import Histogram
from carga.model.plan import Group, Plan, Stage, Target, Threshold
from carga.model.windows import Area, ErrorSample, Gauges, Metric, UserChange, Window
from carga.results.database import SCHEMA_VERSION, open_for_writing
from carga.results.machine import Machine

PLAN_TEXT = """\
[target]
url = "http://127.0.0.1:8000/epg/"

[[users]]
name = "viewers"
count = 200
behaviour = "zapper.js"

[[load]]
users = 200
over = "20s"

[[load]]
users = 200
over = "40s"

[[threshold]]
metric = "step.open guide"
p95 = "800ms"

[[threshold]]
metric = "requests"
failed = "1%"
"""


def make_plan(users: int = 200, *, ramp_s: float = 20, hold_s: float = 40, name: str = "plan.toml") -> Plan:
    return Plan(
        name=name,
        target=Target(url="http://127.0.0.1:8000/epg/?user={index}"),
        groups=(Group(name="viewers", count=users, behaviour="zapper.js", user_agent="serial={serial};"),),
        stages=(Stage(users=users, over_s=ramp_s), Stage(users=users, over_s=hold_s)),
        thresholds=(
            Threshold("step.open guide", "p95", "<=", 800.0, "step.open guide p95 <= 800 ms"),
            Threshold("requests", "failed", "<=", 0.01, "requests failed <= 1 %"),
        ),
    )


@dataclass
class Run:
    """What goes into a run.db. `windows` may be changed before `write`."""

    plan: Plan
    windows: list[Window] = field(default_factory=list)
    events: list[tuple[float, str, str, int, str]] = field(default_factory=list)
    evidence: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)

    def write(self, out: Path, *, seed: int | None = None) -> Path:
        """Writes `out`/run.db and the evidence; with a seed the windows are stored in a shuffled order."""
        (out / "evidence").mkdir(parents=True, exist_ok=True)
        windows = list(self.windows)
        if seed is not None:
            random.Random(seed).shuffle(windows)
        connection = open_for_writing(out / "run.db")
        connection.execute("BEGIN")
        meta = {**default_meta(self.plan), **self.meta}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        encode = msgspec.msgpack.Encoder().encode
        connection.executemany(
            "INSERT INTO windows VALUES (?, ?, ?, ?)",
            ((window.worker, window.seq, window.second, encode(window)) for window in windows),
        )
        connection.executemany(
            "INSERT INTO events (elapsed_s, kind, worker, count, message) VALUES (?, ?, ?, ?, ?)", self.events
        )
        connection.executemany("INSERT INTO evidence VALUES (?, ?, ?, ?, ?)", self.evidence)
        connection.execute("COMMIT")
        connection.close()
        for name, image in self.images.items():
            (out / "evidence" / name).write_bytes(image)
        return out


def default_meta(plan: Plan) -> dict[str, str]:
    machine = Machine("loader", "Debian GNU/Linux 12", "6.1.0", 16, 64000, "A quick processor", "3.11.2")
    return {
        "schema": str(SCHEMA_VERSION),
        "run": "r-20260102-0304",
        "plan_file": plan.name,
        "plan_text": PLAN_TEXT,
        "plan": msgspec.json.encode(plan).decode(),
        "behaviours": json.dumps(
            {"zapper.js": 'export default async function (user) {\n  await user.press("a");\n}\n'}
        ),
        "started_at": "2026-01-02T03:04:05Z",
        "carga": "0.1.0",
        "machine": msgspec.json.encode(machine).decode(),
        "browsers": json.dumps({"chromium": "143.0.7000.1"}),
        "elapsed_s": str(plan.duration_s + 1.5),
        "state": "finished",
        "ended": "",
        "ended_detail": "",
    }


def make_run(
    *,
    users: int = 200,
    workers: int = 2,
    ramp_s: int = 20,
    hold_s: int = 40,
    seed: int = 1,
    slowness: float = 1.0,
    ill_from_s: int | None = None,
    lose_worker_at_s: int | None = None,
    timer_late_ms: float = 3.0,
) -> Run:
    """A whole run. `ill_from_s`: from then on the target refuses, answers 503 and drops WebSockets."""
    rng = random.Random(seed)
    run = Run(make_plan(users, ramp_s=ramp_s, hold_s=hold_s))
    share = users // workers
    for number in range(workers):
        worker = f"worker-{number + 1}"
        run.events.append((0.1, "worker-joined", worker, 0, f"{worker} joined on loader with room for {share} users"))
        lost_at = lose_worker_at_s if number == workers - 1 else None
        before = 0
        for second in range(ramp_s + hold_s):
            if lost_at is not None and second >= lost_at:
                break
            moved = share // 2 if lose_worker_at_s is not None and second > lose_worker_at_s + 10 else 0
            running = min(share, round(share * (second + 1) / ramp_s)) + (moved if lost_at is None else 0)
            ill = ill_from_s is not None and second >= ill_from_s
            window = _window(rng, worker, second, running, slowness * (1 + 0.03 * max(0, second - ramp_s)), ill=ill)
            _record(window, "generator.timer_late", [rng.uniform(0.5, 1.0) * timer_late_ms for _ in range(8)])
            window.users = [
                UserChange(index=number * share + user, state="running") for user in range(before, min(running, share))
            ]
            before = min(max(before, running), share)
            run.windows.append(window)
        if lost_at is not None:
            run.events += [
                (lost_at + 0.4, "worker-silent", worker, share, f"{worker} does not answer"),
                (lost_at + 10.4, "worker-lost", worker, share, f"{worker} was lost with {share} users"),
                (lost_at + 10.5, "users-moved", "worker-1", share, f"{share} users moved from {worker} to worker-1"),
            ]
    if ill_from_s is not None:
        for number in range(3):
            name = f"step-{number}.png"
            run.images[name] = png(320, 180, (40 + 60 * number, 70, 110))
            run.evidence.append((name, number, ill_from_s + number, "open guide", "Timed out after 5 s: #guide .cell"))
    return run


def _window(rng: random.Random, worker: str, second: int, running: int, slowness: float, *, ill: bool) -> Window:
    window = Window(worker=worker, seq=second + 1, second=second)
    trouble = 3.0 if ill else 1.0
    attempts = {
        "step.open guide": (running, 120.0),
        "step.zap": (running * 2, 35.0),
        "step.search programme": (running // 4, 240.0),
        "iteration": (running, 900.0),
        "request.document": (max(1, running // 20), 40.0),
        "request.script": (running // 3, 22.0),
        "request.image": (running * 2, 15.0),
        "request.fetch": (running * 3, 30.0),
        "websocket.open": (max(1, running // 15), 12.0),
        "navigation.load": (max(1, running // 20), 480.0),
        "vitals.lcp": (max(1, running // 20), 610.0),
        "custom.buffer": (running // 10, 4000.0),
    }
    for name, (count, middle) in attempts.items():
        factor = slowness * trouble if name.startswith(("step", "request", "iter")) else 1.0
        _record(window, name, [middle * factor * rng.lognormvariate(0, 0.45) for _ in range(count)])
    window.metrics["custom.buffer"].unit = "bytes"
    requests = sum(metric.attempts for name, metric in window.metrics.items() if name.startswith("request."))
    window.counters = {
        "requests": requests,
        "bytes_received": requests * 14_000,
        "websockets_opened": max(1, running // 15),
        "websocket_messages_sent": running,
        "websocket_messages_received": running * 3,
        "websocket_bytes_received": running * 900,
        "iterations": running,
        "actions": running * 3,
        "navigations": max(1, running // 20),
    }
    if ill:
        _fail(window, rng, running)
        window.counters["requests"] = sum(it.attempts for name, it in window.metrics.items() if name[:8] == "request.")
    window.gauges = Gauges(
        users_running=running,
        websockets_open=running if not ill else int(running * 0.7),
        cpu_percent=12 + running * 0.3 + rng.random() * 4,
        worker_cpu_percent=6 + running * 0.05,
        memory_mb=300 + running * 22,
        memory_available_mb=40_000,
        loop_lag_ms=rng.uniform(0.5, 6.0),
        browsers=max(1, running // 50),
    )
    return window


def _fail(window: Window, rng: random.Random, running: int) -> None:
    unavailable, refused, dropped = rng.randint(5, 20), rng.randint(1, 9), rng.randint(1, 6)
    causes: dict[Area, dict[str, int]] = {
        "request": {"HTTP 503": unavailable, "net::ERR_CONNECTION_REFUSED": refused},
        "websocket": {"1006": dropped},
        "step": {"open guide: Timed out after 5 s: #guide .cell": running // 20},
        "page": {"TypeError: Cannot read properties of undefined (reading 'title')": 2},
    }
    window.causes = causes
    window.metrics["request.fetch"].failed = unavailable + refused
    window.metrics["step.open guide"].failed = running // 20
    window.counters |= {
        "requests_failed": unavailable + refused,
        "websockets_closed": dropped,
        "websockets_closed_abnormally": dropped,
        "page_errors": 2,
        "iterations_failed": running // 20,
    }
    window.errors = [
        ErrorSample("request", "HTTP 503", 3, "503 Service Unavailable", "http://127.0.0.1:8000/api/grid?day=2"),
        ErrorSample("step", "open guide", 7, "Timed out after 5 s: #guide .cell", "zapper.js:12"),
    ]


def _record(window: Window, name: str, values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    window.metrics[name] = Metric(values=histogram)


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour with a lighter band, as small as PNG allows."""
    light = tuple(min(255, part + 60) for part in colour)
    rows = b"".join(b"\0" + bytes(light if y % 60 < 12 else colour) * width for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
