"""Connects the coordinator's core with its workers, its journal and those who watch."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable

import msgspec

from carga.coordinator.events import (
    Close,
    Event,
    PictureExpired,
    PictureTaken,
    PictureWanted,
    Send,
    StoreEvent,
    StoreEvidence,
    StoreMeta,
    StoreWindow,
    WriteResults,
)
from carga.coordinator.journal import Journal
from carga.coordinator.live import LiveView
from carga.coordinator.outbox import Outbox
from carga.coordinator.state import Coordinator
from carga.wire.live import Live
from carga.wire.messages import MESSAGE_BYTES_MAX, encode

WORKER_MESSAGES_MAX = 10_000
WORKER_BYTES_MAX = 8 * MESSAGE_BYTES_MAX
LIVE_MESSAGES_MAX = 8
"""Seconds that a live page may be behind."""
LIVE_CHARACTERS_MAX = 64 * 1024 * 1024
PICTURE_S_MAX = 10.0

_log = logging.getLogger(__name__)


def boottime_s() -> float:
    """Goes on while the machine sleeps, and nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Hub:
    def __init__(self, coordinator: Coordinator, journal: Journal, *, clock: Callable[[], float] = boottime_s) -> None:
        self.coordinator = coordinator
        self.view = LiveView(coordinator)
        self.over = asyncio.Event()
        """The run has ended and results are to be written."""
        self.shutdown = asyncio.Event()
        """Nobody needs this process any more."""
        self._journal = journal
        self._clock = clock
        self._numbers = itertools.count(1)
        self.workers: dict[int, Outbox[bytes]] = {}
        self.clients: set[Outbox[str]] = set()
        self._pictures: dict[int, asyncio.Future[PictureTaken]] = {}
        self._last: Live | None = None

    def feed(self, event: Event) -> None:
        for action in self.coordinator.handle(event, self._clock()):
            match action:
                case Send():
                    if outbox := self.workers.get(action.connection):
                        outbox.put(encode(action.message))
                case Close():
                    if outbox := self.workers.get(action.connection):
                        outbox.close(action.reason)
                case StoreWindow() | StoreEvent() | StoreMeta() | StoreEvidence():
                    self._journal.write(action)
                case PictureTaken():
                    picture = self._pictures.get(action.request)
                    if picture is not None and not picture.done():
                        picture.set_result(action)
                case WriteResults():
                    self.over.set()

    def open_worker(self) -> tuple[int, Outbox[bytes]]:
        connection = next(self._numbers)
        outbox = self.workers[connection] = Outbox[bytes](messages_max=WORKER_MESSAGES_MAX, size_max=WORKER_BYTES_MAX)
        return connection, outbox

    @property
    def pictures_in_progress(self) -> int:
        return len(self._pictures)

    async def take_picture(self, user: int) -> PictureTaken:
        """Raises TimeoutError when the worker does not answer."""
        request = next(self._numbers)
        picture: asyncio.Future[PictureTaken] = asyncio.get_running_loop().create_future()
        self._pictures[request] = picture
        try:
            self.feed(PictureWanted(request, user))
            async with asyncio.timeout(PICTURE_S_MAX):
                return await picture
        finally:
            del self._pictures[request]
            self.feed(PictureExpired(request))

    def subscribe(self) -> Outbox[str]:
        """A new live page: it gets the run as it is now at once, and then what `publish` sends."""
        client = Outbox[str](messages_max=LIVE_MESSAGES_MAX, size_max=LIVE_CHARACTERS_MAX)
        if self._last is None:
            self.publish()
        assert self._last is not None
        # What changed was told to those who listened; who is new asks for the whole list.
        client.put(msgspec.json.encode(msgspec.structs.replace(self._last, changed=[], messages=[])).decode())
        self.clients.add(client)
        return client

    def publish(self) -> None:
        self._last = self.view.live()
        text = msgspec.json.encode(self._last).decode()
        for client in self.clients:
            client.put(text)
