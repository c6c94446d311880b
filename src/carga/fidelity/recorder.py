"""Stands between users and their target, passes everything on, and notes what it saw.

A reverse proxy on loopback with a port for each user: pages are opened at the recorder's address instead of the
target's. So every engine is seen in the same way, needs no setting of its own, and HTTPS targets are asked over TLS
by the recorder. What names the target's own origin (headers, texts of answers) is made to name the recorder's; what
pages ask of other origins does not come by here. See docs/decisions/0006-fidelity.md.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import httpx2
import uvicorn
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from carga.errors import CargaError, UsageError
from carga.fidelity.record import EXCHANGES_MAX, MESSAGES_MAX, Exchange, Message, UserRecord
from carga.fidelity.shape import body_shape, header_shape, url_shape

HOST = "127.0.0.1"
BODY_NOTED_MAX = 256 * 1024
"""Of a request; all of it is passed on."""
TEXT_MAX = 8 * 1024 * 1024
"""Longer answers are passed on as they are, also where they name the target's origin."""
FRAME_MAX = 64 * 1024 * 1024
OPEN_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
START_TIMEOUT_S = 10.0

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade")
)  # fmt: skip
_DROPPED = frozenset((b"strict-transport-security", b"alt-svc", b"date", b"server"))
"""Of answers: the first two would lead pages away from the recorder, uvicorn makes the others."""
_TEXTS = re.compile(r"^(text/(?!event-stream)|application/([\w.+-]*\+)?(json|xml|javascript|ecmascript)|image/svg)")
_COOKIE_ATTRIBUTES = re.compile(rb";\s*(secure|domain=[^;]*|partitioned)(?=\s*(?:;|$))", re.IGNORECASE)


