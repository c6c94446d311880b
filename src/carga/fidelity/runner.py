"""Runs users of a plan in one engine and rendering, each through a recorder of its own."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carga.engines.catalogue import load_engine
from carga.engines.engine import Browser, Engine
from carga.errors import BehaviourError, CargaError, PageFailed
from carga.fidelity.record import PageState, Side, UserRecord
from carga.fidelity.recorder import HOST, Recorder, recording
from carga.fidelity.shape import text_shape, url_shape
from carga.model.engines import ENGINES, BrowserKind
from carga.model.identity import fill_user
from carga.model.plan import Group
from carga.model.windows import Area
from carga.page.bundle import Names, bundle
from carga.plans import LoadedPlan
from carga.wire.messages import UserSpec
from carga.worker.fleet import environment_of
from carga.worker.guard import Guard
from carga.worker.session import Session, SessionEvents
from carga.worker.settings import page_settings

TOGETHER_MAX = 4
"""Users at once: enough to be quick, few enough that none waits for a core."""
USER_TIMEOUT_S = 300.0
"""For all iterations of a user. One that is not through by then has failed."""
QUIET_S = 0.75
SETTLE_S_MAX = 4.0
"""After the last iteration, until nothing has come by for QUIET_S: what it began is to be seen too."""
STATE_TIMEOUT_S = 15.0
GUARD_S = 3600.0
"""Longer than any side takes; the guard is for a process that is killed."""
GRACE_S = 1.0
OUTCOMES_MAX = 500
"""Distinct ones of a user."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    users: tuple[int, ...]
    """Indexes in the plan."""
    iterations: int
    watch_s: float
    """For how long a page is watched that drives itself."""


async def run_side(
    loaded: LoadedPlan, kinds: dict[int, BrowserKind], options: Options, report: Callable[[str], None]
) -> Side:
    """`kinds` is what each user runs in. Raises CargaError when a browser cannot be started, or no target answers."""
    specs = [_spec(loaded, index) for index in options.users]
    records = [UserRecord(spec.index) for spec in specs]
    engines = {kind.engine: load_engine(kind.engine) for kind in kinds.values()}
    async with (
        _Browsers(engines) as browsers,
        recording([(record, spec.url) for record, spec in zip(records, specs, strict=True)]) as recorders,
    ):
        room = asyncio.Semaphore(TOGETHER_MAX)

        async def run(recorder: Recorder, spec: UserSpec) -> None:
            async with room:
                user = _User(loaded, spec, recorder, kinds[spec.index], options)
                await user.run(await browsers.get(kinds[spec.index], spec))
                report(f"user {spec.index}: {_in_words(recorder.record)}")

        async with asyncio.TaskGroup() as group:
            for recorder, spec in zip(recorders, specs, strict=True):
                group.create_task(run(recorder, spec))
    if not any(exchange.status for record in records for exchange in record.exchanges):
        target = urlsplit(specs[0].url)
        raise PageFailed(
            f"Nothing at {target.scheme}://{target.netloc} answered.", "Start the target, or correct the plan's url."
        )
    words = [sorted({getattr(kind, part) for kind in kinds.values()}) for part in ("engine", "isolation", "rendering")]
    engine, isolation, rendering = (" and ".join(word) for word in words)
    versions = " and ".join(engines[name].version for name in sorted(engines))
    return Side(engine, isolation, rendering, versions, records)


def _in_words(record: UserRecord) -> str:
    failed = sum(count for name, count in record.outcomes.items() if not name.endswith(": ok"))
    return f"{len(record.exchanges)} requests, {len(record.messages)} messages" + (f", {failed} failed" * bool(failed))


def _spec(loaded: LoadedPlan, index: int) -> UserSpec:
    filled = fill_user(loaded.plan, index, loaded.rows)
    return UserSpec(
        index=index,
        group=filled.group,
        assignment=1,
        url=filled.url,
        identity=filled.identity,
        user_agent=filled.user_agent,
        headers=filled.headers,
        cookies=filled.cookies,
    )


class _Browsers:
    """Opened as they are wanted, closed together at the end. They do not outlive this process, however it ends."""

    def __init__(self, engines: dict[Any, Engine]) -> None:
        self._engines = engines
        self._shared: dict[BrowserKind, Browser] = {}
        self._all: list[Browser] = []
        self._opening = asyncio.Lock()
        self._guard = Guard()

    async def __aenter__(self) -> "_Browsers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(browser.close() for browser in self._all))
        await asyncio.to_thread(self._guard.end)

    async def get(self, kind: BrowserKind, spec: UserSpec) -> Browser:
        async with self._opening:
            browser = None if kind.alone else self._shared.get(kind)
            if browser is None or browser.closed.is_set():
                environment = environment_of(spec) if kind.alone else {}
                browser = await self._engines[kind.engine].open_browser(
                    kind.rendering, isolation=kind.isolation, environment=environment
                )
                self._all.append(browser)
                self._guard.allow(GUARD_S, [one.pid for one in self._all if not one.closed.is_set()])
                self._shared[kind] = browser
            return browser


