"""The WebSocket below the DevTools protocol, against a server of the test's own that cuts it as it likes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from carga.engines.light.connection import MESSAGE_BYTES_MAX, Connection, Params
from carga.errors import BrowserFailed, PageFailed

WAIT_S = 5.0
GREETING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Server:
    """Takes one connection; `sent` are the JSON messages that came."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.writer: asyncio.StreamWriter
        self.reader: asyncio.StreamReader
        self.greeting = GREETING

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        await reader.readuntil(b"\r\n\r\n")
        for byte in self.greeting:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        self.connected.set()

    async def message(self) -> dict[str, object]:
        head = await self.reader.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
        assert await self.reader.readexactly(4) == b"\0\0\0\0", "the mask that changes nothing"
        data = await self.reader.readexactly(size)
        return {"kind": head[0] & 0x0F, "data": data} if head[0] & 0x0F != 1 else msgspec.json.decode(data)

    def say(self, data: bytes, *, kind: int = 1, final: bool = True) -> None:
        self.writer.write(frame(data, kind=kind, final=final))


def frame(data: bytes, *, kind: int = 1, final: bool = True) -> bytes:
    size = len(data)
    length = (
        bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x7f" + size.to_bytes(8)
    )
    return bytes(((0x80 if final else 0) | kind,)) + length + data


class Heard:
    def __init__(self) -> None:
        self.events: list[tuple[str, Params]] = []
        self.closed = asyncio.Event()

    def on_event(self, method: str, params: Params) -> None:
        self.events.append((method, params))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.events) < count:  # noqa: ASYNC110 - a list has no event
                await asyncio.sleep(0.001)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_unix_server(made, tmp_path / "socket")
    yield made
    if made.connected.is_set():
        made.writer.close()
    listening.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def opened(tmp_path: Path, server: Server, heard: Heard) -> Connection:
    connection = Connection(heard.on_event, heard.closed.set)
    await connection.open(tmp_path / "socket")
    await server.connected.wait()
    return connection


EVENT = b'{"method":"Runtime.bindingCalled","params":{"name":"_say","payload":"%s","executionContextId":3}}'


async def test_messages_of_every_length_come_whole_however_they_are_cut(
    tmp_path: Path, server: Server, heard: Heard
) -> None:
    connection = await opened(tmp_path, server, heard)
    words = [b"x" * size for size in (0, 10, 60_000, 300_000)]
    stream = b"".join(frame(EVENT % word) for word in words)
    for at in [*range(200), *range(200, len(stream), 50_000)]:
        end = at + 1 if at < 199 else min(len(stream), at + (50_000 if at >= 200 else 1))
        server.writer.write(stream[at:end])
        await server.writer.drain()
    await heard.until(len(words))
    assert [params.payload.encode() for _, params in heard.events] == words
    assert {(params.name, params.executionContextId) for _, params in heard.events} == {("_say", 3)}
    connection.close()


async def test_a_message_in_several_frames_is_one_also_with_a_ping_between(
    tmp_path: Path, server: Server, heard: Heard
) -> None:
    connection = await opened(tmp_path, server, heard)
    message = EVENT % b"parts"
    server.say(message[:20], final=False)
    server.say(b"still there?", kind=9)
    server.say(message[20:40], kind=0, final=False)
    server.say(message[40:], kind=0)
    assert await server.message() == {"kind": 10, "data": b"still there?"}
    await heard.until(1)
    assert heard.events[0][1].payload == "parts"
    connection.close()


async def test_commands_get_their_answers_or_the_browsers_words(tmp_path: Path, server: Server, heard: Heard) -> None:
    connection = await opened(tmp_path, server, heard)
    good, bad = connection.send("A.good", {"long": "y" * 70_000}), connection.send("A.bad", {}, "SID-1")
    first, second = await server.message(), await server.message()
    assert (first["method"], second["method"], second["sessionId"]) == ("A.good", "A.bad", "SID-1")
    server.say(b'{"id":2,"error":{"code":-32000,"message":"no"},"sessionId":"SID-1"}')
    server.say(b'{"id":1,"result":{"x":1}}')
    assert msgspec.json.decode(await good) == {"x": 1}
    with pytest.raises(PageFailed, match="refused a command: no"):
        await bad
    connection.close()


async def test_events_of_which_nothing_is_wanted_may_look_as_they_like(
    tmp_path: Path, server: Server, heard: Heard
) -> None:
    connection = await opened(tmp_path, server, heard)
    server.say(b'{"method":"A.odd","params":{"name":7,"entry":[1]}}')
    server.say(b'{"method":"A.none"}')
    await heard.until(1)
    assert [method for method, _ in heard.events] == ["A.none"]
    connection.close()


@pytest.mark.parametrize("way", ["end", "close frame", "too long"])
async def test_the_other_ends_end_is_told_once_and_to_those_who_wait(
    tmp_path: Path, server: Server, heard: Heard, way: str
) -> None:
    connection = await opened(tmp_path, server, heard)
    waiting = connection.send("A.slow")
    if way == "end":
        server.writer.close()
    elif way == "close frame":
        server.say(b"\x03\xe8", kind=8)
    else:
        server.writer.write(b"\x81\x7f" + (MESSAGE_BYTES_MAX + 1).to_bytes(8))
    async with asyncio.timeout(WAIT_S):
        await heard.closed.wait()
    with pytest.raises(BrowserFailed, match="is gone"):
        await waiting
    with pytest.raises(BrowserFailed, match="is gone"):
        await connection.call("A.late")
    connection.close()


async def test_an_answer_that_is_no_websocket_is_quoted(tmp_path: Path, server: Server, heard: Heard) -> None:
    server.greeting = b"HTTP/1.1 503 Too many connections\r\n\r\n"
    with pytest.raises(BrowserFailed, match="503 Too many connections"):
        await opened(tmp_path, server, heard)


async def test_an_answer_that_does_not_come_is_not_waited_for(
    tmp_path: Path, server: Server, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carga.engines.light.connection.CONNECT_TIMEOUT_S", 0.1)
    server.greeting = b""
    with pytest.raises(BrowserFailed, match=r"did not answer within 0.1 s"):
        await opened(tmp_path, server, heard)


async def test_a_reader_that_stops_reading_is_given_up(
    tmp_path: Path, server: Server, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carga.engines.light.connection.UNSENT_BYTES_MAX", 1 << 20)
    connection = await opened(tmp_path, server, heard)
    for _ in range(200):
        connection.post("A.much", {"text": "z" * 50_000})
    assert heard.closed.is_set()
    assert connection.closed
