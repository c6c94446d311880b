"""What reached the server, counted by the server itself: the other side of what a load test measures."""

import os
import time
from collections import Counter, deque
from pathlib import Path

import msgspec

from carga.demo.identity import Identity
from carga.model.histogram import Histogram

IDENTITIES_MAX = 20_000
"""Further ones are counted in the totals only."""
INTERVALS_MAX = 64
"""Of one identity; the oldest are forgotten."""
OFFENDERS_MAX = 100
SECONDS_MAX = 900
_QUANTILES = (0.5, 0.95, 0.99)


class Requests(msgspec.Struct, frozen=True):
    total: int
    bytes: int
    """Of the bodies sent."""
    by_class: dict[str, dict[str, int]]
    """Path class (document, static, art, api/NAME, other) to status to number. Status 0: gone before an answer."""
    by_status: dict[str, int]
    by_dest: dict[str, int]
    """By the browser's Sec-Fetch-Dest; none: not sent."""


class Offender(msgspec.Struct, frozen=True):
    """An identity that had more than one WebSocket at once."""

    identity: str
    at_once: int


class WebSockets(msgspec.Struct, frozen=True):
    opened: int
    open: int
    peak: int
    closed: dict[str, int]
    """By close code; 1006: the connection was lost without one."""
    messages_in: int
    messages_out: int
    zaps: int
    per_identity_max: int
    offenders: tuple[Offender, ...]


class Actions(msgspec.Struct, frozen=True):
    """API requests that a key press causes."""

    total: int
    per_second: tuple[tuple[int, int], ...]
    """(second of the monotonic clock, how many), seconds without any left out; the last 15 minutes."""


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the first byte understood to the last byte handed over."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


class StatsReport(msgspec.Struct, frozen=True):
    """`GET /_stats`."""

    now_s: float
    """The server's monotonic clock."""
    since_s: float
    """When counting began, on the same clock."""
    requests: Requests
    websockets: WebSockets
    identities: int
    sessions_refused: int
    connections_reset: int
    actions: Actions
    latency_ms: dict[str, Latency]
    memory_kb: int


class IdentityReport(msgspec.Struct, frozen=True):
    serial: str
    mac: str
    requests: int
    websockets_opened: int
    websockets_at_once: int
    intervals: tuple[tuple[float, float | None], ...]
    """When each WebSocket was opened and closed, on the monotonic clock; None: it is open."""


class IdentitiesReport(msgspec.Struct, frozen=True):
    """`GET /_identities`."""

    now_s: float
    identities: dict[str, IdentityReport]


