"""The worker's WebSocket to its coordinator: messages in and out, nothing decided here."""

import asyncio
import contextlib
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from carga.errors import ProtocolError
from carga.wire.messages import MESSAGE_BYTES_MAX, FromCoordinator, FromWorker, decode_from_coordinator, encode

OPEN_TIMEOUT_S = 5.0
RETRY_S_FIRST = 0.1
RETRY_S_MAX = 2.0
OUTGOING_MAX = 2000
"""Messages that wait for the socket. When more do, the connection is given up; windows are sent again on the next."""


class CoordinatorConnection:
    """Connects, and connects again, until `stop`."""

    def __init__(
        self,
        url: str,
        *,
        on_connected: Callable[[], None],
        on_message: Callable[[FromCoordinator], None],
        on_disconnected: Callable[[str], None],
    ) -> None:
        self._url = url
        self._on_connected = on_connected
        self._on_message = on_message
        self._on_disconnected = on_disconnected
        self._outgoing: asyncio.Queue[bytes] | None = None
        self._socket: ClientConnection | None = None
        self._stopped = False

    def send(self, message: FromWorker) -> None:
        """Queues `message`; without a connection it is dropped."""
        if self._outgoing is None:
            return
        try:
            self._outgoing.put_nowait(encode(message))
        except asyncio.QueueFull:
            self._outgoing = None
            if self._socket is not None:
                self._socket.transport.abort()

    async def run(self) -> None:
        """Returns after `stop`."""
        retry_s = RETRY_S_FIRST
        while not self._stopped:
            try:
                async with connect(
                    self._url,
                    open_timeout=OPEN_TIMEOUT_S,
                    max_size=MESSAGE_BYTES_MAX,
                    compression=None,
                    proxy=None,
                    ping_interval=None,  # the lease's renewals show that both ends live
                    close_timeout=2,
                ) as socket:
                    retry_s = RETRY_S_FIRST
                    await self._talk(socket)
            except (OSError, TimeoutError, WebSocketException):
                pass
            if not self._stopped:
                await asyncio.sleep(retry_s)
                retry_s = min(RETRY_S_MAX, retry_s * 2)

    async def _talk(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._outgoing = asyncio.Queue(OUTGOING_MAX)
        sender = asyncio.create_task(self._send_all(socket, self._outgoing))
        reason = "The connection ended."
        try:
            self._on_connected()
            async for data in socket:
                if isinstance(data, str):
                    raise ProtocolError("The coordinator sent text where a binary message belongs.")
                self._on_message(decode_from_coordinator(data))
        except ProtocolError as error:
            reason = error.problem
        except (OSError, WebSocketException) as error:
            reason = str(error)
        finally:
            self._outgoing = None
            self._socket = None
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, WebSocketException):
                await sender
            self._on_disconnected(reason)

    async def _send_all(self, socket: ClientConnection, outgoing: asyncio.Queue[bytes]) -> None:
        while True:
            data = await outgoing.get()
            await socket.send(data)
            outgoing.task_done()

    async def stop(self, *, flush_s: float = 2.0) -> None:
        """Sends what is queued, then closes."""
        self._stopped = True
        outgoing, socket = self._outgoing, self._socket
        if outgoing is not None and socket is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(flush_s):
                    await outgoing.join()
            await socket.close()
