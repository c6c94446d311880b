"""A coordinator on a free port of this process, and a worker's end of the wire that says whatever a test wants."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from carga.coordinator.serve import CoordinatorOptions, serve
from carga.wire.live import Live
from carga.wire.messages import PROTOCOL, FromCoordinator, Hello, Welcome, decode_from_coordinator, encode

TOKEN = "join-secret"
WAIT_S = 15.0
PLAN = """
[target]
url = "http://127.0.0.1:9/?u={{index}}"
[[users]]
name = "viewers"
count = {users}
[[load]]
users = {users}
over = "0s"
[[load]]
users = {users}
over = "{hold}"
"""

Message = TypeVar("Message")


@dataclass
class Served:
    port: int
    out: Path
    task: "asyncio.Task[int]"
    http: httpx2.AsyncClient

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def live(self, **options: Any) -> ClientConnection:
        return await connect(f"ws://{self.address}/api/live", max_size=None, proxy=None, **options)

    async def until_finished(self) -> Live:
        socket = await self.live()
        async with socket, asyncio.timeout(WAIT_S * 2):
            async for text in socket:
                message = msgspec.json.decode(text, type=Live)
                if message.state == "finished":
                    return message
        raise AssertionError("the live feed ended before the run")

    async def state(self) -> str:
        return str((await self.http.get("/api/run")).json()["state"])


@contextlib.asynccontextmanager
async def served(
    tmp_path: Path,
    *,
    users: int = 4,
    hold: str = "60s",
    access_token: str | None = None,
    lease_s: float = 10.0,
    plan: str = "",
) -> AsyncIterator[Served]:
    path = tmp_path / "plan.toml"
    path.write_text(plan or PLAN.format(users=users, hold=hold))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    options = CoordinatorOptions(
        path, tmp_path / "out", TOKEN, listening.detach(), "127.0.0.1", port, lease_s, access_token
    )
    task = asyncio.create_task(serve(options))
    headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=headers, timeout=WAIT_S
    ) as http:
        run = Served(port, tmp_path / "out", task, http)
        try:
            yield run
        finally:
            for _ in range(2):
                if not task.done():
                    await http.post("/api/stop")
            async with asyncio.timeout(WAIT_S):
                while not task.done():
                    with contextlib.suppress(httpx2.HTTPError):
                        await http.post("/api/shutdown")
                    await asyncio.wait([task], timeout=0.05)
            if not task.cancelled():
                task.result()


class WorkerEnd:
    """One connection of a worker, without a will of its own."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: Any) -> None:
        await self.connection.send(encode(message))

    async def receive(self) -> FromCoordinator:
        async with asyncio.timeout(WAIT_S):
            data = await self.connection.recv()
        assert isinstance(data, bytes)
        return decode_from_coordinator(data)

    async def expect(self, kind: type[Message]) -> Message:
        """The next message of this kind; others are passed over."""
        while True:
            message = await self.receive()
            if isinstance(message, kind):
                return message

    async def wait_closed(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.connection.wait_closed()


@contextlib.asynccontextmanager
async def joining(run: Served) -> AsyncIterator[WorkerEnd]:
    """Connected, and nothing said yet."""
    async with connect(f"ws://{run.address}/worker", max_size=None, proxy=None) as connection:
        yield WorkerEnd(connection)


def hello(**changes: Any) -> Hello:
    values: dict[str, Any] = {
        "protocol": PROTOCOL,
        "token": TOKEN,
        "worker": "w1",
        "users_max": 100,
        "host": "here",
        "pid": 1,
        "browsers": {"chromium": "140"},
    }
    return Hello(**(values | changes))


@contextlib.asynccontextmanager
async def joined(run: Served, **changes: Any) -> AsyncIterator[tuple[WorkerEnd, Welcome]]:
    async with joining(run) as worker:
        await worker.send(hello(**changes))
        yield worker, await worker.expect(Welcome)