class _Seen:
    """What is known of one identity."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.requests = 0
        self.opened = 0
        self.at_once_max = 0
        self.open: dict[int, float] = {}
        self.closed: deque[tuple[float, float]] = deque(maxlen=INTERVALS_MAX)

    def report(self) -> IdentityReport:
        intervals: list[tuple[float, float | None]] = [*self.closed, *((at, None) for at in self.open.values())]
        intervals.sort(key=lambda interval: interval[0])
        return IdentityReport(
            self.identity.serial, self.identity.mac, self.requests, self.opened, self.at_once_max, tuple(intervals)
        )


class Stats:
    """Counts; everything is called on the event loop."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._open = 0
        self._next_socket = 0
        self.reset()

    def reset(self) -> None:
        """Begins anew. WebSockets that are open stay known, as open and not as opened."""
        self._since_s = time.monotonic()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._dests: Counter[str] = Counter()
        self._bytes = 0
        self._opened = 0
        self._peak = self._open
        self._closed: Counter[int] = Counter()
        self.messages_in = self.messages_out = self.zaps = 0
        self.sessions_refused = self.connections_reset = 0
        self._actions = 0
        self._actions_by_second: deque[list[int]] = deque(maxlen=SECONDS_MAX)
        self._latency_ms: dict[str, Histogram] = {}
        still_open = [seen for seen in self._seen.values() if seen.open]
        self._seen = {seen.identity.key: seen for seen in still_open}
        for seen in still_open:
            seen.closed.clear()
            seen.requests = seen.opened = 0
            seen.at_once_max = len(seen.open)

    def request(
        self, path_class: str, status: int, *, sent_bytes: int, ms: float, dest: str, identity: Identity | None
    ) -> None:
        self._requests[path_class, status] += 1
        self._dests[dest or "none"] += 1
        self._bytes += sent_bytes
        if path_class not in self._latency_ms:
            self._latency_ms[path_class] = Histogram()
        self._latency_ms[path_class].record(ms)
        if seen := self._known(identity):
            seen.requests += 1

    def action(self) -> None:
        second = int(time.monotonic())
        self._actions += 1
        if not self._actions_by_second or self._actions_by_second[-1][0] != second:
            self._actions_by_second.append([second, 0])
        self._actions_by_second[-1][1] += 1

    def socket_opened(self, identity: Identity | None) -> int:
        """Gives the number under which it is closed."""
        self._next_socket += 1
        self._opened += 1
        self._open += 1
        self._peak = max(self._peak, self._open)
        if seen := self._known(identity):
            seen.opened += 1
            seen.open[self._next_socket] = time.monotonic()
            seen.at_once_max = max(seen.at_once_max, len(seen.open))
        return self._next_socket

    def socket_closed(self, number: int, identity: Identity | None, code: int) -> None:
        self._open -= 1
        self._closed[code] += 1
        if identity and (seen := self._seen.get(identity.key)) and number in seen.open:
            seen.closed.append((seen.open.pop(number), time.monotonic()))

    @property
    def sockets_open(self) -> int:
        return self._open

    def has_socket(self, key: str) -> bool:
        """Whether the identity of this key has a WebSocket now."""
        return key in self._seen and bool(self._seen[key].open)

    def report(self) -> StatsReport:
        by_class: dict[str, dict[str, int]] = {}
        by_status: Counter[str] = Counter()
        for (path_class, status), count in sorted(self._requests.items()):
            by_class.setdefault(path_class, {})[str(status)] = count
            by_status[str(status)] += count
        at_once = [(seen.at_once_max, key) for key, seen in self._seen.items()]
        offenders = sorted(((n, key) for n, key in at_once if n > 1), reverse=True)[:OFFENDERS_MAX]
        return StatsReport(
            now_s=time.monotonic(),
            since_s=self._since_s,
            requests=Requests(
                sum(self._requests.values()), self._bytes, by_class, dict(by_status), dict(sorted(self._dests.items()))
            ),
            websockets=WebSockets(
                opened=self._opened,
                open=self._open,
                peak=self._peak,
                closed={str(code): count for code, count in sorted(self._closed.items())},
                messages_in=self.messages_in,
                messages_out=self.messages_out,
                zaps=self.zaps,
                per_identity_max=max((n for n, _ in at_once), default=0),
                offenders=tuple(Offender(key, n) for n, key in offenders),
            ),
            identities=len(self._seen),
            sessions_refused=self.sessions_refused,
            connections_reset=self.connections_reset,
            actions=Actions(self._actions, tuple((s, n) for s, n in self._actions_by_second)),
            latency_ms={path_class: _latency(h) for path_class, h in sorted(self._latency_ms.items())},
            memory_kb=memory_kb(),
        )

    def identities(self) -> IdentitiesReport:
        return IdentitiesReport(time.monotonic(), {key: seen.report() for key, seen in self._seen.items()})

    def _known(self, identity: Identity | None) -> _Seen | None:
        if identity is None:
            return None
        seen = self._seen.get(identity.key)
        if seen is None and len(self._seen) < IDENTITIES_MAX:
            seen = self._seen[identity.key] = _Seen(identity)
        return seen


def _latency(histogram: Histogram) -> Latency:
    p50, p95, p99 = (round(value, 3) for value in histogram.quantiles(_QUANTILES))
    return Latency(histogram.count, p50, p95, p99, round(histogram.max, 3))


def memory_kb() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
