"""uvicorn's protocols with what the demo needs beside: connections that are refused, reset, and seen to be lost."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from carga.demo.sockets import ABORT, LOST
from carga.demo.stats import Stats

_RESET = struct.pack("ii", 1, 0)
"""struct linger: on, and no time: the kernel sends RST instead of FIN."""


def reset(transport: asyncio.BaseTransport) -> None:
    """Ends a TCP connection the rude way."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


def http_protocol(stats: Stats, connections_max: int | None) -> type[H11Protocol]:
    """HTTP that resets every connection beyond `connections_max` as soon as it is made."""

    class LimitedProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if connections_max is not None and len(self.connections) > connections_max:
                stats.connections_reset += 1
                reset(transport)

    return LimitedProtocol


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that the application may reset, and whose loss without a close frame is code 1006."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"] or {}
            extensions[ABORT] = lambda: reset(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.handshake_complete and self.conn.close_rcvd is None and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": LOST, "reason": None})
        super().connection_lost(exc)
