"""One run on this machine from start to verdict: starts the processes, follows them, and takes Ctrl-C.

The first Ctrl-C drains the run, the second aborts it, the third ends everything at once. However it ends, the report is
written from what the journal has.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from carga.cli.live_feed import LiveFeed
from carga.cli.progress import Progress
from carga.errors import CargaError
from carga.model.summary import Summary
from carga.places.hosted import HostedPlace, PlaceOptions
from carga.places.local import LocalPlace

END_WAIT_S = 20.0
"""For coordinator and workers to end by themselves once the run is finished; then they are killed."""
ABORT_WAIT_S = 10.0
"""After the second Ctrl-C, for the coordinator to write the report itself."""
FAILED_WAIT_S = 60.0
"""After the workers died too often, for the coordinator to drain and to write the report."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Outcome:
    summary: Summary | None
    """None when there is nothing to make a report of."""
    interrupted: bool
    failure: CargaError | None
    """A part of the run that died too often."""
    last_words: str
    """The end of the coordinator's log."""


class PlaceMaker(Protocol):
    """A place's class, with whatever that place needs beside what all need."""

    def __call__(
        self, options: PlaceOptions, *, listening: socket.socket, report: Callable[[str], None]
    ) -> HostedPlace: ...


async def run_session(
    options: PlaceOptions, *, listening: socket.socket, progress: Progress, make_place: PlaceMaker = LocalPlace
) -> Outcome:
    place = make_place(options, listening=listening, report=progress.say)
    async with place:
        progress.say(f"live page  {place.page}")
        session = _Session(place, progress)
        async with session.taking_signals():
            await session.follow()
        await session.end()
    summary = await asyncio.to_thread(_read_or_write_summary, options.out)
    return Outcome(summary, session.interrupts > 0, place.supervisor.failure, place.coordinator.tail)


class _Session:
    def __init__(self, place: HostedPlace, progress: Progress) -> None:
        self._place = place
        self._progress = progress
        self._feed = LiveFeed(place.address, place.access_token)
        self._interrupted = asyncio.Event()
        self._finished = False
        self.interrupts = 0

    @asynccontextmanager
    async def taking_signals(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _on_signal(self) -> None:
        self.interrupts += 1
        self._interrupted.set()
        if self.interrupts == 1:
            self._progress.say("stopping: users end their iteration, then the report is written (Ctrl-C again: abort)")
        elif self.interrupts == 2:
            self._progress.say("aborting (Ctrl-C again: at once)")
        else:
            self._place.supervisor.kill()

    async def follow(self) -> None:
        """Until the run is finished, or nothing more can come of it."""
        tasks = {
            asyncio.create_task(self._show_messages()),
            asyncio.create_task(self._place.coordinator.ended.wait()),
            asyncio.create_task(self._pass_on_interrupts()),
            asyncio.create_task(self._drain_when_workers_fail()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _show_messages(self) -> None:
        async with aclosing(self._feed.messages()) as messages:
            async for live in messages:
                self._progress.show(live)
                if live.state == "finished":
                    self._finished = True
                    return

    async def _pass_on_interrupts(self) -> None:
        """Ends when waiting any longer makes no sense."""
        await self._interrupted.wait()
        await self._feed.stop()
        while self.interrupts < 2:
            self._interrupted.clear()
            await self._interrupted.wait()
        await self._feed.stop()
        await asyncio.sleep(ABORT_WAIT_S)

    async def _drain_when_workers_fail(self) -> None:
        await self._place.supervisor.failed.wait()
        await self._feed.stop()
        await asyncio.sleep(FAILED_WAIT_S)

    async def end(self) -> None:
        self._place.supervisor.let_end()
        if self._finished:
            await self._feed.shut_down()
            await self._place.supervisor.wait_ended(timeout_s=END_WAIT_S)


def _read_or_write_summary(out: Path) -> Summary | None:
    """What the coordinator wrote, or else what can be made of the journal."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((out / "summary.json").read_bytes(), type=Summary)
    if not (out / "run.db").exists():
        return None
    from carga.results.write import write_results

    with contextlib.suppress(CargaError):
        return write_results(out)
    return None
