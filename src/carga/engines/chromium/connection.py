"""One DevTools connection over a pair of pipes, shared by all pages of a browser.

Written for hundreds of pages: one read takes whatever has come and splits it at the NULs, one decoder reads the
envelope and leaves `params` as raw bytes until somebody wants them, and a command whose answer nobody needs costs no
future. Protocol: https://chromedevtools.github.io/devtools-protocol/ (flat sessions).
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import Any

import msgspec

from carga.errors import BrowserFailed, PageFailed

READ_BYTES = 1 << 18
PIPE_BYTES = 1 << 20
MESSAGE_BYTES_MAX = 64 << 20
"""A picture of a large page is a few megabytes; a longer message means that the stream is broken."""
UNSENT_BYTES_MAX = 64 << 20
"""A browser that reads nothing while so much waits for it is given up."""
COMMAND_TIMEOUT_S = 30.0
ANSWERS_COME_S = 0.01
"""After an input nothing is read for so long: its two answers, which nobody waits for, then cost one wake-up together
instead of two. Waking up is most of what a message costs."""


class _Problem(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Envelope(msgspec.Struct):
    id: int = 0
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Problem | None = None
    sessionId: str = ""  # noqa: N815 - the protocol's name


EventHandler = Callable[[str, msgspec.Raw], None]
"""Takes (method, params as JSON)."""

_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


class Connection:
    """Sends commands, hands events to the handler of their session. `on_event` takes those of the browser itself."""

    def __init__(self, command_fd: int, answer_fd: int, on_event: EventHandler) -> None:
        self.closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._command_fd = command_fd
        self._answer_fd = answer_fd
        self._handlers: dict[str, EventHandler] = {"": on_event}
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._last_id = 0
        self._buffer = bytearray(READ_BYTES)
        self._input_made = False
        self._unread = b""
        self._unsent = bytearray()
        for fd in (command_fd, answer_fd):
            os.set_blocking(fd, False)
            with contextlib.suppress(OSError):  # the limit of an unprivileged user may be lower
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._loop.add_reader(answer_fd, self._read)

    # --- sessions --------------------------------------------------------------------------------------

    def add_session(self, session: str, handler: EventHandler) -> None:
        self._handlers[session] = handler

    def remove_session(self, session: str) -> None:
        self._handlers.pop(session, None)

    # --- commands --------------------------------------------------------------------------------------

    def post(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> int:
        """Sends a command whose answer nobody waits for. Returns its id."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self.write(_encode(message) + b"\0")
        return self._last_id

    def send(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> asyncio.Future[msgspec.Raw]:
        """Sends a command at once; the future gives its result as JSON, or PageFailed with the browser's words."""
        future: asyncio.Future[msgspec.Raw] = self._loop.create_future()
        if self.closed.is_set():
            future.set_exception(BrowserFailed("The browser is gone.", "Its users are given to another browser."))
            return future
        identifier = self._last_id + 1
        self._waiting[identifier] = future  # before it is sent: the pipe may turn out to be broken
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

    def write(self, data: bytes) -> None:
        """Sends NUL-terminated messages, made by the caller."""
        if self.closed.is_set():
            return
        if self._unsent:
            self._unsent += data
            if len(self._unsent) > UNSENT_BYTES_MAX:
                self.close()
            return
        try:
            written = os.write(self._command_fd, data)
        except BlockingIOError:
            written = 0
        except OSError:
            self.close()
            return
        if written < len(data):
            self._unsent += data[written:]
            self._loop.add_writer(self._command_fd, self._write_rest)

    def write_input(self, data: bytes) -> None:
        """Like `write`, for inputs: their answers are not waited for."""
        self._input_made = True
        self.write(data)

    def next_id(self) -> int:
        """An id for a message that the caller makes itself."""
        self._last_id += 1
        return self._last_id

    def _write_rest(self) -> None:
        try:
            written = os.write(self._command_fd, self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._unsent[:written]
        if not self._unsent:
            self._loop.remove_writer(self._command_fd)

    # --- answers and events ----------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = bytes(memoryview(self._buffer)[: os.readv(self._answer_fd, [self._buffer])])
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        *messages, rest = data.split(b"\0")
        if self._unread:
            if not messages:
                self._unread += rest
                if len(self._unread) > MESSAGE_BYTES_MAX:
                    self.close()
                return
            messages[0] = self._unread + messages[0]
        self._unread = rest
        for message in messages:
            self._take(message)
        if self._input_made and not self.closed.is_set():
            self._input_made = False
            self._loop.remove_reader(self._answer_fd)
            self._loop.call_later(ANSWERS_COME_S, self._read_on)

    def _read_on(self) -> None:
        if not self.closed.is_set():
            self._loop.add_reader(self._answer_fd, self._read)
            self._read()

    def _take(self, message: bytes) -> None:
        try:
            envelope = _decode(message)
        except msgspec.MsgspecError:
            self.close()
            return
        if envelope.method:
            handler = self._handlers.get(envelope.sessionId)
            if handler is not None:
                handler(envelope.method, envelope.params)
            return
        future = self._waiting.get(envelope.id)
        if future is None or future.done():
            return
        if envelope.error is not None:
            future.set_exception(PageFailed(f"The browser refused a command: {envelope.error.message}."))
        else:
            future.set_result(envelope.result)

    # --- end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Closes both pipes, which makes the browser end itself. Everybody who waits gets BrowserFailed."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._answer_fd)
        self._loop.remove_writer(self._command_fd)
        os.close(self._answer_fd)
        os.close(self._command_fd)
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(BrowserFailed("The browser is gone.", "Its users go on in another browser."))
                future.exception()  # somebody may have stopped waiting; that is no news
        self._waiting.clear()
        self._handlers.clear()
