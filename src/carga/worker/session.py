"""One user in its page: takes what the page says, gives it what it needs, and tells the worker what matters."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from carga.engines.engine import Page
from carga.errors import CargaError
from carga.model.windows import COUNTERS, Area
from carga.page.bundle import Names
from carga.wire.messages import UserSpec
from carga.worker.batch import INPUTS_MAX, METRIC_NAME_MAX, Batch, CarriedStep, read_batch
from carga.worker.collector import Recorder

NETWORK_ERRORS_MAX = 100
"""Of a page, waiting for the request that they belong to."""
FINISH_TIMEOUT_S = 3.0
"""Longer than the grace that the page gets: what a busy page needs on top of it."""
RETURN_DELAY_S = 5.0
"""A page whose document could not be loaded is sent to its URL again after this long."""
LONG_TASK_SAMPLE = 10
"""Long tasks are observed in every tenth user: the browser makes every task of a page dearer that is asked for them."""
EVENT_LINE_MAX = 500

_AREAS: frozenset[Area] = frozenset(("request", "websocket", "step", "behaviour", "page"))
_CUT_OFF = frozenset(
    ("net::ERR_CONTENT_LENGTH_MISMATCH", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", "net::ERR_CONTENT_DECODING_FAILED")
)
"""The answer had begun well, so its page has counted the request already, as a good one."""
_NET_ERROR = re.compile(r"net::ERR_\w+")
_STATUS = re.compile(r"(?:status of|response code:) (\d{3})")
_SOCKET = re.compile(r"WebSocket connection to '([^']*)' failed: (.*)", re.DOTALL)
_ERROR_PAGE = "chrome-error:"

RunInBackground = Callable[[Coroutine[Any, Any, None]], object]


class SessionEvents:
    """What a session tells its worker. The fake of the tests and the shell override it."""

    def on_running(self, session: "Session") -> None:
        """The first document has started."""

    def on_lost(self, session: "Session", reason: str) -> None:
        """The page is gone and was not closed by us."""

    def on_picture_wanted(self, spec: UserSpec, name: str, message: str) -> None:
        """A step failed."""

    def on_log(self, spec: UserSpec, line: str) -> None:
        """A behaviour's `user.log`."""

    def on_trial(self, session: "Session", step: str, ms: float, problem: str) -> None:
        """In a trial: a step has ended, or the iteration when it has no name. The page waits for `go_on`."""


