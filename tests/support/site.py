"""A small web site for tests with real browsers: pages made by the test, and every way in which a server can fail.

Everything that was asked of it is in `requests` and `sockets`, so that a test can compare what carga measured with
what the server saw. Loopback only, on a free port.

    async with running_site() as site:
        site.page("/", "<h1>hello</h1>")
        await driver.goto(site.url + "/")

Ready-made answers: /status/503, /slow/200 (ms, then "ok"), /hang (no answer), /reset (connection reset), /empty (closed
without an answer), /broken (half of a body), /redirect?to=/path, /image.png, /script.js, /style.css, /json.
WebSockets: /echo, /refuse/503, /close/1011 (after the first message), /abort (cut off after the first message).
`query cache=60` on any of them makes the answer cacheable, `cors=1` open to other origins.
"""

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

WAIT_S = 10.0
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082".replace(" ", "")
)


@dataclass(frozen=True)
class Seen:
    """One request. `kind` is the browser's Sec-Fetch-Dest: document, script, style, image, empty (fetch) …"""

    method: str
    path: str
    query: dict[str, str]
    kind: str
    headers: dict[str, str]
    body: bytes = b""
    client: str = ""
    """The address that it came from."""

    @property
    def user_agent(self) -> str:
        return self.headers.get("user-agent", "")


@dataclass
class SeenSocket:
    path: str
    headers: dict[str, str]
    received: list[str | bytes] = field(default_factory=list)
    sent: list[str | bytes] = field(default_factory=list)
    socket: WebSocket | None = None
    opened_at: float = 0.0
    """Seconds of the monotonic clock; 0 while it is not open yet."""
    closed_at: float | None = None

    @property
    def user_agent(self) -> str:
        return self.headers.get("user-agent", "")

    async def send(self, message: str | bytes) -> None:
        assert self.socket is not None
        self.sent.append(message)
        await (self.socket.send_text(message) if isinstance(message, str) else self.socket.send_bytes(message))


Handler = Callable[[Request], Response]


class Site:
    def __init__(self) -> None:
        self.url = ""
        self.other_origin = ""
        """The same server under another origin."""
        self.requests: list[Seen] = []
        self.sockets: list[SeenSocket] = []
        self.released = asyncio.Event()
        """Ends the requests that hang."""
        self.stop: Callable[[], Awaitable[None]]
        """Stops the server: its port refuses, its sockets are cut."""
        self._pages: dict[str, Handler] = {}
        self._transports: dict[Any, asyncio.Transport] = {}

    # --- what a test says and asks ---------------------------------------------------------------------

    def page(
        self,
        path: str,
        body: str | bytes,
        *,
        kind: str = "text/html; charset=utf-8",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`path` answers with `body` from now on."""
        self._pages[path] = lambda request: Response(body, status, headers, kind)

    def script(self, path: str, body: str) -> None:
        self.page(path, body, kind="text/javascript")

    def answer(self, path: str, handler: Handler) -> None:
        self._pages[path] = handler

    def seen(self, path: str) -> list[Seen]:
        return [request for request in self.requests if request.path == path]

    def count_by_kind(self) -> Counter[str]:
        return Counter(request.kind for request in self.requests)

    async def until(self, condition: Callable[["Site"], object], *, timeout_s: float = WAIT_S) -> None:
        """Waits until the server has seen what `condition` asks for."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):  # noqa: ASYNC110 - any state, of many
                await asyncio.sleep(0.01)

    # --- ASGI ------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            body = await request.body()
            headers = dict(request.headers)
            kind = headers.get("sec-fetch-dest", "")
            client = request.client.host if request.client else ""
            self.requests.append(
                Seen(request.method, request.url.path, dict(request.query_params), kind, headers, body, client)
            )
            response = await self._respond(request)
            if response is not None:
                await response(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))

    async def _respond(self, request: Request) -> Response | None:
        response = await self._make(request)
        if response is not None:
            seconds = request.query_params.get("cache")
            response.headers.setdefault("cache-control", f"max-age={seconds}" if seconds else "no-store")
            if request.query_params.get("cors"):
                response.headers["access-control-allow-origin"] = "*"
        return response

    async def _make(self, request: Request) -> Response | None:
        if page := self._pages.get(request.url.path):
            return page(request)
        match request.url.path.strip("/").split("/"):
            case ["status", code]:
                return Response(f"status {code}", int(code), media_type="text/plain")
            case ["slow", ms]:
                await asyncio.sleep(int(ms) / 1000)
                return Response("ok", media_type="text/plain")
            case ["hang"]:
                await self.released.wait()
                return None
            case ["reset"]:
                self._abort(request.scope, reset=True)
                return None
            case ["empty"]:
                self._abort(request.scope)
                return None
            case ["broken"]:
                return _Broken(lambda: self._abort(request.scope))
            case ["redirect"]:
                return Response(status_code=302, headers={"location": request.query_params["to"]})
            case ["image.png"]:
                return Response(PNG, media_type="image/png")
            case ["script.js"]:
                return Response("window.scripts = (window.scripts ?? 0) + 1;", media_type="text/javascript")
            case ["style.css"]:
                return Response("body { color: black; }", media_type="text/css")
            case ["json"]:
                return Response('{"answer": 42}', media_type="application/json")
        return Response("not found", 404, media_type="text/plain")

    def _abort(self, scope: Scope, *, reset: bool = False) -> None:
        """Ends the connection with FIN, or with RST."""
        transport = self._transports[tuple(scope["client"])]
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def _socket(self, websocket: WebSocket) -> None:
        seen = SeenSocket(websocket.url.path, dict(websocket.headers), socket=websocket)
        self.sockets.append(seen)
        parts = websocket.url.path.strip("/").split("/")
        if parts[0] == "refuse":
            await websocket.send_denial_response(Response("no", int(parts[1])))
            return
        await websocket.accept()
        seen.opened_at = time.monotonic()
        try:
            await self._converse(websocket, seen, parts)
        finally:
            seen.closed_at = time.monotonic()

    async def _converse(self, websocket: WebSocket, seen: SeenSocket, parts: list[str]) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text: str | None = message.get("text")
                data: str | bytes = message["bytes"] if text is None else text
                seen.received.append(data)
                if parts[0] == "close":
                    await websocket.close(int(parts[1]), "as asked")
                    return
                if parts[0] == "abort":
                    self._abort(websocket.scope)
                    return
                await seen.send(data)


class _Broken(Response):
    """Promises more than comes."""

    def __init__(self, abort: Callable[[], None]) -> None:
        super().__init__()
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000"), (b"content-type", b"text/plain"), *self.raw_headers[1:]]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await asyncio.sleep(0.05)  # the half must have left
        self._abort()


@asynccontextmanager
async def running_site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """Listens on `host`; its URLs are those of the loopback address."""
    site = Site()

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            site._transports[transport.get_extra_info("peername")] = transport
            super().connection_made(transport)

    listener = socket.create_server((host, 0))
    port = listener.getsockname()[1]
    site.url = f"http://127.0.0.1:{port}"
    site.other_origin = f"http://localhost:{port}"
    config = uvicorn.Config(
        site, http=Protocol, ws="websockets-sansio", lifespan="off", log_level="critical", access_log=False
    )
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve([listener]))

    async def stop() -> None:
        site.released.set()
        server.should_exit = server.force_exit = True
        await asyncio.wait([task])
        listener.close()

    try:
        async with asyncio.timeout(WAIT_S):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        site.stop = stop
        yield site
    finally:
        await stop()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
