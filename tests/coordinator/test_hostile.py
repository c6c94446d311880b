"""Whatever one connection says, it hurts neither the coordinator nor other workers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from carga.coordinator import endpoint, hub
from carga.model.histogram import Histogram
from carga.model.windows import Metric, UserChange, Window
from carga.wire.live import Live
from carga.wire.messages import (
    MESSAGE_BYTES_MAX,
    Ack,
    Assign,
    Freed,
    Goodbye,
    Granted,
    Refuse,
    Renew,
    Running,
    Welcome,
    WindowMessage,
    encode,
)
from tests.coordinator.served import Served, WorkerEnd, hello, joined, joining, served


@contextlib.asynccontextmanager
async def with_a_good_worker(tmp_path: Path, *, lease_s: float = 10.0) -> AsyncIterator[tuple[Served, WorkerEnd]]:
    """Afterwards the good worker must still be served, and hold all its users."""
    async with served(tmp_path, lease_s=lease_s) as run, joined(run, worker="good", pid=77) as (good, _):
        assign = await good.expect(Assign)
        yield run, good
        await good.send(Renew(1))
        assert (await good.expect(Granted)).number == 1
        await good.send(WindowMessage(Window("good", 1, 0, counters={"actions": 1})))
        assert (await good.expect(Ack)).seqs == [1]
        listed = (await run.http.get("/api/users")).json()
        assert {row[2] for row in listed["users"]} == {0}
        assert len(assign.users) == len(listed["users"])


async def refusal(worker: WorkerEnd) -> str:
    code = (await worker.expect(Refuse)).code
    await worker.wait_closed()
    return code


async def test_strangers_are_refused_with_a_code(tmp_path: Path) -> None:
    async with with_a_good_worker(tmp_path) as (run, _):
        cases: list[tuple[dict[str, Any], str]] = [
            ({"token": "wrong"}, "token"),
            ({"token": "wröng"}, "token"),
            ({"protocol": 2}, "protocol"),
            ({"worker": ""}, "protocol"),
            ({"users_max": -1}, "protocol"),
            ({"worker": "good"}, "duplicate"),
            ({"worker": "good", "pid": 77, "host": "elsewhere"}, "duplicate"),
        ]
        for changes, code in cases:
            async with joining(run) as worker:
                await worker.send(hello(**changes))
                assert await refusal(worker) == code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1garbage",
        b"\x81" * 100_000,
        "a text",
        encode(Renew(1)),
        encode(Goodbye()),
        msgspec.msgpack.encode({"type": "welcome"}),
    ],
    ids=["empty", "garbage", "deep", "text", "renew", "goodbye", "wrong direction"],
)
async def test_nonsense_before_hello_is_refused(tmp_path: Path, data: bytes | str) -> None:
    async with with_a_good_worker(tmp_path) as (run, _), joining(run) as worker:
        await worker.connection.send(data)
        assert await refusal(worker) == "protocol"


async def test_an_oversized_frame_closes_the_connection(tmp_path: Path) -> None:
    async with with_a_good_worker(tmp_path) as (run, _), joining(run) as worker:
        with contextlib.suppress(ConnectionClosed):
            await worker.connection.send(bytes(MESSAGE_BYTES_MAX + 1))
        await worker.wait_closed()
        assert worker.connection.close_code == 1009


async def test_a_connection_that_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "HELLO_S_MAX", 0.2)
    async with with_a_good_worker(tmp_path) as (run, _), joining(run) as worker:
        await worker.wait_closed()


async def test_a_second_hello_is_refused(tmp_path: Path) -> None:
    async with with_a_good_worker(tmp_path) as (run, _), joined(run) as (worker, _):
        await worker.send(hello())
        assert await refusal(worker) == "protocol"


RENEWALS_MAX = 300_000
BROKEN = Histogram(count=7, min=1, max=1, buckets={0: 1})


@pytest.mark.parametrize(
    "window",
    [
        Window("good", 1, 0),
        Window("w1", 0, 0),
        Window("w1", -5, 0),
        Window("w1", 10**9, 0),
        Window("w1", 1, -1),
        Window("w1", 1, 10**6),
        Window("w1", 1, 0, metrics={"step.a": Metric(values=BROKEN)}),
        Window("w1", 1, 0, counters={"actions": -1}),
        Window("w1", 1, 0, users=[UserChange(4, "running")]),
    ],
    ids=lambda window: f"{window.worker} {window.seq} {window.second} {len(window.metrics)}{len(window.users)}",
)
async def test_windows_that_cannot_be_are_refused(tmp_path: Path, window: Window) -> None:
    async with with_a_good_worker(tmp_path) as (run, _), joined(run) as (worker, _):
        await worker.send(WindowMessage(window))
        assert await refusal(worker) == "protocol"


async def test_a_worker_cannot_touch_the_users_of_another(tmp_path: Path) -> None:
    async with with_a_good_worker(tmp_path) as (run, _):
        claimed = [Running(index, assignment) for index in range(-1, 6) for assignment in (1, 2, 3, 4, 2**60)]
        async with joined(run, running=claimed) as (worker, welcome):
            assert welcome.keep == []
            await worker.send(Freed(claimed))
            await worker.send(WindowMessage(Window("w1", 1, 0, users=[UserChange(0, "failed", "mine")])))
            assert (await worker.expect(Ack)).seqs == [1]
        listed = (await run.http.get("/api/users")).json()
        assert listed["users"][0] == [0, 1, 0, ""]


async def test_a_worker_that_does_not_read_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "WORKER_MESSAGES_MAX", 50)
    async with with_a_good_worker(tmp_path, lease_s=60) as (run, _):
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", run.port))
        async with connect(f"ws://{run.address}/worker", sock=narrow, proxy=None) as connection:
            worker = WorkerEnd(connection)
            await worker.send(hello())
            await worker.expect(Welcome)
            connection.transport.pause_reading()
            with contextlib.suppress(ConnectionClosed):
                for number in range(RENEWALS_MAX):
                    await worker.send(Renew(number))
                    if number % 50_000 == 49_999 and await connected(run) == {"good"}:
                        break
            assert await connected(run) == {"good"}
            connection.transport.abort()  # the end of the connection cannot be read either


async def connected(run: Served) -> set[str]:
    """Workers that the coordinator holds for connected, of those that joined."""
    live = await run.live()
    async with live:
        await live.recv()
        message = msgspec.json.decode(await live.recv(), type=Live)
    return {worker.id for worker in message.workers if worker.state == "connected"}
