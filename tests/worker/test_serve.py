"""The worker's shell against a coordinator of the test's own, over a real WebSocket, with fake pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from websockets.asyncio.server import ServerConnection, serve

from carga.engines.fake import PICTURE, FakeEngine
from carga.model.plan import Group, Plan, Stage, Target
from carga.wire.messages import (
    PROTOCOL,
    Ack,
    Assign,
    Finish,
    Freed,
    FromCoordinator,
    FromWorker,
    Goodbye,
    Granted,
    Hello,
    Picture,
    Refuse,
    Release,
    Renew,
    Running,
    TakePicture,
    UserSpec,
    Welcome,
    WindowMessage,
    decode_from_worker,
    encode,
)
from carga.worker.serve import Worker, WorkerOptions

PLAN = Plan("plan.toml", Target("http://127.0.0.1/"), (Group("viewers", 10),), (Stage(10, 60),))
M = TypeVar("M", bound=FromWorker)


class Coordinator:
    """Says what the test says; keeps all that the worker said."""

    def __init__(self) -> None:
        self.heard: list[FromWorker] = []
        self.answers = True
        """Whether windows are acknowledged and renewals granted."""
        self.lease_s = 2.0
        self.connection: ServerConnection | None = None
        self.url = ""
        self._news = asyncio.Event()

    async def talk(self, connection: ServerConnection) -> None:
        self.connection = connection
        async for data in connection:
            assert isinstance(data, bytes)
            message = decode_from_worker(data)
            self.heard.append(message)
            if self.answers and isinstance(message, WindowMessage):
                await self.say(Ack([message.window.seq]))
            if self.answers and isinstance(message, Renew):
                await self.say(Granted(message.number))
            self._news.set()

    async def say(self, message: FromCoordinator) -> None:
        assert self.connection is not None
        await self.connection.send(encode(message))

    async def welcome(self, *, keep: list[int] | None = None, stored: int = 0) -> None:
        await self.say(Welcome(PROTOCOL, "run", self.lease_s, 0.0, PLAN, {}, keep=keep or [], windows_stored=stored))

    async def until(self, kind: type[M], matches: Callable[[M], bool] = lambda _: True) -> M:
        """The next message of that kind; what came before is forgotten."""
        async with asyncio.timeout(10):
            while True:
                for position, message in enumerate(self.heard):
                    if isinstance(message, kind) and matches(message):
                        del self.heard[: position + 1]
                        return message
                self._news.clear()
                await self._news.wait()


Work = Callable[[Coordinator, Worker, FakeEngine], Awaitable[None]]


@asynccontextmanager
async def working() -> AsyncIterator[tuple[Coordinator, Worker, FakeEngine, "asyncio.Task[int]"]]:
    coordinator = Coordinator()
    async with serve(coordinator.talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        engine = FakeEngine(batch_every_s=0.05)
        options = WorkerOptions(join=f"ws://127.0.0.1:{port}/worker", token="secret", users_max=10, worker_id="w1")
        worker = Worker(options, engine)
        task = asyncio.create_task(worker.run())
        try:
            yield coordinator, worker, engine, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def spec(index: int, url: str = "http://127.0.0.1/") -> UserSpec:
    return UserSpec(index, 0, index + 1, url, {"serial": f"S{index}"})


async def test_a_whole_life_hello_users_windows_finish_goodbye() -> None:
    async with working() as (coordinator, _, engine, task):
        hello = await coordinator.until(Hello)
        assert (hello.token, hello.worker, hello.users_max, hello.browsers) == ("secret", "w1", 10, {"fake": "1"})
        await coordinator.welcome()
        await coordinator.say(Assign([spec(0), spec(1)]))
        window = await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 2)
        assert window.window.metrics["step.act"].values.count > 0
        assert window.window.gauges.websockets_open == 2
        await coordinator.say(Finish(0.5))
        await coordinator.until(Goodbye)
        assert await task == 0
        assert all(browser.closed.is_set() for browser in engine.browsers)


async def test_what_was_not_acknowledged_is_sent_again_after_a_reconnect() -> None:
    async with working() as (coordinator, _, _, _):
        coordinator.answers = False
        await coordinator.until(Hello)
        await coordinator.welcome()
        first = await coordinator.until(WindowMessage)
        second = await coordinator.until(WindowMessage)
        assert coordinator.connection is not None
        coordinator.connection.transport.abort()
        hello = await coordinator.until(Hello)
        assert hello.unacknowledged >= 2
        await coordinator.welcome(stored=first.window.seq)
        again = await coordinator.until(WindowMessage)
        assert again.window.seq == second.window.seq
        assert again.window.metrics == second.window.metrics


async def test_a_released_user_is_freed_and_its_page_gone() -> None:
    async with working() as (coordinator, _, _, _):
        await coordinator.until(Hello)
        await coordinator.welcome()
        await coordinator.say(Assign([spec(4)]))
        await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 1)
        await coordinator.say(Release([Running(4, 5)]))
        freed = await coordinator.until(Freed)
        assert freed.users == [Running(4, 5)]
        await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 0)


async def test_a_lease_that_nobody_renews_ends_every_user_and_browser_in_time() -> None:
    async with working() as (coordinator, _, engine, _):
        coordinator.answers = False
        await coordinator.until(Hello)
        begun = asyncio.get_running_loop().time()
        await coordinator.welcome()
        await coordinator.say(Assign([spec(0)]))
        async with asyncio.timeout(coordinator.lease_s):
            while not engine.browsers:  # noqa: ASYNC110 - the engine has no event for it
                await asyncio.sleep(0.01)
            await engine.browsers[0].closed.wait()
        assert asyncio.get_running_loop().time() - begun < coordinator.lease_s


async def test_a_browser_that_dies_gives_its_users_to_another_one() -> None:
    async with working() as (coordinator, _, engine, _):
        await coordinator.until(Hello)
        await coordinator.welcome()
        await coordinator.say(Assign([spec(0), spec(1)]))
        await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 2)
        engine.browsers[0].crash()
        crash = await coordinator.until(WindowMessage, lambda m: m.window.counters.get("browser_crashes") == 1)
        assert {change.index for change in crash.window.users if change.state == "lost"} == {0, 1}
        await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 2)
        assert len(engine.browsers) == 2


async def test_a_target_that_cannot_be_reached_is_named_in_the_users_state_and_the_causes() -> None:
    async with working() as (coordinator, _, _, _):
        await coordinator.until(Hello)
        await coordinator.welcome()
        await coordinator.say(Assign([spec(0, "net::ERR_CONNECTION_REFUSED")]))
        window = await coordinator.until(WindowMessage, lambda m: any(c.state == "failed" for c in m.window.users))
        assert "net::ERR_CONNECTION_REFUSED" in window.window.users[-1].detail
        assert window.window.causes["request"] == {"net::ERR_CONNECTION_REFUSED": 1}


async def test_pictures_are_given_and_refused_in_words() -> None:
    async with working() as (coordinator, _, _, _):
        await coordinator.until(Hello)
        await coordinator.welcome()
        await coordinator.say(Assign([spec(0)]))
        await coordinator.until(WindowMessage, lambda m: m.window.gauges.users_running == 1)
        await coordinator.say(TakePicture(1, 0))
        assert await coordinator.until(Picture) == Picture(1, PICTURE)
        await coordinator.say(TakePicture(2, 9))
        assert "no page" in (await coordinator.until(Picture)).problem


@pytest.mark.parametrize(("code", "exit_code"), [("token", 1), ("protocol", 1), ("over", 0)])
async def test_a_refused_worker_ends(code: str, exit_code: int) -> None:
    async with working() as (coordinator, _, _, task):
        await coordinator.until(Hello)
        await coordinator.say(Refuse(code, "No."))
        async with asyncio.timeout(5):
            assert await task == exit_code


async def test_garbage_from_the_coordinator_costs_the_connection_and_not_the_worker() -> None:
    async with working() as (coordinator, _, _, _):
        await coordinator.until(Hello)
        assert coordinator.connection is not None
        await coordinator.connection.send(b"\xc1 not a message")
        await coordinator.until(Hello)
        await coordinator.connection.send("text")
        await coordinator.until(Hello)