class Recorder:
    """One user's way to its target. `record` is filled as the user acts."""

    def __init__(self, record: UserRecord, target_url: str, port: int) -> None:
        parts = urlsplit(target_url)
        self.record = record
        self.last_seen = 0.0
        """When something came by, on the event loop's clock."""
        self.own = f"{HOST}:{port}"
        self.target = parts.netloc.rpartition("@")[2]
        self.secure = parts.scheme == "https"
        self._target_url = target_url
        self._tls = ssl.create_default_context() if self.secure else None
        """Trusts the machine's authorities; SSL_CERT_FILE names those of a company or a test instead."""
        self._transport = httpx2.AsyncHTTPTransport(
            verify=self._tls or False, trust_env=False, limits=httpx2.Limits(max_connections=None)
        )
        self._own_names = re.compile(rf"(https?|wss?)?(:?\\?/\\?/){re.escape(self.target)}(?![\w.:-])")
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def url(self) -> str:
        """The user's URL at the recorder."""
        parts = urlsplit(self._target_url)
        return urlunsplit(("http", self.own, parts.path or "/", parts.query, parts.fragment))

    async def close(self) -> None:
        """Ends what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.last_seen = asyncio.get_running_loop().time()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await (self._http if scope["type"] == "http" else self._websocket)(scope, receive, send)
        finally:
            self._tasks.discard(task)

    # --- HTTP ------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._note(scope["method"], scope)
        noted = bytearray()
        headers = dict(scope["headers"])
        has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        request = httpx2.Request(
            scope["method"],
            httpx2.URL(f"{'https' if self.secure else 'http'}://{self.target}").copy_with(raw_path=_raw_path(scope)),
            headers=self._outgoing(scope["headers"]),
            content=_body(receive, noted) if has_body else None,
            extensions={"timeout": {"connect": OPEN_TIMEOUT_S, "read": None, "write": None, "pool": None}},
        )
        answering = asyncio.create_task(self._transport.handle_async_request(request))
        try:
            response = await answering
        except httpx2.HTTPError:
            self.record.unanswered += 1
            await _answer_without(send, 502, "http.response")
            return
        finally:
            exchange.body = body_shape(bytes(noted), headers.get(b"content-type", b"").decode("latin-1"))
            answering.cancel()
        exchange.status = response.status_code
        try:
            await self._answer(exchange, response, send)
        finally:
            await response.aclose()
            self.last_seen = asyncio.get_running_loop().time()

    async def _answer(self, exchange: Exchange, response: httpx2.Response, send: Send) -> None:
        headers = self._incoming(response.headers.raw)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        chunks = aiter(response.stream)
        kind = response.headers.get("content-type", "")
        whole = b""
        if _TEXTS.match(kind) and "content-encoding" not in response.headers:
            whole, ended = await _up_to(chunks, TEXT_MAX)
            if ended:
                rewritten = self._renamed(whole)
                if rewritten != whole:
                    _count(self.record.rewritten, exchange.url)
                    whole = rewritten
                    headers = [(name, value) for name, value in headers if name != b"content-length"]
                    headers.append((b"content-length", str(len(whole)).encode()))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        if whole:
            await send({"type": "http.response.body", "body": whole, "more_body": True})
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _outgoing(self, headers: Headers) -> Headers:
        """As the page sent them, but for what belongs to a connection, and with the target's own address."""
        sent = [(b"host", self.target.encode())]
        for name, value in headers:
            if name == b"accept-encoding":
                value = b"identity"  # so that texts can be read
            elif name in (b"origin", b"referer"):
                value = value.replace(f"http://{self.own}".encode(), self._origin("http"))
            if name not in _HOP_BY_HOP and name != b"host":
                sent.append((name, value))
        return sent

    def _incoming(self, headers: Headers) -> Headers:
        answered = []
        for name, value in ((name.lower(), value) for name, value in headers):
            if name in _HOP_BY_HOP or name in _DROPPED:
                continue
            if name == b"set-cookie":
                value = _COOKIE_ATTRIBUTES.sub(b"", value)
            answered.append((name, self._renamed(value)))
        return answered

    def _origin(self, scheme: str) -> bytes:
        return f"{scheme}{'s' if self.secure else ''}://{self.target}".encode()

    def _renamed(self, value: bytes) -> bytes:
        """With the recorder's address wherever the target's origin stands: `https://target` and `//target`."""
        if self.target.encode() not in value:
            return value
        text = value.decode("utf-8", "surrogateescape")
        return self._own_names.sub(self._rename, text).encode("utf-8", "surrogateescape")

    def _rename(self, found: re.Match[str]) -> str:
        scheme = found[1] or ""
        if scheme and (scheme in ("https", "wss")) != self.secure:
            return found[0]  # another origin
        return f"{scheme.removesuffix('s') if self.secure else scheme}{found[2]}{self.own}"

    # --- WebSocket -------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._note("WS", scope)
        await receive()  # websocket.connect
        path = _raw_path(scope).decode("latin-1")
        try:
            upstream = await connect(
                f"{'wss' if self.secure else 'ws'}://{self.target}{path}",
                additional_headers=[
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in self._outgoing(scope["headers"])
                    if name != b"host" and not name.startswith(b"sec-websocket-")
                ],
                subprotocols=[Subprotocol(name) for name in scope["subprotocols"]] or None,
                user_agent_header=None,
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=OPEN_TIMEOUT_S,
                max_size=FRAME_MAX,
                ssl=self._tls,
            )
        except InvalidStatus as refusal:
            exchange.status = refusal.response.status_code
            await _answer_without(send, exchange.status, "websocket.http.response")
            return
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
            self.record.unanswered += 1
            await _answer_without(send, 502, "websocket.http.response")
            return
        exchange.status = 101
        await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
        async with upstream:
            await self._converse(exchange.url, upstream, receive, send)

    async def _converse(self, url: str, upstream: ClientConnection, receive: Receive, send: Send) -> None:
        """Until either side closes; the other is closed with the same code."""
        downward = asyncio.create_task(self._pass_down(url, upstream, send))
        upward = asyncio.create_task(self._pass_up(url, upstream, receive))
        try:
            await asyncio.wait((downward, upward), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (downward, upward):
                task.cancel()
            await asyncio.gather(downward, upward, return_exceptions=True)

    async def _pass_up(self, url: str, upstream: ClientConnection, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", 1005)
                await upstream.close(code if 1000 <= code < 5000 and code not in (1005, 1006, 1015) else 1000)
                return
            data = message.get("text")
            if data is None:
                data = message.get("bytes") or b""
            self._note_message(url, data, sent=True)
            try:
                await upstream.send(data)
            except ConnectionClosed:
                return  # the other direction tells the page

    async def _pass_down(self, url: str, upstream: ClientConnection, send: Send) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await upstream.recv()
                self._note_message(url, data, sent=False)
                kind = "text" if isinstance(data, str) else "bytes"
                await send({"type": "websocket.send", kind: data})
        code, reason = upstream.close_code or 1005, upstream.close_reason or ""
        with contextlib.suppress(RuntimeError):  # the page has gone meanwhile
            await send({"type": "websocket.close", "code": {1005: 1000, 1006: 1011}.get(code, code), "reason": reason})

    # --- notes -----------------------------------------------------------------------------------------

    def _note(self, method: str, scope: Scope) -> Exchange:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        shapes = [(name, header_shape(name, value)) for name, value in headers]
        exchange = Exchange(method, url_shape(_raw_path(scope).decode("latin-1")), shapes)
        if len(self.record.exchanges) < EXCHANGES_MAX:
            self.record.exchanges.append(exchange)
        else:
            self.record.not_recorded += 1
        return exchange

    def _note_message(self, url: str, data: str | bytes, *, sent: bool) -> None:
        self.last_seen = asyncio.get_running_loop().time()
        if len(self.record.messages) < MESSAGES_MAX:
            body = data.encode() if isinstance(data, str) else data
            self.record.messages.append(Message(url, sent, body_shape(body, "")))
        else:
            self.record.not_recorded += 1


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command's."""
        yield


@asynccontextmanager
async def recording(targets: list[tuple[UserRecord, str]]) -> AsyncIterator[list[Recorder]]:
    """A recorder for each user and its URL, in their order. Raises UsageError for a URL that cannot be recorded."""
    listeners = [socket.create_server((HOST, 0)) for _ in targets]
    recorders = [
        Recorder(record, _checked(url), listener.getsockname()[1])
        for (record, url), listener in zip(targets, listeners, strict=True)
    ]
    by_port = {listener.getsockname()[1]: recorder for listener, recorder in zip(listeners, recorders, strict=True)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await by_port[scope["server"][1]](scope, receive, send)

    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            lifespan="off",
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=True,
            ws_ping_interval=None,
            ws_max_size=FRAME_MAX,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(listeners))
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not server.started:  # uvicorn has no event for it
                if serving.done():
                    raise CargaError("The recorder did not start.", "This machine may be too busy.")
                await asyncio.sleep(0.01)
        yield recorders
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.wait([serving], timeout=STOP_TIMEOUT_S)
        serving.cancel()
        for recorder in recorders:
            await recorder.close()
        for listener in listeners:
            listener.close()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url} cannot be recorded.", "Only http:// and https:// targets can.")
    return url


def _raw_path(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path.partition(b"?")[0] + (b"?" + query if query else b"")


async def _body(receive: Receive, noted: bytearray) -> AsyncIterator[bytes]:
    while True:
        message: AsgiMessage = await receive()
        if message["type"] == "http.disconnect":
            return
        chunk: bytes = message.get("body", b"")
        noted += chunk[: BODY_NOTED_MAX - len(noted)]
        yield chunk
        if not message.get("more_body"):
            return


async def _up_to(chunks: AsyncIterator[bytes], length_max: int) -> tuple[bytes, bool]:
    """What comes until the end or beyond `length_max`, and whether that is all."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) > length_max:
            return bytes(gathered), False
    return bytes(gathered), True


async def _answer_without(send: Send, status: int, family: str) -> None:
    """A status and no body. `family` is that of the ASGI messages."""
    await send({"type": f"{family}.start", "status": status, "headers": []})
    await send({"type": f"{family}.body", "body": b""})


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
