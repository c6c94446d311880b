"""Gives the pages of one browser their frames, one at a time.

Two frames at once, even of different pages, end Chromium's GPU process, which answers for all of them. So every frame
of a browser goes through here: those of `paced` pages in the order of `FrameQueue`, pictures and hovering before them.
A page that is busy does not answer, and nobody can take a frame back; after a time limit the GPU process is ended,
which answers every frame that is open and is there again within 20 ms.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any

import msgspec

from carga.engines.chromium.connection import Connection
from carga.engines.chromium.frames import FrameQueue
from carga.errors import CargaError, PageFailed

BEGIN_FRAME = "HeadlessExperimental.beginFrame"
UNDRAWN: dict[str, Any] = {"noDisplayUpdates": True}
"""A frame with all that a page can see of it: callbacks, observers, style, layout, animations. Its pixels are left out,
which are most of its cost."""
OVERDUE_S = 3.0
"""The longest that a page may keep the others waiting."""
RESTART_S = 3.0
"""After the GPU process was ended; a frame that is not answered then never will be."""
TICK_S = 0.05
"""Frames that are due within one tick, and not sooner, are given together: waking up is most of what one costs here."""


class _Order(msgspec.Struct):
    session: str
    parameters: dict[str, Any]
    answer: "asyncio.Future[msgspec.Raw] | None" = None


class FrameDriver:
    def __init__(self, connection: Connection) -> None:
        self.given = 0
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue = FrameQueue()
        self._to_draw: set[str] = set()
        self._first: deque[_Order] = deque()
        """Pictures and hovering. Each has somebody who waits for it, so they are as few as those."""
        self._drawing: _Order | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def ask(self, session: str, delay_s: float, *, drawn: bool = False) -> None:
        """The page would like a frame in `delay_s`, with its pixels when `drawn`; see FrameQueue."""
        if drawn:
            self._to_draw.add(session)
        self._queue.ask(session, self._loop.time(), delay_s)
        self._go_on()

    async def draw(self, session: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A frame as soon as possible, and its answer. Raises PageFailed when the browser refuses it."""
        order = _Order(session, parameters, self._loop.create_future())
        self._first.append(order)
        self._go_on()
        assert order.answer is not None
        return msgspec.json.decode(await order.answer, type=dict[str, Any])

    def forget(self, session: str) -> None:
        """The page is about to be closed. A frame that it has not finished stays in the way until it is `gone`."""
        self._queue.forget(session)
        self._to_draw.discard(session)
        for order in [order for order in self._first if order.session == session]:
            self._first.remove(order)
            _settle(order, PageFailed("The page was closed before it was drawn."))

    def gone(self, session: str) -> None:
        """The page is closed: its frame, if it had one, is never answered."""
        self.forget(session)
        if self._drawing is not None and self._drawing.session == session:
            self._end(self._drawing)

    def close(self) -> None:
        """The browser is gone."""
        for timer in (self._limit, self._alarm):
            if timer is not None:
                timer.cancel()
        for order in (*self._first, *((self._drawing,) if self._drawing else ())):
            _settle(order, PageFailed("The browser was closed before the page was drawn."))
        self._first.clear()

    def _go_on(self) -> None:
        if self._drawing is not None or self._connection.closed.is_set():
            return
        if self._first:
            self._give(self._first.popleft())
            return
        now = self._loop.time()
        session = self._queue.take(now)
        if session is not None:
            self._give(_Order(session, {} if session in self._to_draw else UNDRAWN))
            self._to_draw.discard(session)
            return
        due = self._queue.next_due()
        if due is None:
            return
        if due - now > TICK_S:
            due = (due // TICK_S + 1) * TICK_S
        if self._alarm is not None:
            if self._alarm.when() <= due:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_at(due, self._rung)

    def _rung(self) -> None:
        self._alarm = None
        self._go_on()

    def _give(self, order: _Order) -> None:
        self._drawing = order
        self.given += 1
        self._limit = self._loop.call_later(OVERDUE_S, self._overdue, order)
        sent = self._connection.send(BEGIN_FRAME, order.parameters, order.session)
        sent.add_done_callback(lambda answer: self._answered(order, answer))

    def _answered(self, order: _Order, answer: "asyncio.Future[msgspec.Raw]") -> None:
        error = None if answer.cancelled() else answer.exception()
        if order.answer is not None and not order.answer.done():
            if isinstance(error, CargaError):
                order.answer.set_exception(error)
            elif not answer.cancelled():
                order.answer.set_result(answer.result())
        self._end(order)

    def _overdue(self, order: _Order) -> None:
        if self._drawing is not order:
            return
        self._queue.forget(order.session)  # until it asks again by itself
        self._connection.post("Browser.crashGpuProcess")
        self._limit = self._loop.call_later(RESTART_S, self._end, order)

    def _end(self, order: _Order) -> None:
        """Whoever is next gets a frame."""
        if self._drawing is not order:
            return
        if self._limit is not None:
            self._limit.cancel()
        self._drawing = None
        _settle(order, PageFailed("The page was too busy to be drawn."))
        self._go_on()


def _settle(order: _Order, error: CargaError) -> None:
    if order.answer is not None and not order.answer.done():
        order.answer.set_exception(error)
        with contextlib.suppress(CargaError):
            order.answer.exception()  # somebody may have stopped waiting; that is no news
