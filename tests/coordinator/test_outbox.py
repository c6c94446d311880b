import asyncio

import pytest

from carga.coordinator import outbox
from carga.coordinator.outbox import Outbox


async def test_what_was_put_is_sent_in_order_and_before_the_close() -> None:
    box, sent = Outbox[bytes](messages_max=10, size_max=100), []

    async def send(data: bytes) -> None:
        sent.append(data)

    sending = asyncio.create_task(box.send_all(send))
    box.put(b"a")
    await asyncio.sleep(0)
    box.put(b"b")
    box.close("done")
    box.put(b"too late")
    await sending
    assert sent == [b"a", b"b"]
    assert box.reason == "done"


@pytest.mark.parametrize(("count", "size"), [(4, 1), (2, 60)])
async def test_over_the_limit_the_connection_is_given_up(count: int, size: int) -> None:
    box = Outbox[bytes](messages_max=3, size_max=100)
    for _ in range(count):
        box.put(bytes(size))
    assert box.overflowed.is_set()
    assert "does not read" in box.reason


async def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SEND_S_MAX", 0.01)
    box = Outbox[bytes](messages_max=3, size_max=100)
    box.put(b"a")

    async def send(_: bytes) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await box.send_all(send)