class _User(SessionEvents):
    """One user from its first document to its last, with what happened in `recorder.record`."""

    def __init__(
        self, loaded: LoadedPlan, spec: UserSpec, recorder: Recorder, kind: BrowserKind, options: Options
    ) -> None:
        self._loaded = loaded
        self._group = _at_recorder(loaded.plan.groups[spec.group], spec.url)
        self._spec = msgspec.structs.replace(spec, url=recorder.url)
        self._recorder = recorder
        self._record = recorder.record
        self._kind = kind
        self._options = options
        self._noted = _Noted(self._record, options.iterations)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, browser: Browser) -> None:
        """Raises BehaviourError; whatever else goes wrong is an outcome."""
        names = Names(binding=f"_{secrets.token_hex(8)}", control=f"_{secrets.token_hex(8)}")
        script = bundle(
            self._group,
            rendering=self._kind.rendering,
            behaviour_source=self._loaded.behaviours.get(self._group.behaviour, ""),
            seed=self._loaded.plan.seed,
            names=names,
            trusted_input=ENGINES[self._kind.engine].trusted_input,
            iterations=self._options.iterations,
        )
        if mistake := await browser.check_script(script, self._group.behaviour):
            raise BehaviourError(f"{self._group.behaviour}: {mistake}", "Correct the behaviour, then try again.")
        session = Session(self._spec, names, self._noted, self, self._spawn, time.monotonic, browser=1)
        try:
            session.page = await browser.open_page(
                page_settings(self._group, self._spec, script=script, names=names), session
            )
        except CargaError as error:
            self._noted.outcome(f"page: {error.problem}")
            return
        try:
            await self._act(session)
        except CargaError as error:
            self._noted.outcome(f"page: {text_shape(error.problem)}")
        finally:
            await session.finish(GRACE_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _act(self, session: Session) -> None:
        if error := await session.page.navigate(self._spec.url):
            self._noted.outcome(f"page: {error}")
            return
        try:
            async with asyncio.timeout(USER_TIMEOUT_S if self._group.behaviour else self._options.watch_s):
                await self._noted.ended.wait()
        except TimeoutError:
            if self._group.behaviour:
                self._noted.outcome("iteration: not ended in time")
        if not session.finished:
            await self._settle()
            await self._note_page(session)

    async def _settle(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock() + SETTLE_S_MAX
        begun = clock()
        while clock() < last and clock() - max(begun, self._recorder.last_seen) < QUIET_S:  # noqa: ASYNC110 - silence is no event
            await asyncio.sleep(0.05)

    async def _note_page(self, session: Session) -> None:
        with contextlib.suppress(CargaError, msgspec.ValidationError):
            found = msgspec.convert(
                await session.page.call(_page_state(), timeout_s=STATE_TIMEOUT_S), type=PageState, strict=False
            )
            self._record.page = PageState(
                title=text_shape(found.title),
                url=url_shape(found.url),
                elements=_by_shape(found.elements),
                texts=_by_shape(found.texts),
                foreign=found.foreign,
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- SessionEvents ---------------------------------------------------------------------------------

    def on_lost(self, session: Session, reason: str) -> None:
        session.finished = True
        self._noted.outcome(f"page: {text_shape(reason)}")
        self._noted.ended.set()


class _Noted:
    """The session's recorder: outcomes and errors instead of durations."""

    def __init__(self, record: UserRecord, iterations: int) -> None:
        self.ended = asyncio.Event()
        self._record = record
        self._left = iterations

    def outcome(self, name: str, times: int = 1) -> None:
        _add(self._record.outcomes, name, times)

    def value(self, metric: str, value: float, unit: str = "ms") -> None:
        if metric.startswith(("step.", "custom.")) or metric == "iteration":
            self.outcome(f"{_words(metric)}: ok")

    def failure(self, metric: str, times: int = 1) -> None:
        if metric.startswith("step.") or metric == "iteration":
            self.outcome(f"{_words(metric)}: failed", times)

    def count(self, counter: str, by: int = 1) -> None:
        if counter == "iterations":
            self._left -= by
            if self._left <= 0:
                self.ended.set()

    def cause(self, area: Area, cause: str, *, user: int, message: str = "", where: str = "") -> None:
        if area == "page":
            _add(self._record.errors, text_shape(cause))


def _words(metric: str) -> str:
    family, _, name = metric.partition(".")
    return f"{family} {name}".strip()


def _add(counts: dict[str, int], name: str, times: int = 1) -> None:
    if name in counts or len(counts) < OUTCOMES_MAX:
        counts[name] = counts.get(name, 0) + times


def _by_shape(counts: dict[str, int]) -> dict[str, int]:
    shaped: dict[str, int] = {}
    for name, count in counts.items():
        shape = text_shape(name)
        shaped[shape] = shaped.get(shape, 0) + count
    return shaped


def _at_recorder(group: Group, url: str) -> Group:
    """The group as it is at the recorder: cookies of the target's own host belong to the recorder's."""
    host = urlsplit(url).hostname or ""
    cookies = tuple(
        msgspec.structs.replace(cookie, domain=HOST, secure=False) if _covers(cookie.domain, host) else cookie
        for cookie in group.cookies
    )
    return msgspec.structs.replace(group, cookies=cookies)


def _covers(domain: str, host: str) -> bool:
    bare = domain.removeprefix(".").lower()
    return not bare or host == bare or host.endswith(f".{bare}")


def _page_state() -> str:
    return (files("carga.fidelity") / "page_state.js").read_text(encoding="utf-8")
