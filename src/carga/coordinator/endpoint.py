"""The two WebSockets: `/worker` for workers, `/api/live` for those who watch."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from carga.coordinator.events import WorkerBroke, WorkerLeft, WorkerSaid
from carga.coordinator.hub import Hub
from carga.errors import ProtocolError
from carga.wire.messages import decode_from_worker

HELLO_S_MAX = 10.0
"""A connection that says nothing for so long is closed."""
WORKERS_MAX = 5000
"""Connections at once."""
CLIENTS_MAX = 200
CLOSE_S_MAX = 1.0
"""A peer that does not read does not read a goodbye either."""
_TRY_AGAIN_LATER = 1013
_NORMAL = 1000
_REASON_BYTES_MAX = 120
"""A close frame holds 123 bytes of reason."""

_log = logging.getLogger(__name__)


class Endpoints:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def worker(self, socket: WebSocket) -> None:
        hub = self._hub
        if len(hub.workers) >= WORKERS_MAX:
            await socket.close(_TRY_AGAIN_LATER, "too many connections")
            return
        await socket.accept()
        connection, outbox = hub.open_worker()
        try:
            await _until_one_ends(
                self._read_worker(socket, connection), outbox.send_all(socket.send_bytes), outbox.overflowed.wait()
            )
        finally:
            del hub.workers[connection]
            hub.feed(WorkerLeft(connection))
            await _close(socket, outbox.reason)

    async def _read_worker(self, socket: WebSocket, connection: int) -> None:
        async with asyncio.timeout(HELLO_S_MAX):
            data = await _receive(socket)
        while True:
            try:
                self._hub.feed(WorkerSaid(connection, decode_from_worker(data)))
            except ProtocolError as error:
                self._hub.feed(WorkerBroke(connection, error.problem))
            data = await _receive(socket)

    async def live(self, socket: WebSocket) -> None:
        hub = self._hub
        if len(hub.clients) >= CLIENTS_MAX:
            await socket.close(_TRY_AGAIN_LATER, "too many live pages")
            return
        await socket.accept()
        client = hub.subscribe()
        try:
            await _until_one_ends(_ignore_all(socket), client.send_all(socket.send_text), client.overflowed.wait())
        finally:
            hub.clients.discard(client)
            await _close(socket, client.reason)


async def _receive(socket: WebSocket) -> bytes:
    """One binary message; a text is passed on as its bytes, which the decoder refuses."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", _NORMAL))
    data: bytes | None = message.get("bytes")
    return data if data is not None else str(message["text"]).encode()


async def _ignore_all(socket: WebSocket) -> None:
    while True:
        await _receive(socket)


async def _until_one_ends(*parts: Coroutine[Any, Any, object]) -> None:
    """A connection that ends, or a peer that does not read, is no error of ours."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(
                result, (WebSocketDisconnect, TimeoutError, RuntimeError, OSError)
            ):
                _log.error("a connection was closed by an error of the coordinator", exc_info=result)


async def _close(socket: WebSocket, reason: str) -> None:
    with contextlib.suppress(RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(CLOSE_S_MAX):
            await socket.close(_NORMAL, reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore"))
