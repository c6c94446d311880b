"""The WebSocket of each viewer: the server tells the time, how many watch, and now and then some news."""

import asyncio
import random
import time
from itertools import count
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from carga.demo.identity import identity_of
from carga.demo.stats import Stats

PATH = "/ws"
NEWS_EVERY = 8
"""Ticks of the clock between two notifications."""
NEWS = (
    "Tonight on Kino Norte: Ninety Seconds to Lisbon",
    "Summit Fever starts in five minutes on Arena 1",
    "New in your package: Jazz Harbour, channel 60",
    "Press S to search, O for settings",
)
ABORT = "carga.abort"
"""Key of the scope's extensions under which the protocol leaves a way to reset the connection."""
LOST = 1006
BROKEN = 1011


class Sockets:
    """ASGI application for WebSockets. `drop_after_s`: the illness dropping-websockets."""

    def __init__(self, stats: Stats, *, clock_s: float, drop_after_s: float | None, seed: int) -> None:
        self._stats = stats
        self._clock_s = clock_s
        self._drop_after_s = drop_after_s
        self._dice = random.Random(seed)  # noqa: S311 - spreads closes in time
        self._drops = count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] != PATH:
            await send({"type": "websocket.close"})
            return
        identity = identity_of(scope["headers"], scope["query_string"])
        number = self._stats.socket_opened(identity)
        socket = _Socket(scope, receive, send)
        code = LOST
        try:
            await send({"type": "websocket.accept"})
            async with asyncio.TaskGroup() as tasks:
                own = [tasks.create_task(self._tell(socket))]
                if self._drop_after_s is not None:
                    own.append(tasks.create_task(self._drop(socket, self._drop_after_s)))
                code = await self._listen(socket)
                for task in own:
                    task.cancel()
        finally:
            self._stats.socket_closed(number, identity, socket.ended_with or code)

    async def _tell(self, socket: "_Socket") -> None:
        try:
            for tick in count(1):
                now_s = round(time.time(), 3)
                await socket.send({"type": "clock", "now_s": now_s, "viewers": self._stats.sockets_open})
                self._stats.messages_out += 1
                await asyncio.sleep(self._clock_s)
                if tick % NEWS_EVERY == 0:
                    await socket.send({"type": "notification", "text": self._dice.choice(NEWS)})
                    self._stats.messages_out += 1
        except OSError:
            return  # the viewer has left; who listens hears it too

    async def _listen(self, socket: "_Socket") -> int:
        """Until the viewer has left; gives the close code."""
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or LOST)
            self._stats.messages_in += 1
            try:
                event = msgspec.json.decode(message.get("text") or message.get("bytes") or b"", type=dict[str, Any])
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue  # counted; a guide has no use for anything else
            if event.get("type") == "zap":
                self._stats.zaps += 1

    async def _drop(self, socket: "_Socket", after_s: float) -> None:
        await asyncio.sleep(after_s * self._dice.uniform(0.75, 1.25))
        if next(self._drops) % 2 == 0:
            socket.ended_with = BROKEN
            await socket.close(BROKEN)
        else:
            socket.ended_with = LOST
            socket.abort()


class _Socket:
    """One connection, with a little less ceremony."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self.receive = receive
        self._send = send
        self.ended_with = 0

    async def send(self, message: dict[str, object]) -> None:
        if not self.ended_with:
            await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": "Something went wrong."})

    def abort(self) -> None:
        self._scope["extensions"][ABORT]()
