"""The pipe to the browser, with a pipe in a browser's place."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from carga.engines.chromium import connection as connection_module
from carga.engines.chromium.connection import Connection
from carga.errors import BrowserFailed, PageFailed


class FarEnd:
    """The browser's side of the pipes. `events` are those that the connection's owner heard."""

    def __init__(self) -> None:
        self.commands, command_fd = os.pipe()
        answer_fd, self.answers = os.pipe()
        self.events: list[tuple[str, Any]] = []
        self.connection = Connection(command_fd, answer_fd, self._hear)

    def _hear(self, method: str, params: msgspec.Raw) -> None:
        self.events.append((method, json.loads(bytes(params))))

    def say(self, *messages: dict[str, Any]) -> None:
        os.write(self.answers, b"".join(json.dumps(message).encode() + b"\0" for message in messages))

    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(part) for part in os.read(self.commands, 1 << 20).split(b"\0")[:-1]]

    async def settle(self, events: int) -> None:
        async with asyncio.timeout(5):
            while len(self.events) < events:  # noqa: ASYNC110 - the reader is called by the loop
                await asyncio.sleep(0)


@pytest.fixture
async def far() -> AsyncIterator[FarEnd]:
    end = FarEnd()
    yield end
    end.connection.close()
    for fd in (end.commands, end.answers):
        with contextlib.suppress(OSError):
            os.close(fd)


async def test_an_answer_reaches_the_command_with_its_id(far: FarEnd) -> None:
    first = far.connection.send("One.first", {"a": 1})
    second = far.connection.send("One.second", session="S")
    assert far.heard() == [
        {"id": 1, "method": "One.first", "params": {"a": 1}},
        {"id": 2, "method": "One.second", "params": {}, "sessionId": "S"},
    ]
    far.say({"id": 2, "result": {"is": "second"}, "sessionId": "S"}, {"id": 1, "result": {"is": "first"}})
    assert json.loads(bytes(await first)) == {"is": "first"}
    assert json.loads(bytes(await second)) == {"is": "second"}


async def test_messages_may_come_in_pieces_and_merged(far: FarEnd) -> None:
    stream = b"".join(json.dumps({"method": f"E{i}", "params": {"text": "é" * i}}).encode() + b"\0" for i in range(50))
    for start in range(0, len(stream), 7):
        os.write(far.answers, stream[start : start + 7])
        await asyncio.sleep(0)
    os.write(far.answers, stream)
    await far.settle(100)
    assert [method for method, _ in far.events] == [f"E{i}" for i in range(50)] * 2
    assert far.events[49][1] == {"text": "é" * 49}


async def test_an_event_goes_to_the_handler_of_its_session(far: FarEnd) -> None:
    heard: list[str] = []
    far.connection.add_session("S", lambda method, _: heard.append(method))
    far.say({"method": "A", "sessionId": "S"}, {"method": "B"}, {"method": "C", "sessionId": "unknown"})
    await far.settle(1)
    assert heard == ["A"]
    assert far.events == [("B", {})]
    far.connection.remove_session("S")
    far.say({"method": "A", "sessionId": "S"}, {"method": "D"})
    await far.settle(2)
    assert heard == ["A"]


async def test_a_refused_command_raises_the_browsers_words(far: FarEnd) -> None:
    future = far.connection.send("No.such")
    far.say({"id": 1, "error": {"code": -32601, "message": "'No.such' wasn't found"}})
    with pytest.raises(PageFailed, match="wasn't found"):
        await future


async def test_an_answer_that_does_not_come_raises_after_the_timeout(far: FarEnd) -> None:
    with pytest.raises(BrowserFailed, match=r"did not answer Slow\.one within 0\.05 s"):
        await far.connection.call("Slow.one", timeout_s=0.05)
    assert not far.connection._waiting
    far.say({"id": 1, "result": {}}, {"method": "later"})
    await far.settle(1)


@pytest.mark.parametrize(
    "garbage", [b"\0", b"not json\0", b'{"id": "text"}\0', b"[1]\0", b'{"method": 3}\0', b"\xff\xfe\0"]
)
async def test_garbage_closes_the_connection(far: FarEnd, garbage: bytes) -> None:
    waiting = far.connection.send("Any.thing")
    os.write(far.answers, garbage)
    with pytest.raises(BrowserFailed):
        await waiting
    assert far.connection.closed.is_set()


async def test_a_message_beyond_the_limit_closes_the_connection(far: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MESSAGE_BYTES_MAX", 10_000)
    waiting = far.connection.send("Any.thing")
    async with asyncio.timeout(5):
        while not far.connection.closed.is_set():
            os.write(far.answers, b"x" * 1000)
            await asyncio.sleep(0)
    with pytest.raises(BrowserFailed):
        await waiting


async def test_the_browsers_end_fails_everybody_who_waits(far: FarEnd) -> None:
    waiting = [far.connection.send("Any.thing") for _ in range(3)]
    os.close(far.answers)
    for future in waiting:
        with pytest.raises(BrowserFailed, match="is gone"):
            await future
    with pytest.raises(BrowserFailed, match="is gone"):
        await far.connection.call("Too.late")
    far.connection.post("Too.late")  # nobody waits, nothing happens


async def test_close_may_be_called_again_and_in_an_event(far: FarEnd) -> None:
    far.connection.add_session("S", lambda *_: far.connection.close())
    far.say({"method": "A", "sessionId": "S"}, {"method": "B"}, {"method": "C"})
    async with asyncio.timeout(5):
        await far.connection.closed.wait()
    far.connection.close()
    assert far.events == []


async def test_what_the_pipe_does_not_take_at_once_follows_in_order(far: FarEnd) -> None:
    texts = [str(i) * 100_000 for i in range(10)] * 3
    futures = [far.connection.send("Big.one", {"text": text}) for text in texts]
    received = b""
    async with asyncio.timeout(10):
        while received.count(b"\0") < len(texts):
            received += os.read(far.commands, 1 << 16)
            await asyncio.sleep(0)
    assert [json.loads(part)["params"]["text"] for part in received.split(b"\0")[:-1]] == texts
    for future in futures:
        future.cancel()


async def test_a_browser_that_reads_nothing_is_given_up(far: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "UNSENT_BYTES_MAX", 100_000)
    for _ in range(200):
        far.connection.post("Big.one", {"text": "x" * 50_000})
    assert far.connection.closed.is_set()


async def test_a_command_that_finds_the_pipe_broken_fails_at_once(far: FarEnd) -> None:
    os.close(far.commands)
    with pytest.raises(BrowserFailed, match="is gone"):
        await far.connection.call("Any.thing", timeout_s=60)
    assert far.connection.closed.is_set()


async def test_a_cancelled_caller_leaves_nothing_behind(far: FarEnd) -> None:
    task = asyncio.create_task(far.connection.call("Any.thing"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not far.connection._waiting
