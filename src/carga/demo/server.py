"""The process that serves the guide: puts the parts together, and has the illnesses of a whole process."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from carga.demo.api import Api
from carga.demo.counting import Counting
from carga.demo.illness import Ills
from carga.demo.protocols import SocketProtocol, http_protocol
from carga.demo.sockets import Sockets
from carga.demo.statics import Statics
from carga.demo.stats import Stats
from carga.demo.store import Store
from carga.demo.symptoms import Database, Symptoms
from carga.errors import UsageError

KEEP_ALIVE_S = 75
"""Longer than any pause of a viewer: a browser that sends on a connection just being closed would see an error."""
BACKLOG = 1024
MESSAGE_BYTES_MAX = 16_384
SHUTDOWN_S = 1
DEATH_CODE = 70
_DATABASE = "guide.db"


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    host: str = "127.0.0.1"
    port: int = 0
    ills: Ills = field(default_factory=Ills)
    access_log: Path | None = None
    data: Path | None = None
    """Folder of the database; left out: a temporary one."""
    seed: int = 1
    leak_cap_mb: int = 1024
    clock_s: float = 5.0
    """Between two messages of the clock to each viewer."""
    require_identity: bool = False


def serve(options: DemoOptions, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT. Calls `on_ready` with the URL. Raises UsageError when it cannot listen."""
    listener = _listen(options.host, options.port)
    host, port = listener.getsockname()[:2]
    with contextlib.ExitStack() as owned:
        owned.enter_context(listener)
        folder = options.data or Path(owned.enter_context(tempfile.TemporaryDirectory(prefix="carga-demo-data-")))
        folder.mkdir(parents=True, exist_ok=True)
        log = owned.enter_context(options.access_log.open("ab")) if options.access_log else None
        store = Store(folder / _DATABASE)
        owned.callback(store.close)
        stats = Stats()

        def ready() -> None:
            _fall_ill(options.ills)
            on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")

        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a full descriptor table is told once a second
        config = uvicorn.Config(
            make_app(options, store, stats, log),
            http=http_protocol(stats, options.ills.few_sockets),
            ws=SocketProtocol,
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,
            loop="asyncio",
            lifespan="off",
            log_level="error",
            access_log=False,
            backlog=BACKLOG,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        asyncio.run(_Server(config, ready).serve([listener]))


def make_app(options: DemoOptions, store: Store, stats: Stats, log: IO[bytes] | None = None) -> ASGIApp:
    """The whole application, counted on the outside, ill below, healthy in the core."""
    ills = options.ills
    api = Api(
        store,
        Database(ills.slow_database),
        stats,
        session_limit=ills.session_limit,
        require_identity=options.require_identity,
    )

    async def to_guide(_: Request) -> Response:
        return RedirectResponse("/guide/", 307)

    async def get_stats(_: Request) -> Response:
        return Response(msgspec.json.encode(stats.report()), media_type="application/json")

    async def reset_stats(_: Request) -> Response:
        stats.reset()
        return Response(status_code=204)

    async def get_identities(_: Request) -> Response:
        return Response(msgspec.json.encode(stats.identities()), media_type="application/json")

    web = Starlette(
        routes=[
            *api.routes(),
            *Statics().routes(),
            Route("/", to_guide),
            Route("/guide", to_guide),
            Route("/_stats", get_stats),
            Route("/_stats/reset", reset_stats, methods=["POST"]),
            Route("/_identities", get_identities),
        ]
    )
    sick = Symptoms(web, ills, seed=options.seed, leak_cap_mb=options.leak_cap_mb)
    counted = Counting(sick, stats, log)
    sockets = Sockets(stats, clock_s=options.clock_s, drop_after_s=ills.dropping_websockets, seed=options.seed)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (sockets if scope["type"] == "websocket" else counted)(scope, receive, send)

    return app


class _Server(uvicorn.Server):
    """Says when it listens, and ends with code 0 when asked to."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it answers wait 40 ms for an ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"The demo cannot listen on {host}:{port}: {error}.", "Choose another --port, or 0.") from None
    return listener


def _fall_ill(ills: Ills) -> None:
    """Illnesses of the process, from now on."""
    if ills.few_files is not None:
        at_rest = len(list(Path("/proc/self/fd").iterdir())) - 1  # without the one that lists them
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (at_rest + ills.few_files, hard))
    if ills.die_after is not None:
        asyncio.get_running_loop().call_later(ills.die_after, os._exit, DEATH_CODE)
