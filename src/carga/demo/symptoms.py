"""What the illnesses do to requests. Those of the process itself (sockets, files, death) are in `server.py`."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carga.demo.counting import CONTROL
from carga.demo.illness import Ills

QUERIES_AT_ONCE = 8
T = TypeVar("T")


class Symptoms:
    """Wraps the application: slow statics, errors, and a leak."""

    def __init__(self, app: ASGIApp, ills: Ills, *, seed: int, leak_cap_mb: int) -> None:
        self._app = app
        self._ills = ills
        self._dice = random.Random(seed)  # noqa: S311 - which requests fail is no secret
        self._leaked: list[bytes] = []
        self._leaks_max = leak_cap_mb * 1024 // ills.leaking if ills.leaking else 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ills, path = self._ills, scope["path"]
        if scope["type"] != "http" or path in CONTROL:
            await self._app(scope, receive, send)
            return
        if ills.leaking and len(self._leaked) < self._leaks_max:
            self._leaked.append(b"\1" * (ills.leaking * 1024))
        if ills.slow_statics and path.startswith(("/static/", "/art/")):
            await asyncio.sleep(ills.slow_statics / 1000)
        if ills.errors and path.startswith("/api/") and self._dice.random() * 100 < ills.errors:
            await Response(b'{"error":"Something went wrong."}', 500, media_type="application/json")(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


class Database:
    """Where queries go through. Healthy, they run at once; slow, each waits, and only a few run side by side."""

    def __init__(self, slow_ms: float | None) -> None:
        self._slow_ms = slow_ms
        self._places = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def ask(self, query: Callable[[], T]) -> T:
        if self._slow_ms is None:
            return query()
        async with self._places:
            await asyncio.sleep(self._slow_ms / 1000)
            return query()
