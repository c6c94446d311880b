"""A run that never happened: a function of its seed and the second, so it looks the same every time.

It has five steps, a worker that is lost at two fifths of its time, failures that grow with the load, and a verdict.
"""

import math
import random
import struct
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field

from carga.model.summary import GeneratorSummary, ThresholdResult, Verdict
from carga.model.windows import COUNTERS
from carga.wire import live as wire

STEPS_MS = {"open guide": 190.0, "zap": 62.0, "search": 420.0, "programme details": 130.0, "open menu": 34.0}
KINDS_MS = {"document": 38.0, "script": 21.0, "style": 14.0, "image": 17.0, "fetch": 46.0, "xhr": 61.0, "font": 12.0}
KIND_SHARE = {"document": 0.01, "script": 0.03, "style": 0.01, "image": 0.44, "fetch": 0.42, "xhr": 0.08, "font": 0.01}
REPLY_DELAY_S = 3
"""Windows arrive late, as in a real run."""
LOST_FOR_S = 6
PICTURE_SIZE = (320, 180)


@dataclass
class FakeRun:
    users: int = 5000
    workers: int = 6
    duration_s: int = 600
    elapsed_s: float = 0.0
    speed: float = 1.0
    empty: bool = False
    """Nothing has started yet."""
    access_denied: bool = False
    """Every request lacks the token."""
    verdict: Verdict = "failed"
    full: str = ""
    """Why the workers take no more users."""
    interval_s: float = 1.0
    """Between two messages."""
    born: float = field(default_factory=time.monotonic)
    stopped_at: float | None = None
    cache: dict[int, list[tuple[int, int, int, str]]] = field(default_factory=dict)

    @property
    def elapsed(self) -> float:
        if self.empty:
            return 0.0
        return min(self.end, self.elapsed_s + (time.monotonic() - self.born) * self.speed)

    @property
    def end(self) -> float:
        return self.duration_s if self.stopped_at is None else min(self.duration_s, self.stopped_at + REPLY_DELAY_S)

    @property
    def state(self) -> wire.RunState:
        if self.empty:
            return "starting"
        if self.elapsed >= self.end:
            return "finished"
        return "running" if self.stopped_at is None else "draining"

    @property
    def profile(self) -> list[tuple[float, float]]:
        return [
            (0, 0),
            (self.duration_s * 0.25, self.users),
            (self.duration_s * 0.85, self.users),
            (self.duration_s, self.users * 0.4),
        ]

    def planned(self, second: float) -> float:
        second = max(0.0, second)
        before = (0.0, 0.0)
        for time_s, users in self.profile:
            if second < time_s:
                return before[1] + (users - before[1]) * (second - before[0]) / (time_s - before[0])
            before = (time_s, users)
        return before[1]

    def rows(self, second: int) -> list[tuple[int, int, int, str]]:
        if second not in self.cache:
            self.cache = {at: rows for at, rows in self.cache.items() if at >= second - 2}
            self.cache[second] = [self.row(index, second) for index in range(self.users)]
        return self.cache[second]

    def row(self, index: int, second: int) -> tuple[int, int, int, str]:
        names = wire.USER_STATES
        planned = self.planned(second)
        if self.empty or index >= planned:
            over = second > self.duration_s * 0.85
            return (index, names.index("stopped" if over else "waiting"), -1, "")
        lost_at = int(self.duration_s * 0.4)
        worker = index % self.workers
        if worker == self.workers - 1 and second >= lost_at:
            if second < lost_at + LOST_FOR_S:
                return (index, names.index("lost"), worker, "its worker was lost; it starts again elsewhere")
            worker = index // self.workers % (self.workers - 1)
            if second < lost_at + LOST_FOR_S + index % 5:
                return (index, names.index("starting"), worker, "")
        if index >= self.planned(second - 2):
            return (index, names.index("starting"), worker, "")
        if (index * 7919 + second // 15 * 31) % 1511 == 0:
            return (index, names.index("failed"), worker, "net::ERR_CONNECTION_REFUSED at http://127.0.0.1:8000/epg/")
        return (index, names.index("running"), worker, "")

    def running(self, second: int) -> int:
        """Without looking at each user, for the history."""
        planned = self.planned(second - 2)
        lost_at = int(self.duration_s * 0.4)
        lost = planned / self.workers if lost_at <= second < lost_at + LOST_FOR_S else 0
        return max(0, int(min(planned, self.planned(second)) - lost))

    def timing(self, base_ms: float, count: int, second: int, salt: str) -> wire.Percentiles:
        rng = random.Random(f"{salt}{second}")
        load = self.running(second) / self.users
        middle = base_ms * (1 + 0.9 * load**4) * (0.94 + rng.random() * 0.12)
        tail = 1.9 + 1.4 * load**3 + rng.random() * 0.3
        failed = int(count * 0.02 * load**6 * rng.random())
        return wire.Percentiles(
            "ms", count, failed, middle * 1.1, middle, middle * tail, middle * tail * 1.6, middle * tail * 3
        )

    def metrics(self, second: int, *, seconds: int = 1) -> dict[str, wire.Percentiles]:
        running = self.running(second) * seconds
        if running == 0:
            return {}
        steps = {
            f"step.{name}": self.timing(base, max(1, int(running * 0.08)), second, name)
            for name, base in STEPS_MS.items()
        }
        kinds = {
            f"request.{name}": self.timing(base, max(1, int(running * 2.4 * KIND_SHARE[name])), second, name)
            for name, base in KINDS_MS.items()
        }
        late = 2 + 9 * (self.running(second) / self.users) ** 3
        return {
            **steps,
            "iteration": self.timing(1900, max(1, running // 12), second, "iteration"),
            "navigation.load": self.timing(640, max(1, running // 90), second, "load"),
            **kinds,
            "websocket.open": self.timing(9, max(1, running // 200), second, "websocket"),
            "generator.timer_late": wire.Percentiles("ms", running, 0, late / 3, late / 4, late * 0.8, late, late * 2),
        }

    def counters(self, second: int) -> dict[str, int]:
        load = sum(self.running(at) for at in range(0, second, 4)) * 4
        counters = dict.fromkeys(COUNTERS, 0)
        counters.update(
            requests=int(load * 2.4),
            requests_failed=int(load * 0.011),
            bytes_received=load * 31_000,
            websockets_opened=int(self.users * 1.04) if load else 0,
            websockets_closed_abnormally=load // 9000,
            websocket_messages_sent=int(load * 0.4),
            websocket_messages_received=int(load * 1.7),
            actions=load,
        )
        return counters

    def history(self) -> wire.History:
        second = int(self.elapsed) - REPLY_DELAY_S
        step = max(1, math.ceil(second / wire.HISTORY_POINTS_MAX))
        seconds = list(range(0, max(0, second), step))
        metrics: dict[str, list[wire.Point]] = {}
        failures = []
        for at in seconds:
            here = self.metrics(at)
            failures.append(float(sum(m.failed for name, m in here.items() if name.startswith("request."))))
            for name, m in here.items():
                metrics.setdefault(name, []).append(wire.Point(at, m.p50, m.p95, m.p99, m.count, m.failed))
        late = {point.second: point.p99 for point in metrics.get("generator.timer_late", [])}
        return wire.History(
            step_s=step,
            second=seconds,
            users_planned=[self.planned(at) for at in seconds],
            users_running=[self.running(at) for at in seconds],
            actions_per_s=[self.running(at) * 1.0 for at in seconds],
            requests_per_s=[self.running(at) * 2.4 for at in seconds],
            failures_per_s=failures,
            websockets_open=[self.running(at) for at in seconds],
            bytes_per_s=[self.running(at) * 31_000.0 for at in seconds],
            timer_late_p99_ms=[late.get(at) for at in seconds],
            cpu_percent=[self.cpu(at) for at in seconds],
            metrics=metrics,
        )

    def cpu(self, second: int) -> float:
        return 6 + 71 * self.running(second) / self.users + random.Random(second).random() * 4

    def live(self, before: int) -> wire.Live:
        """`before`: the second of the message before, -1 for none."""
        second = max(0, int(self.elapsed) - REPLY_DELAY_S)
        rows = self.rows(second)
        old = self.rows(before) if before >= 0 else rows
        names = wire.USER_STATES
        by_state = Counter(row[1] for row in rows)
        counts = {name: by_state[at] for at, name in enumerate(names)}
        counters = self.counters(second)
        finished = self.state == "finished"
        running = self.running(second)
        lost_at = int(self.duration_s * 0.4)
        messages = []
        if before < lost_at <= second:
            messages.append(f"worker-{self.workers} was lost; its {self.users // self.workers} users start elsewhere.")
        if before >= 0 and second // 40 != before // 40:
            messages.append(f"A browser on worker-{1 + second % 3} crashed; 25 users come back in a new one.")
        return wire.Live(
            type="live",
            state=self.state,
            second=second,
            elapsed_s=self.elapsed,
            users=wire.UserCounts(
                planned=int(self.planned(second)),
                total=self.users,
                **counts,
                moved=self.users // self.workers if second > lost_at else 0,
                started=min(self.users, int(max(self.planned(at) for at in range(0, second + 1, 5)))),
            ),
            actions_per_s=running * 1.0,
            requests_per_s=running * 2.4,
            bytes_per_s=running * 31_000.0,
            websockets_open=running,
            metrics={} if self.empty else self.metrics(second),
            totals={} if self.empty else self.metrics(int(second * 0.8), seconds=max(1, second)),
            counters=counters,
            causes=self.causes(counters["requests_failed"]),
            generator=GeneratorSummary(
                trusted=self.verdict != "untrusted",
                reasons=["Timers were 61 ms late (p99); the limit is 50 ms."] if self.verdict == "untrusted" else [],
                timer_late_p99_ms=None if self.empty else 9.4,
                loop_lag_max_ms=14.2,
                cpu_percent_max=78.0,
                memory_mb_max=self.users * 4.1,
            ),
            workers=self.worker_infos(second, running),
            thresholds=self.thresholds(),
            changed=[row for row, was in zip(rows, old, strict=True) if row != was],
            messages=messages,
            verdict=self.verdict if finished else None,
            reasons=self.reasons() if finished else [],
            exit_code=3 if finished else None,
            report="/srv/results/guide-2031-05-04/report.html" if finished else None,
        )

    def reasons(self) -> list[str]:
        if self.verdict == "passed":
            return []
        return ["step.search p95 was 1.31 s; at most 800 ms was wanted."]

    def causes(self, failed: int) -> list[wire.CauseCount]:
        shares = [
            ("request", "HTTP 503", 0.61),
            ("request", "net::ERR_CONNECTION_REFUSED", 0.22),
            ("step", "search: timed out after 5s waiting for #results .row", 0.08),
            ("websocket", "1006", 0.05),
            ("page", "TypeError: Cannot read properties of undefined (reading 'channels')", 0.03),
            ("request", "net::ERR_INSUFFICIENT_RESOURCES", 0.01),
        ]
        return [
            wire.CauseCount(area, cause, int(failed * share)) for area, cause, share in shares if failed * share >= 1
        ]

    def thresholds(self) -> list[ThresholdResult]:
        some = not self.empty
        slow = 1310.0 if self.verdict == "failed" else 710.0
        return [
            ThresholdResult(
                "step.open guide p95 <= 800 ms", "step.open guide", "p95", 800, 502.0 if some else None, some
            ),
            ThresholdResult(
                "step.search p95 <= 800 ms", "step.search", "p95", 800, slow if some else None, some and slow <= 800
            ),
            ThresholdResult("requests failed <= 1%", "requests", "failed", 0.01, 0.0046 if some else None, some),
            ThresholdResult("websocket.open p99 <= 250 ms", "websocket.open", "p99", 250, 41.0 if some else None, some),
        ]

    def worker_infos(self, second: int, running: int) -> list[wire.WorkerInfo]:
        if self.empty:
            return []
        lost_at = int(self.duration_s * 0.4)
        lost = second >= lost_at
        alive = self.workers - lost
        infos = []
        for number in range(1, self.workers + 1):
            here = number <= alive
            users = running // alive if here else 0
            infos.append(
                wire.WorkerInfo(
                    id=f"worker-{number}",
                    host=f"node-{(number + 1) // 2}",
                    state="connected" if here else "silent" if second < lost_at + LOST_FOR_S else "lost",
                    users=users,
                    users_max=self.users // self.workers + 200,
                    browsers=math.ceil(users / 25),
                    cpu_percent=self.cpu(second + number) if here else 0.0,
                    memory_mb=users * 4.1 if here else 0.0,
                    loop_lag_ms=2.5 + number if here else 0.0,
                    core_wait=1.5 + number if here else 0.0,
                    memory_available_mb=9000.0 + number,
                    full=self.full if here else "",
                )
            )
        return infos

    def info(self) -> wire.RunInfo:
        half = self.users // 2
        common = {"engine": "chromium", "rendering": "none", "isolation": "context", "behaviour": "zapper.js"}
        return wire.RunInfo(
            run="r1",
            plan="guide.toml",
            target="http://127.0.0.1:8000/epg/?serial={serial}&profile_test=guide",
            state=self.state,
            started_at="2031-05-04T10:11:12Z",
            elapsed_s=self.elapsed,
            duration_s=self.duration_s,
            groups=[
                wire.GroupInfo(name="viewers", count=half, first_index=0, **common, full_sample=0.02),
                wire.GroupInfo(name="zappers", count=self.users - half, first_index=half, **common),
            ],
            profile=self.profile,
            thresholds=[threshold.threshold for threshold in self.thresholds()],
            carga="0.1.0",
            out="/srv/results/guide-2031-05-04",
        )


def picture(index: int, moment: int) -> bytes:
    """A PNG like a guide: a coloured bar, a grid of cells, one of them in focus."""
    width, height = PICTURE_SIZE
    rng = random.Random(index)
    tone = (rng.randrange(40, 200), rng.randrange(60, 200), rng.randrange(90, 230))
    focus = (moment + index) % 24
    lines = bytearray()
    for y in range(height):
        lines.append(0)
        for x in range(width):
            cell = (y - 30) // 25 * 4 + x // 80
            edge = x % 80 < 2 or (y - 30) % 25 < 2
            if y < 30:
                lines += bytes(tone)
            elif edge:
                lines += b"\x0d\x0f\x14"
            else:
                lines += b"\xf0\xc0\x40" if cell == focus else bytes(part // 4 + cell % 3 * 8 for part in tone)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(lines)))
        + chunk(b"IEND", b"")
    )
