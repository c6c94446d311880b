"""One DevTools connection, which is one user: a WebSocket (RFC 6455) through a Unix socket, made for thousands.

A client library keeps tasks, queues and timers for each connection; here a connection is a socket, a few fields and one
callback of the event loop, all connections read into one buffer, and one decoder reads a message at once, its
parameters included. Measured in docs/decisions/0007-light.md. The other end is a program that we have started, so the
client sends the all-zero mask, which RFC 6455 allows anybody who need not hide frames from proxies.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from carga.errors import BrowserFailed, PageFailed

MESSAGE_BYTES_MAX = 64 << 20
"""A longer message means that the stream is broken."""
UNSENT_BYTES_MAX = 16 << 20
"""A browser that reads nothing while so much waits for it is given up."""
COMMAND_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 20.0
READ_BYTES = 1 << 18

_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2FyZ2EgbG9hZCB0ZXN0cw==\r\n\r\n"
)
_HEADER_END = b"\r\n\r\n"
_FINAL = 0x80
_MASKED = 0x80
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_NO_MASK = b"\0\0\0\0"
_shared = memoryview(bytearray(READ_BYTES))
"""Of all connections: what is read is handled before anybody else reads."""


class Entry(msgspec.Struct):
    source: str = ""
    level: str = ""
    text: str = ""
    url: str = ""


class Params(msgspec.Struct):
    """What is wanted of any event."""

    name: str = ""
    payload: str = ""
    executionContextId: int = 0  # noqa: N815 - the protocol's name
    frameId: str = ""  # noqa: N815
    entry: Entry | None = None


class _Problem(msgspec.Struct):
    message: str = ""


class _Message(msgspec.Struct):
    id: int = 0
    method: str = ""
    params: Params | None = None
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Problem | None = None


EventHandler = Callable[[str, Params], None]

_decode = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode
_NOTHING = Params()


class Connection:
    """`on_event` takes (method, parameters); `on_closed` is called once when the other end is gone."""

    __slots__ = (
        "_last_id",
        "_loop",
        "_on_closed",
        "_on_event",
        "_parts",
        "_shaken",
        "_socket",
        "_unread",
        "_unsent",
        "_waiting",
        "closed",
    )

    def __init__(self, on_event: EventHandler, on_closed: Callable[[], None]) -> None:
        self.closed = True
        """Before it is open too."""
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._on_closed = on_closed
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._last_id = 0
        self._unread = b""
        self._unsent = b""
        self._parts = b""
        """The frames of a message of which the last has not come."""
        self._shaken: asyncio.Future[None] | None = None
        self._socket: socket.socket

    async def open(self, path: Path) -> None:
        """Raises BrowserFailed when there is no answer within CONNECT_TIMEOUT_S, or another than a WebSocket's."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._shaken = self._loop.create_future()
        self.closed = False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._loop.sock_connect(self._socket, str(path))
                self._loop.add_reader(self._socket.fileno(), self._read)
                self._write(_HANDSHAKE)
                await self._shaken
        except (OSError, TimeoutError) as error:
            self.close()
            why = f"did not answer within {CONNECT_TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else str(error)
            raise BrowserFailed(f"Lightpanda took no connection: {why}.") from error
        except BaseException:
            self.close()
            raise
        finally:
            self._shaken = None

    # --- commands --------------------------------------------------------------------------------------

    def post(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> int:
        """Sends a command whose answer nobody waits for. Returns its id."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self._send(_TEXT, _encode(message))
        return self._last_id

    def send(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> asyncio.Future[msgspec.Raw]:
        """Sends a command at once; the future gives its result as JSON, or PageFailed with the browser's words."""
        future: asyncio.Future[msgspec.Raw] = self._loop.create_future()
        if self.closed:
            future.set_exception(BrowserFailed("The browser is gone.", "Its users are given to another browser."))
            return future
        identifier = self._last_id + 1
        self._waiting[identifier] = future  # before it is sent: the connection may turn out to be broken
        future.add_done_callback(lambda _: self._waiting.pop(identifier, None))
        self.post(method, params, session)
        return future

    async def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        session: str = "",
        *,
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Sends a command and waits for its result. Raises PageFailed, or BrowserFailed after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                return msgspec.json.decode(await self.send(method, params, session), type=dict[str, Any])
        except TimeoutError:
            raise BrowserFailed(f"The browser did not answer {method} within {timeout_s:g} s.") from None

    def _send(self, kind: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = bytes((_FINAL | kind, _MASKED | size))
        elif size < 1 << 16:
            head = struct.pack(">BBH", _FINAL | kind, _MASKED | 126, size)
        else:
            head = struct.pack(">BBQ", _FINAL | kind, _MASKED | 127, size)
        self._write(head + _NO_MASK + data)

    def _write(self, data: bytes) -> None:
        if self.closed:
            return
        if self._unsent:
            self._unsent += data
            if len(self._unsent) > UNSENT_BYTES_MAX:
                self._lose()
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.add_writer(self._socket.fileno(), self._write_rest)

    def _write_rest(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    # --- answers and events ----------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            size = self._socket.recv_into(_shared)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._lose()
            return
        data = self._unread + bytes(_shared[:size])
        self._unread = b""
        if self._shaken is not None and not self._shaken.done():
            header, mark, data = data.partition(_HEADER_END)
            if not mark:
                self._unread = header
                return
            self._take_handshake(header, self._shaken)
        at, end = 0, len(data)
        while end - at >= 2 and not self.closed:
            head, length = data[at], data[at + 1]
            begin = at + 2
            if length == 126:
                begin += 2
                length = int.from_bytes(data[at + 2 : begin])
            elif length == 127:
                begin += 8
                length = int.from_bytes(data[at + 2 : begin])
            if length > MESSAGE_BYTES_MAX:
                self._lose()
                return
            if begin + length > end:
                break
            self._take_frame(head, data[begin : begin + length])
            at = begin + length
        self._unread = data[at:]

    def _take_handshake(self, header: bytes, shaken: asyncio.Future[None]) -> None:
        status = header.split(b"\r\n", 1)[0].decode(errors="replace")
        if " 101 " in f"{status} ":
            shaken.set_result(None)
        else:
            shaken.set_exception(BrowserFailed(f"Lightpanda took no connection: {status[:100]}."))

    def _take_frame(self, head: int, data: bytes) -> None:
        kind = head & 0x0F
        if kind == _PING:
            self._send(_PONG, data)
        elif kind == _CLOSE:
            self._lose()
        elif kind <= _TEXT:
            if not head & _FINAL or self._parts:
                self._parts += data
                if len(self._parts) > MESSAGE_BYTES_MAX:
                    self._lose()
                if not head & _FINAL:
                    return
                data, self._parts = self._parts, b""
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            message = _decode(data)
        except msgspec.MsgspecError:
            return  # an event of which nothing is wanted, in another form
        if message.method:
            self._on_event(message.method, message.params or _NOTHING)
            return
        future = self._waiting.get(message.id)
        if future is None or future.done():
            return
        if message.error is not None:
            future.set_exception(PageFailed(f"The browser refused a command: {message.error.message}."))
        else:
            future.set_result(message.result)

    # --- end -------------------------------------------------------------------------------------------

    def _lose(self) -> None:
        if not self.closed:
            self.close()
            self._on_closed()

    def close(self) -> None:
        """Ends the connection, and with it the user's page. Everybody who waits gets BrowserFailed."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        waiting: list[asyncio.Future[Any]] = [*self._waiting.values()]
        if self._shaken is not None:
            waiting.append(self._shaken)
        for future in waiting:
            if not future.done():
                future.set_exception(BrowserFailed("The browser is gone.", "Its users go on in another browser."))
                future.exception()  # somebody may have stopped waiting; that is no news
        self._waiting.clear()
