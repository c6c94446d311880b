"""What a key press and its batch cost Python: canned messages through the connection, the session and the collector.

`python -m benchmarks.press_cost` prints microseconds for each.
"""

import asyncio
import json
import os
import time

from carga.engines.chromium.connection import Connection
from carga.engines.chromium.drawing import FrameDriver
from carga.engines.chromium.page import ChromiumPage
from carga.engines.engine import PageSettings
from carga.page.bundle import Names
from carga.wire.messages import UserSpec
from carga.worker.collector import Collector
from carga.worker.session import Session, SessionEvents

ROUNDS = 20_000
PRESS = {
    "c": {"actions": 1},
    "i": [
        ["key", {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40, "type": "rawKeyDown"}],
        ["key", {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40, "type": "keyUp"}],
    ],
    "w": 1,
}
BATCH = {
    "v": {"step.zap": [12.1], "request.fetch": [3.1, 4.2], "generator.timer_late": [0.5], "iteration": [15.0]},
    "c": {"iterations": 1, "requests": 2, "bytes_received": 700, "websocket_messages_received": 1},
    "w": 1,
}


def canned(batch: dict[str, object]) -> bytes:
    params = {"name": "_b", "payload": json.dumps(batch), "executionContextId": 2}
    return json.dumps({"method": "Runtime.bindingCalled", "params": params, "sessionId": "S"}).encode()


async def main() -> None:
    commands, command_fd = os.pipe()
    answer_fd, _ = os.pipe()
    connection = Connection(command_fd, answer_fd, lambda *_: None)
    names = Names(binding="_b", control="_c")
    spec = UserSpec(0, 0, 1, "http://127.0.0.1/", {})
    session = Session(spec, names, Collector("w"), SessionEvents(), asyncio.ensure_future, time.monotonic, browser=1)
    page = ChromiumPage(connection, "C", PageSettings("", "_b"), session, "none", FrameDriver(connection))
    page._session_field = b',"sessionId":"S","params":'
    session.page = page
    connection.add_session("S", page._on_event)
    os.set_blocking(commands, False)
    for words, message, drain in (("press", canned(PRESS), True), ("batch", canned(BATCH), False)):
        begun = time.process_time()
        for _ in range(ROUNDS):
            connection._take(message)
            if drain:
                os.read(commands, 1 << 16)
        print(f"{words}: {(time.process_time() - begun) / ROUNDS * 1e6:.1f} µs")
    connection.close()


if __name__ == "__main__":
    asyncio.run(main())
