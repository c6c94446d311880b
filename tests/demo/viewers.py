"""What a viewer's box says and does, without a browser."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from carga.demo import Demo

WAIT_S = 15.0


def user_agent(number: int) -> str:
    return f"serial=TEST_{number:04d};mac={mac(number)};"


def mac(number: int) -> str:
    return f"00:00:00:00:00:{number:02X}"


def key(number: int) -> str:
    return f"TEST_{number:04d} {mac(number)}"


def open_socket(demo: Demo, number: int = 1, url: str = "") -> AbstractContextManager[ClientConnection]:
    """A connection as long as the context lasts."""
    address = (url or demo.url).replace("http", "ws") + "ws"
    opened: AbstractContextManager[ClientConnection] = connect(
        address, user_agent_header=user_agent(number), proxy=None
    )
    return opened


def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that type."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        message: dict[str, Any] = json.loads(socket.recv(WAIT_S))
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} within {WAIT_S:g} s")


def until(condition: Callable[[], object]) -> None:
    """Waits for a state of the server, which tells nobody of it."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the state did not come"
        time.sleep(0.02)
