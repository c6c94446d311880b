"""One WebDriver BiDi connection to a Firefox, shared by all its pages. Protocol: https://w3c.github.io/webdriver-bidi/"""

import asyncio
import contextlib
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_QUICKACK
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from carga.errors import BrowserFailed, PageFailed

COMMAND_TIMEOUT_S = 30.0
MESSAGE_BYTES_MAX = 64 << 20
"""A picture of a large page is a few megabytes."""
UNSENT_MAX = 10_000
"""Commands that wait for a browser that reads nothing; beyond them it is given up."""
GONE = "The browser is gone."


class _Envelope(msgspec.Struct):
    type: str
    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: str = ""
    message: str = ""


EventHandler = Callable[[str, msgspec.Raw], None]
"""Takes (method, params as JSON)."""

_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


class Connection:
    """Sends commands and hands events to `on_event`. Commands leave in the order in which they were given."""

    def __init__(self, socket: ClientConnection, on_event: EventHandler) -> None:
        self.closed = asyncio.Event()
        self._socket = socket
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(UNSENT_MAX)
        self._last_id = 0
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    @classmethod
    async def open(cls, url: str, on_event: EventHandler) -> "Connection":
        """Raises BrowserFailed."""
        try:
            socket = await connect(url, max_size=MESSAGE_BYTES_MAX, compression=None, ping_interval=None, proxy=None)
        except (OSError, InvalidHandshake) as error:
            raise BrowserFailed(f"The browser did not take a connection: {error}.") from error
        return cls(socket, on_event)

    def post(self, method: str, params: dict[str, Any]) -> int:
        """Sends a command whose answer nobody waits for. Returns its id."""
        self._last_id += 1
        if not self.closed.is_set():
            try:
                self._unsent.put_nowait(_encode({"id": self._last_id, "method": method, "params": params}))
            except asyncio.QueueFull:
                self._end()
        return self._last_id

    def send(self, method: str, params: dict[str, Any]) -> asyncio.Future[msgspec.Raw]:
        """The future gives the result as JSON, or PageFailed with the browser's words."""
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        if self.closed.is_set():
            future.set_exception(BrowserFailed(GONE, "Its users are given to another browser."))
            return future
        identifier = self._last_id + 1
        self._waiting[identifier] = future
        future.add_done_callback(lambda _: self._waiting.pop(identifier, None))
        self.post(method, params)
        return future

    async def call(
        self, method: str, params: dict[str, Any], *, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> dict[str, Any]:
        """Raises PageFailed when the browser refuses, BrowserFailed after `timeout_s` or when it is gone."""
        try:
            async with asyncio.timeout(timeout_s):
                return msgspec.json.decode(await self.send(method, params), type=dict[str, Any])
        except TimeoutError:
            raise BrowserFailed(f"The browser did not answer {method} within {timeout_s:g} s.") from None

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketException, OSError):
            while True:
                await self._socket.send(await self._unsent.get(), text=True)
        self._end()

    async def _read(self) -> None:
        with contextlib.suppress(WebSocketException, OSError, msgspec.MsgspecError):
            while True:
                self._acknowledge_at_once()
                self._take(_decode(await self._socket.recv(decode=False)))
        self._end()

    def _acknowledge_at_once(self) -> None:
        """Firefox writes a message in two parts, and Nagle's algorithm holds the second back until the first is
        acknowledged: 40 ms, unless the kernel is told so before each of them."""
        socket = self._socket.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            socket.setsockopt(IPPROTO_TCP, TCP_QUICKACK, 1)

    def _take(self, envelope: _Envelope) -> None:
        if envelope.type == "event":
            self._on_event(envelope.method, envelope.params)
            return
        future = self._waiting.get(envelope.id or 0)
        if future is None or future.done():
            return
        if envelope.type == "error":
            future.set_exception(PageFailed(envelope.message or envelope.error))
        else:
            future.set_result(envelope.result)

    def _end(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(BrowserFailed(GONE, "Its users go on in another browser."))
                future.exception()  # somebody may have stopped waiting; that is no news
        self._waiting.clear()

    async def close(self) -> None:
        """Everybody who waits gets BrowserFailed. May be called again."""
        self._end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.transport.abort()