class Session:
    """Listens to one page. `page` is set before the first document."""

    page: Page

    def __init__(
        self,
        spec: UserSpec,
        names: Names,
        collector: Recorder,
        events: SessionEvents,
        run_in_background: RunInBackground,
        clock: Callable[[], float],
        *,
        browser: int,
    ) -> None:
        self.spec = spec
        self.browser = browser
        self.websockets_open = 0
        self.finished = False
        self.running = asyncio.Event()
        """Set when the first document has started."""
        self._names = names
        self._collector = collector
        self._events = events
        self._run_in_background = run_in_background
        self._clock = clock
        self._document = 0
        self._visit = 0
        self._iteration = 0
        self._iterations_ended = 0
        self._memory = "{}"
        self._carried: CarriedStep | None = None
        self._carried_at = 0.0
        self._pace_due_at: float | None = None
        """When the next iteration is due, on our clock."""
        self._network_errors: dict[str, list[str]] = {}
        self._hidden_statuses: dict[str, list[str]] = {}
        self._socket_errors: dict[str, list[str]] = {}
        self._undecided: list[tuple[str, str, float, bool]] = []

    # --- PageListener ----------------------------------------------------------------------------------

    def on_lost(self, reason: str) -> None:
        if not self.finished:
            self._events.on_lost(self, reason)

    def on_count(self, counter: str) -> None:
        self._collector.count(counter)

    def on_network_error(self, url: str, text: str) -> None:
        socket = _SOCKET.match(text)
        if socket:
            _remember(self._socket_errors, socket[1], _cause(socket[2]))
        else:
            cause = _cause(text)
            # A status is the page's own to report, unless the other origin hides it from the page.
            _remember(self._network_errors if cause.startswith("net::") else self._hidden_statuses, url, cause)

    def on_batch(self, payload: str, document: int) -> None:
        batch = read_batch(payload)
        if batch is None:
            self._collector.count("samples_dropped")
            return
        for kind, parameters in batch.inputs[:INPUTS_MAX]:
            self.page.input(kind, bytes(parameters))
        self._take_measurements(batch)
        if self._undecided:
            self._decide(self._undecided, last=True)
            self._undecided = []
        if batch.undecided:
            # What comes with a document's first words is the document, of which all has been said by then.
            self._undecided = self._decide(batch.undecided, last=batch.started is not None)
        for url in batch.unopened:
            self._socket_unopened(url)
        if batch.websockets_open is not None:
            self.websockets_open = batch.websockets_open
        if batch.memory is not None:
            self._memory = batch.memory
        if batch.carried is not None:
            self._carried, self._carried_at = batch.carried if batch.carried.name else None, self._clock()
        if batch.pace_due_ms is not None:
            self._pace_due_at = self._clock() + batch.pace_due_ms / 1000
        if batch.iteration is not None:
            self._iteration = batch.iteration
        for name, message in batch.pictures[:1]:
            self._events.on_picture_wanted(self.spec, name, message)
        for line in batch.log:
            self._events.on_log(self.spec, line)
        if batch.trial is not None:
            self._events.on_trial(self, *batch.trial)
        if batch.started is not None:
            self._begin(batch.started.url, document)

    # --- measurements ----------------------------------------------------------------------------------

    def _take_measurements(self, batch: Batch) -> None:
        collector = self._collector
        for metric, values in batch.values.items():
            name, unit = metric[:METRIC_NAME_MAX], batch.units.get(metric, "ms")[:METRIC_NAME_MAX]
            for value in values:
                collector.value(name, value, unit)
        for metric, times in batch.failures.items():
            collector.failure(metric[:METRIC_NAME_MAX], times)
        for counter, by in batch.counters.items():
            if by > 0 and counter in COUNTERS:
                collector.count(counter, by)
        self._iterations_ended += batch.counters.get("iterations", 0)
        for area, cause, message, where in batch.causes:
            if area in _AREAS:
                collector.cause(area, cause, user=self.spec.index, message=message, where=where)

    def _decide(
        self, requests: list[tuple[str, str, float, bool]], *, last: bool
    ) -> list[tuple[str, str, float, bool]]:
        """Finds out what became of requests without a status. Those not known yet are returned, until the `last` time.

        The browser names every request that failed. One that it does not name was cancelled by the page, or belongs to
        another origin that hides its status from pages and so has succeeded.
        """
        open_still: list[tuple[str, str, float, bool]] = []
        for request in requests:
            kind, url, duration_ms, visible = request
            cause = _recall(self._network_errors, url)
            if cause is None and not visible:
                cause = _recall(self._hidden_statuses, url)
            if cause is not None:
                self._request_failed(kind, cause, url)
            elif not last:
                open_still.append(request)
            elif visible:
                self._collector.count("requests_cancelled")
            else:
                self._collector.count("requests")
                self._collector.value(f"request.{kind}", duration_ms)
        return open_still

    def _request_failed(self, kind: str, cause: str, url: str) -> None:
        if cause not in _CUT_OFF:
            self._collector.count("requests")
        self._collector.count("requests_failed")
        self._collector.failure(f"request.{kind}")
        self._collector.cause("request", cause, user=self.spec.index, where=url)

    def _socket_unopened(self, url: str) -> None:
        causes = self._socket_errors.pop(url, None)
        cause = causes[0] if causes else "closed before it was open"
        self._collector.cause("websocket", cause, user=self.spec.index, where=url)

    # --- documents -------------------------------------------------------------------------------------

    def _begin(self, url: str, document: int) -> None:
        self._document = document
        self.websockets_open = 0
        self._undecided = []
        self._settle_rest()
        if url.startswith(_ERROR_PAGE):
            # The first document's failure is the opener's business; a later one leaves the user on an error page.
            if self._visit:
                self._request_failed("document", "the next document did not load", self.spec.url)
                self._run_in_background(self._return())
            return
        self._visit += 1
        if self._iteration > self._iterations_ended:
            self._collector.count("iterations", self._iteration - self._iterations_ended)  # ended by the page load
            self._iterations_ended = self._iteration
        carried = None
        if self._carried is not None:
            carried = {"name": self._carried.name, "ms": self._carried.ms + (self._clock() - self._carried_at) * 1000}
            self._carried = None
        knowledge = {
            "index": self.spec.index,
            "identity": self.spec.identity,
            "iteration": self._iteration,
            "visit": self._visit,
            "memoryText": self._memory,
            "carried": carried,
            "paceDue": None if self._pace_due_at is None else (self._pace_due_at - self._clock()) * 1000,
            "sample": self.spec.index % LONG_TASK_SAMPLE == 0,
        }
        self.page.evaluate(f"window.{self._names.control}.begin({msgspec.json.encode(knowledge).decode()})", document)
        if self._visit == 1:
            self.running.set()
            self._events.on_running(self)

    def _settle_rest(self) -> None:
        """Failures of a document that is gone, of which its timeline said nothing (blocked or cut off by its end)."""
        for url, causes in self._network_errors.items():
            for cause in causes:
                self._request_failed("other", cause, url)
        self._network_errors.clear()
        self._hidden_statuses.clear()

    async def _return(self) -> None:
        """Opens the user's URL again until it loads. The user's end ends it too."""
        while not self.finished:
            await asyncio.sleep(RETURN_DELAY_S)
            if self.finished:
                return
            try:
                error = await self.page.navigate(self.spec.url)
            except CargaError:
                return  # the page or its browser is gone, which is told elsewhere
            if not error:
                return
            self._request_failed("document", error, self.spec.url)

    def go_on(self) -> None:
        """In a trial: the behaviour may go on."""
        self.page.evaluate(f"window.{self._names.control}.goOn()", self._document)

    # --- the end ---------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The page begins nothing new from now on, so that users who wait for their end make no load meanwhile."""
        if self._visit:
            self.page.evaluate(f"window.{self._names.control}?.stop()", self._document)

    async def finish(self, grace_s: float) -> None:
        """Lets the open step end, takes the last batch, closes the page. Never raises."""
        try:
            if self._visit:
                await self.page.call(
                    f"window.{self._names.control}?.finish({round(grace_s * 1000)})",
                    timeout_s=grace_s + FINISH_TIMEOUT_S,
                )
        except CargaError:
            pass  # the page was between two documents, or busy for longer than it may be
        self.finished = True
        if self._undecided:
            self._decide(self._undecided, last=True)
            self._undecided = []
        self._settle_rest()
        self.websockets_open = 0
        await self.page.close()


def _remember(errors: dict[str, list[str]], url: str, cause: str) -> None:
    if len(errors) >= NETWORK_ERRORS_MAX and url not in errors:
        errors.pop(next(iter(errors)))
    causes = errors.setdefault(url, [])
    if len(causes) < NETWORK_ERRORS_MAX:
        causes.append(cause)


def _recall(errors: dict[str, list[str]], url: str) -> str | None:
    causes = errors.get(url)
    if not causes:
        return None
    cause = causes.pop(0)
    if not causes:
        del errors[url]
    return cause


def _cause(text: str) -> str:
    """`net::ERR_…` or `HTTP 503` where the browser's words hold one."""
    if match := _NET_ERROR.search(text):
        return match[0]
    if match := _STATUS.search(text):
        return f"HTTP {match[1]}"
    return text.strip()[:EVENT_LINE_MAX]
