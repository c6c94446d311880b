"""What waits to be sent over one connection. A peer that does not read is cut off, so that it cannot fill memory."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

SEND_S_MAX = 10.0
"""One message must be taken in this time."""

Data = TypeVar("Data", str, bytes)


class Outbox(Generic[Data]):
    def __init__(self, *, messages_max: int, size_max: int) -> None:
        self._messages_max = messages_max
        self._size_max = size_max
        self._waiting: deque[Data] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self._closed = False
        self.overflowed = asyncio.Event()
        """Nobody reads: there is no use in waiting until what is left is sent."""
        self.reason = ""

    def put(self, data: Data) -> None:
        """Over the limit the connection is closed, and nothing more is sent."""
        if self._closed:
            return
        if len(self._waiting) >= self._messages_max or self._size + len(data) > self._size_max:
            self._waiting.clear()
            self.overflowed.set()
            self.close("it does not read what it is sent")
            return
        self._waiting.append(data)
        self._size += len(data)
        self._changed.set()

    def close(self, reason: str) -> None:
        """What waits is sent before."""
        if not self._closed:
            self._closed = True
            self.reason = reason
            self._changed.set()

    async def send_all(self, send: Callable[[Data], Awaitable[None]]) -> None:
        """Until the outbox is closed and empty. Raises TimeoutError when the peer does not read."""
        while True:
            while self._waiting:
                data = self._waiting.popleft()
                self._size -= len(data)
                async with asyncio.timeout(SEND_S_MAX):
                    await send(data)
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()
