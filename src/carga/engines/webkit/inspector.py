"""The connection to a MiniBrowser's remote inspector, which gives what classic WebDriver has not: a script before the
page's first one, what the page says, the network's errors, header fields and the cache.

Two protocols, one inside the other. Outside: frames of a length (big endian), a byte that tells the order of bytes, a
name with a NUL, and arguments as GVariant. Source: WebKit's `RemoteInspectorClient` and WTF's `SocketConnection`.
Inside: JSON commands and events of the inspector to a target, which changes when the page gets another process.
Source: WebKit's `inspector/protocol/*.json`.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from carga.errors import BrowserFailed, PageFailed

COMMAND_TIMEOUT_S = 30.0
MESSAGE_BYTES_MAX = 64 << 20
CONNECT_EVERY_S = 0.05
_FRAME = struct.Struct(">IB")
_LITTLE_ENDIAN = 1
_PAGE = struct.pack("<QQ", 1, 1)
"""Connection and target of the page: the first of the first, since a browser of an automated session has one page and
its first connection is that of the process with the window. (Only the driver is told the list of targets.)"""
_GONE = "The browser is gone."


class _Answer(msgspec.Struct):
    class _Problem(msgspec.Struct):
        message: str = ""

    id: int = 0
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Problem | None = None


class _Dispatch(msgspec.Struct):
    targetId: str  # noqa: N815 - the protocol's name
    message: str


class _Created(msgspec.Struct):
    class _Info(msgspec.Struct):
        targetId: str  # noqa: N815
        type: str
        isProvisional: bool = False  # noqa: N815
        isPaused: bool = False  # noqa: N815

    targetInfo: _Info  # noqa: N815


class _Committed(msgspec.Struct):
    newTargetId: str  # noqa: N815


EventHandler = Callable[[str, msgspec.Raw], None]
_decode = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.Encoder().encode


class Inspector:
    """`on_target` is called for each process that the page gets, before it runs anything: it sends its set-up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed = asyncio.Event()
        self.attached = asyncio.Event()
        self.on_event: EventHandler = lambda _method, _params: None
        self.on_target: Callable[[str], None] = lambda _target: None
        self.target = ""
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._last_id = 0
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int) -> "Inspector":
        """Waits until the browser listens on `port`, which the caller limits."""
        while True:
            try:
                inspector = cls(*await asyncio.open_connection("127.0.0.1", port))
            except OSError:
                await asyncio.sleep(CONNECT_EVERY_S)
            else:
                inspector._frame("SetupInspectorClient")
                return inspector

    async def attach(self) -> None:
        """To the page, which must be there. The caller limits the time."""
        self._frame("Setup", _PAGE)
        self._outer("Target.setPauseOnStart", {"pauseOnStart": True})
        await self.attached.wait()

    # --- commands --------------------------------------------------------------------------------------

    def post(self, method: str, params: dict[str, Any], target: str = "") -> int:
        """To the page. Nobody waits for the answer. Returns the command's id."""
        self._last_id += 1
        message = _encode({"id": self._last_id, "method": method, "params": params}).decode()
        identifier = self._last_id
        self._outer("Target.sendMessageToTarget", {"targetId": target or self.target, "message": message})
        return identifier

    def send(self, method: str, params: dict[str, Any], target: str = "") -> asyncio.Future[msgspec.Raw]:
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        if self.closed.is_set():
            future.set_exception(BrowserFailed(_GONE, "Its user is given another browser."))
            return future
        identifier = self.post(method, params, target)
        self._waiting[identifier] = future
        future.add_done_callback(lambda _: self._waiting.pop(identifier, None))
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

    def resume(self, target: str) -> None:
        self._outer("Target.resume", {"targetId": target})

    def _outer(self, method: str, params: dict[str, Any]) -> None:
        self._last_id += 1
        message = _encode({"id": self._last_id, "method": method, "params": params})
        self._frame("SendMessageToBackend", _PAGE + message + b"\0")

    def _frame(self, name: str, arguments: bytes = b"") -> None:
        body = name.encode() + b"\0" + arguments
        if not self.closed.is_set():
            self._writer.write(_FRAME.pack(len(body), _LITTLE_ENDIAN) + body)

    # --- answers and events ----------------------------------------------------------------------------

    async def _read(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            while True:
                size, _ = _FRAME.unpack(await self._reader.readexactly(_FRAME.size))
                if size > MESSAGE_BYTES_MAX:
                    break
                name, _, arguments = (await self._reader.readexactly(size)).partition(b"\0")
                if name == b"SendMessageToFrontend":
                    self._take_outer(_decode(arguments[len(_PAGE) :].rstrip(b"\0")))
        self._end()

    def _take_outer(self, message: _Answer) -> None:
        match message.method:
            case "Target.dispatchMessageFromTarget":
                dispatch = msgspec.json.decode(message.params, type=_Dispatch)
                self._take(_decode(dispatch.message.encode()))
            case "Target.targetCreated":
                info = msgspec.json.decode(message.params, type=_Created).targetInfo
                if info.type != "page":
                    return
                if not info.isProvisional:
                    self.target = info.targetId
                self.on_target(info.targetId)
                if info.isPaused:
                    self.resume(info.targetId)
                self.attached.set()
            case "Target.didCommitProvisionalTarget":
                self.target = msgspec.json.decode(message.params, type=_Committed).newTargetId

    def _take(self, message: _Answer) -> None:
        if message.method:
            self.on_event(message.method, message.params)
            return
        future = self._waiting.get(message.id)
        if future is None or future.done():
            return
        if message.error is not None:
            future.set_exception(PageFailed(f"The browser refused a command: {message.error.message}."))
        else:
            future.set_result(message.result)

    # --- end -------------------------------------------------------------------------------------------

    def _end(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(BrowserFailed(_GONE, "Its user goes on in another browser."))
                future.exception()  # somebody may have stopped waiting; that is no news
        self._waiting.clear()

    async def close(self) -> None:
        """Everybody who waits gets BrowserFailed. May be called again."""
        self._end()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.transport.abort()
