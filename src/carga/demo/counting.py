"""The outermost layer: every request is counted, timed and logged, whatever happens to it further in."""

import time
from typing import IO

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carga.demo.identity import identity_of
from carga.demo.stats import Stats

CONTROL = frozenset({"/_stats", "/_stats/reset", "/_identities"})
"""Paths of whoever watches the server: not counted, and healthy whatever the illness."""
API = frozenset({"session", "channels", "guide", "programme", "search", "settings", "telemetry"})
_ACTIONS = frozenset(
    {("GET", "api/programme"), ("GET", "api/search"), ("GET", "api/settings"), ("PUT", "api/settings")}
)


def path_class(path: str) -> str:
    """`document`, `static`, `art`, `api/NAME` or `other`."""
    if path == "/guide/":
        return "document"
    first, _, rest = path[1:].partition("/")
    if first in ("static", "art"):
        return first
    name = rest.partition("/")[0]
    return f"api/{name}" if first == "api" and name in API else "other"


class Counting:
    """Wraps an application; `log` gets one JSON line a request."""

    def __init__(self, app: ASGIApp, stats: Stats, log: IO[bytes] | None) -> None:
        self._app = app
        self._stats = stats
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in CONTROL:
            if self._log:
                self._log.flush()
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = sent_bytes = 0

        async def counted(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent_bytes += len(message.get("body", b""))
                if not message.get("more_body"):
                    done()
            await send(message)

        recorded = False

        def done() -> None:
            nonlocal recorded
            if not recorded:
                recorded = True
                self._record(scope, status, sent_bytes, (time.perf_counter() - begun) * 1000)

        try:
            await self._app(scope, receive, counted)
        finally:
            done()

    def _record(self, scope: Scope, status: int, sent_bytes: int, ms: float) -> None:
        """Called just before the last byte leaves, so that whoever has the answer finds it counted."""
        identity = identity_of(scope["headers"], scope["query_string"])
        kind = path_class(scope["path"])
        dest = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"sec-fetch-dest"), "")
        self._stats.request(kind, status, sent_bytes=sent_bytes, ms=ms, dest=dest, identity=identity)
        if (scope["method"], kind) in _ACTIONS:
            self._stats.action()
        if self._log:
            line = {
                "time": round(time.time(), 3),
                "identity": identity.key if identity else "",
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(ms, 3),
            }
            self._log.write(msgspec.json.encode(line) + b"\n")
