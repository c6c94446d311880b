"""Pages without a browser, for tests of everything above the engines: quick, seeded, and as honest as the protocol.

A fake page says what the page runtime would say: that a document has started, then a batch each second with one
action. It takes no input and makes no requests.
"""

import asyncio
import itertools
import os
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from carga.engines.engine import NO_ENVIRONMENT, InputKind, PageListener, PageSettings
from carga.errors import PageFailed
from carga.model.plan import Isolation, Rendering

# The smallest JPEG that viewers take: one grey pixel.
PICTURE = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "01" * 64
    + "ffc0000b080001000101011100ffc40014000100000000000000"
    "000000000000000009ffc40014100100000000000000000000000000000000ffda0008010100003f0054ffd9"
)
BATCH_EVERY_S = 1.0


class FakeEngine:
    name = "fake"
    version = "1"
    unsafe = ""

    def __init__(self, *, seed: int = 1, batch_every_s: float = BATCH_EVERY_S) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._batch_every_s = batch_every_s
        self.browsers: list[FakeBrowser] = []

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "context",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> "FakeBrowser":
        browser = FakeBrowser(self._random, self._batch_every_s)
        self.browsers.append(browser)
        return browser


class FakeBrowser:
    def __init__(self, chance: random.Random, batch_every_s: float) -> None:
        self.closed = asyncio.Event()
        self.pages: list[FakePage] = []
        self.pid = os.getpid()
        self.reason = ""
        self._random = chance
        self._batch_every_s = batch_every_s

    async def open_page(self, settings: PageSettings, listener: PageListener) -> "FakePage":
        page = FakePage(settings, listener, self._random, self._batch_every_s)
        self.pages.append(page)
        return page

    async def check_script(self, source: str, name: str) -> str:
        return ""

    async def close(self) -> None:
        self.kill()

    def crash(self, reason: str = "The browser was killed by signal 9.") -> None:
        self.reason = reason
        self.kill()

    def kill(self) -> None:
        for page in self.pages:
            page.end()
        self.closed.set()


class FakePage:
    """`url` is where it is; one that begins with `net::` cannot be reached."""

    _documents = itertools.count(1)

    def __init__(
        self, settings: PageSettings, listener: PageListener, chance: random.Random, batch_every_s: float
    ) -> None:
        self.settings = settings
        self.url = ""
        self.inputs: list[tuple[InputKind, bytes]] = []
        self.evaluated: list[str] = []
        self._listener = listener
        self._random = chance
        self._batch_every_s = batch_every_s
        self._timer: asyncio.TimerHandle | None = None
        self._document = 0

    async def navigate(self, url: str) -> str:
        if url.startswith("net::"):
            return url
        self.url = url
        self._document = next(self._documents)
        self._say({"h": {"url": url}, "w": 0})
        self._timer = asyncio.get_running_loop().call_later(self._random.random() * self._batch_every_s, self._act)
        return ""

    def _say(self, batch: dict[str, Any]) -> None:
        self._listener.on_batch(msgspec.json.encode(batch).decode(), self._document)

    def _act(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._batch_every_s, self._act)
        latency_ms = self._random.lognormvariate(2.0, 0.5)
        self._say(
            {
                "v": {"step.act": [latency_ms], "request.fetch": [latency_ms], "generator.timer_late": [0.5]},
                "c": {"actions": 1, "requests": 1, "iterations": 1},
                "w": 1,
            }
        )

    def evaluate(self, expression: str, document: int) -> None:
        self.evaluated.append(expression)

    async def call(self, expression: str, *, timeout_s: float) -> Any:
        return None

    def input(self, kind: InputKind, parameters: bytes) -> None:
        self.inputs.append((kind, parameters))

    async def picture(self) -> bytes:
        if not self.url:
            raise PageFailed("The page is empty.")
        return PICTURE

    async def close(self) -> None:
        self.end()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def crash(self) -> None:
        self.end()
        self._listener.on_lost("The page's renderer crashed.")
