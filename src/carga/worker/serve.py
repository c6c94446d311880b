"""The worker's shell: turns the state machine's actions into sockets, browsers and windows."""

import asyncio
import contextlib
import logging
import os
import resource
import secrets
import signal
import socket
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

import carga
from carga.containers.owner import Owner
from carga.engines.catalogue import FAKE, installed, load_engine
from carga.engines.engine import Engine, Page, PageSettings
from carga.errors import BehaviourError, BrowserFailed, BrowserMissing, CargaError
from carga.model.engines import ENGINES, kind_of
from carga.model.parts import part_of
from carga.model.plan import Group, Plan, Rendering
from carga.model.strain import TIMER_LATE, TIMER_LATE_SHARE
from carga.model.windows import Gauges
from carga.page.bundle import Names, bundle
from carga.wire.messages import (
    EVIDENCE_BYTES_MAX,
    PROTOCOL,
    Ack,
    Evidence,
    FromCoordinator,
    Hello,
    Picture,
    TakePicture,
    UserSpec,
    Welcome,
    WindowMessage,
)
from carga.worker import events as ev
from carga.worker.admission import Admission, Reading
from carga.worker.collector import Collector, Outbox
from carga.worker.connection import CoordinatorConnection
from carga.worker.evidence import EvidenceLimits
from carga.worker.fleet import Fleet
from carga.worker.guard import Guard
from carga.worker.health import Health
from carga.worker.session import Session, SessionEvents
from carga.worker.settings import page_settings
from carga.worker.state import WorkerState

TICK_S = 0.2
OPENING_PER_CORE = 3
DOCUMENT_TIMEOUT_S = 30.0
"""From the navigation's answer to the first sign of the page runtime."""
LOG_LINES_PER_S_MAX = 50
CLOSING_TOGETHER_MAX = 24

log = logging.getLogger("carga.worker")


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    join: str
    """WebSocket URL of the coordinator's worker endpoint."""
    token: str
    users_max: int
    worker_id: str = ""
    engine: Literal["", "fake"] = ""
    """`fake`: pages without a browser, for tests and simulations."""
    users_per_browser: int | None = None
    """With isolation `context`; None: as measured for the engine."""


async def serve(options: WorkerOptions) -> int:
    """Works until the run is over. Returns the process's exit code. Raises BrowserMissing when there is no browser."""
    worker = Worker(options, load_engine(FAKE) if options.engine == FAKE else None)
    return await worker.run()


class Worker(SessionEvents):
    def __init__(self, options: WorkerOptions, instead: Engine | None = None, *, health: Health | None = None) -> None:
        """`instead` is an engine that stands in for those of the plan, `health` says how the machine is."""
        _raise_file_limit()
        self._fleet = Fleet(instead)
        browsers = {instead.name: instead.version} if instead else installed()
        if not browsers:
            load_engine("chromium")  # says what is missing
        worker_id = options.worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        hello = Hello(
            protocol=PROTOCOL,
            token=options.token,
            worker=worker_id,
            users_max=options.users_max,
            host=socket.gethostname(),
            carga=carga.__version__,
            pid=os.getpid(),
            browsers=browsers,
        )
        self._collector = Collector(worker_id)
        self._outbox = Outbox()
        self._state = WorkerState(
            worker=worker_id,
            hello=hello,
            now=time.monotonic(),
            users_per_browser=options.users_per_browser,
            opening_max=OPENING_PER_CORE * (os.cpu_count() or 1),
            unacknowledged=lambda: len(self._outbox),
        )
        self._names = Names(binding=f"_{secrets.token_hex(8)}", control=f"_{secrets.token_hex(8)}")
        self._connection = CoordinatorConnection(
            options.join,
            on_connected=lambda: self._handle(ev.Connected()),
            on_message=self._on_message,
            on_disconnected=self._on_disconnected,
        )
        self._plan: Plan | None = None
        self._scripts: dict[tuple[int, Rendering], str] = {}
        """By group and rendering."""
        self._sessions: dict[int, Session] = {}
        """By user."""
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._health = health or Health()
        self._admission = Admission()
        self._guard = Guard()
        self._evidence = EvidenceLimits()
        self._background: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Semaphore(CLOSING_TOGETHER_MAX)
        self._second = 0
        self._sealing = False
        self._log_lines = 0
        self._exit: asyncio.Future[tuple[int, str]] | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        self._exit = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, 0, f"signal {number.name}")
        connection = asyncio.create_task(self._connection.run())
        beats = asyncio.create_task(self._beat())
        try:
            code, reason = await self._exit
            if reason:
                log.warning(reason)
            await self._connection.stop()
            return code
        finally:
            for task in (connection, beats, *self._background):
                task.cancel()
            await asyncio.gather(connection, beats, *self._background, return_exceptions=True)
            await self._fleet.close_all()
            await asyncio.to_thread(self._guard.end)

    def _leave(self, code: int, reason: str = "") -> None:
        if self._exit is not None and not self._exit.done():
            self._exit.set_result((code, reason))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Runs `work` in the background; the worker owns it and awaits it at the end."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task failed", exc_info=error)

    # --- coordinator -----------------------------------------------------------------------------------

    def _on_message(self, message: FromCoordinator) -> None:
        match message:
            case Welcome():
                is_first = self._plan is None
                self._prepare(message)
                if is_first:  # a machine that is full already gets no user at all
                    self._admission.judge(self._reading(self._health.sample(self._fleet.pids())), time.monotonic())
                    self._handle(ev.MachineJudged(self._admission.full))
                self._outbox.reconnected(message.windows_stored)
                self._handle(ev.Received(message))
                self._send_windows()
            case Ack(seqs):
                self._outbox.acknowledge(seqs)
                self._check_outbox()
            case TakePicture(request, user):
                self._spawn(self._take_picture(request, user))
            case _:
                self._handle(ev.Received(message))

    def _on_disconnected(self, reason: str) -> None:
        if self._state.phase == "working":
            log.info("the coordinator is out of reach: %s", reason)
        self._handle(ev.Disconnected())

    def _prepare(self, welcome: Welcome) -> None:
        """Makes each group's script once."""
        if self._plan is not None:
            return
        self._plan = welcome.plan
        try:
            self._fleet.load({group.engine for group in welcome.plan.groups})
            if any(group.isolation == "container" for group in welcome.plan.groups):
                self._guard.add_containers(str(Owner.this()))
            for number, group in enumerate(welcome.plan.groups):
                for rendering in {group.rendering, "full"} if group.full_sample else {group.rendering}:
                    self._scripts[number, rendering] = self._script(group, rendering, welcome)
        except (BehaviourError, BrowserMissing) as error:
            self._leave(2, str(error))

    def _script(self, group: Group, rendering: Rendering, welcome: Welcome) -> str:
        return bundle(
            group,
            rendering=rendering,
            behaviour_source=welcome.behaviours.get(group.behaviour, ""),
            seed=welcome.plan.seed,
            names=self._names,
            trusted_input=ENGINES[group.engine].trusted_input,
        )

    # --- state machine ---------------------------------------------------------------------------------

    def _handle(self, event: ev.Event) -> None:
        for action in self._state.handle(event, time.monotonic()):
            self._perform(action)

    def _perform(self, action: ev.Action) -> None:
        match action:
            case ev.Send(message):
                self._connection.send(message)
            case ev.Note(index, state, detail):
                self._collector.user(index, state, detail)
            case ev.Count(counter):
                self._collector.count(counter)
            case ev.OpenBrowser():
                self._spawn(self._open_browser(action))
            case ev.CloseBrowser(number):
                self._spawn(self._fleet.close(number))
            case ev.KillBrowsers():
                self._kill_browsers()
            case ev.OpenPage(spec, number):
                self._opening[spec.index] = self._spawn(self._open_page(spec, number))
            case ev.ClosePage(index, assignment, grace_s):
                self._spawn(self._close_page(index, assignment, grace_s))
            case ev.SealLast():
                self._sealing = True
                self._seal()
            case ev.Exit(code, reason):
                self._leave(code, reason)

    # --- windows ---------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Ticks the state machine, seals a window each second of the run, and measures how late the loop is."""
        due = time.monotonic() + TICK_S
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self._health.loop_lag_ms = max(self._health.loop_lag_ms, (now - due) * 1000)
            due = now + TICK_S
            self._handle(ev.Tick())
            self._guard.allow(self._state.browsers_may_live_s(now), self._fleet.pids())
            elapsed_s = self._state.elapsed_s(now)
            if elapsed_s is not None and int(elapsed_s) > self._second and not self._sealing:
                self._seal()
                self._second = int(elapsed_s)
                self._log_lines = 0

    def _seal(self) -> None:
        gauges = self._health.sample(self._fleet.pids())
        gauges.users_running = self._state.running
        gauges.websockets_open = sum(session.websockets_open for session in self._sessions.values())
        release = self._judge_machine(gauges)
        self._outbox.add(self._collector.seal(self._second, gauges))
        self._send_windows()
        # The window goes first: the coordinator must know that the machine is full before it gets users back.
        self._handle(ev.MachineJudged(self._admission.full, release, self._admission.pace))

    def _judge_machine(self, gauges: Gauges) -> int:
        """Whether users may be opened, and how many are to be released."""
        release = self._admission.judge(self._reading(gauges), time.monotonic())
        gauges.full, gauges.users_waiting = self._admission.full, self._state.waiting
        return release

    def _reading(self, gauges: Gauges) -> Reading:
        late = self._collector.values(TIMER_LATE)
        return Reading(
            timers=late.count,
            late_ms=late.quantile(TIMER_LATE_SHARE) if late.count else 0.0,
            core_wait=gauges.core_wait,
            core_turn_ms=gauges.core_turn_ms,
            memory_total_mb=self._health.memory.total_mb,
            memory_available_mb=gauges.memory_available_mb,
            memory_mb=gauges.memory_mb,
            users=gauges.users_running,
        )

    def _send_windows(self) -> None:
        if self._state.welcomed:
            for window in self._outbox.take_unsent():
                self._connection.send(WindowMessage(window))
        self._check_outbox()

    def _check_outbox(self) -> None:
        if self._sealing and not len(self._outbox):
            self._handle(ev.OutboxEmpty())

    # --- browsers --------------------------------------------------------------------------------------

    async def _open_browser(self, action: ev.OpenBrowser) -> None:
        number = action.browser
        try:
            reason = await self._fleet.run(action, lambda: self._handle(ev.BrowserOpened(number)))
        except CargaError as error:
            log.warning("a browser did not start: %s", error)
            self._collector.cause("browser", error.problem[:200], user=-1, message=str(error))
            self._handle(ev.BrowserFailed(number, error.problem))
            return
        if not reason:
            return  # closed by us
        log.warning(reason)
        for index, session in list(self._sessions.items()):
            if session.browser == number:
                session.finished = True
                del self._sessions[index]
        self._collector.cause("browser", reason, user=-1)
        self._handle(ev.BrowserLost(number, reason))

    def _kill_browsers(self) -> None:
        self._fleet.kill()
        for task in self._opening.values():
            task.cancel()
        for session in self._sessions.values():
            session.finished = True
        self._sessions.clear()

    # --- pages -----------------------------------------------------------------------------------------

    async def _open_page(self, spec: UserSpec, number: int) -> None:
        begun = time.monotonic()
        assert self._plan is not None
        recorder = self._collector.of_part(part_of(self._plan, spec.group, spec.index))
        session = Session(spec, self._names, recorder, self, self._spawn, time.monotonic, browser=number)
        page: Page | None = None
        try:
            browser = self._fleet.get(number)
            if browser is None:
                raise BrowserFailed("The browser is gone.")
            page = await browser.open_page(self._page_settings(spec), session)
            session.page = page
            self._sessions[spec.index] = session
            error = await page.navigate(spec.url)
            if error:
                self._collector.count("requests")
                self._collector.count("requests_failed")
                recorder.failure("request.document")
                self._collector.cause("request", error, user=spec.index, where=spec.url)
                raise BrowserFailed(f"{error} at {spec.url}")
            async with asyncio.timeout(DOCUMENT_TIMEOUT_S):
                await session.running.wait()
            recorder.value("user.start", (time.monotonic() - begun) * 1000)
        except TimeoutError:
            await self._page_failed(session, page, f"no document came from {spec.url} in {DOCUMENT_TIMEOUT_S:g} s")
        except CargaError as error:
            await self._page_failed(session, page, error.problem)
        finally:
            if self._opening.get(spec.index) is asyncio.current_task():
                del self._opening[spec.index]

    async def _page_failed(self, session: Session, page: Page | None, reason: str) -> None:
        session.finished = True
        if self._sessions.get(session.spec.index) is session:
            del self._sessions[session.spec.index]
        if page is not None:
            await page.close()
        self._collector.cause("user", reason[:200], user=session.spec.index, where=session.spec.url)
        self._handle(ev.PageFailed(session.spec.index, session.spec.assignment, session.browser, reason))

    def _page_settings(self, spec: UserSpec) -> PageSettings:
        assert self._plan is not None
        group = self._plan.groups[spec.group]
        script = self._scripts[spec.group, kind_of(group, spec.index).rendering]
        return page_settings(group, spec, script=script, names=self._names)

    async def _close_page(self, index: int, assignment: int, grace_s: float) -> None:
        if (session := self._sessions.get(index)) and session.spec.assignment == assignment:
            session.stop()
        async with self._closing:
            if opening := self._opening.get(index):
                opening.cancel()
                await asyncio.wait([opening])
            session = self._sessions.get(index)
            if session is not None and session.spec.assignment == assignment:
                await session.finish(grace_s)
                self._sessions.pop(index, None)
        self._handle(ev.PageClosed(index, assignment))

    # --- SessionEvents ---------------------------------------------------------------------------------

    def on_running(self, session: Session) -> None:
        self._handle(ev.PageRunning(session.spec.index, session.spec.assignment, session.browser))

    def on_lost(self, session: Session, reason: str) -> None:
        index = session.spec.index
        if self._sessions.get(index) is session:
            del self._sessions[index]
        if opening := self._opening.pop(index, None):
            opening.cancel()
        self._handle(ev.PageLost(index, session.spec.assignment, session.browser, reason))

    def on_log(self, spec: UserSpec, line: str) -> None:
        self._log_lines += 1
        if self._log_lines <= LOG_LINES_PER_S_MAX:
            log.info("user %d: %s", spec.index, line)

    def on_picture_wanted(self, spec: UserSpec, name: str, message: str) -> None:
        if self._evidence.admit(name):
            self._spawn(self._send_evidence(spec, name, message))

    async def _send_evidence(self, spec: UserSpec, name: str, message: str) -> None:
        session = self._sessions.get(spec.index)
        image = b""
        if session is not None:
            with contextlib.suppress(CargaError):
                image = await session.page.picture()
        if len(image) <= EVIDENCE_BYTES_MAX:
            self._connection.send(Evidence(spec.index, self._second, name, message, image))

    async def _take_picture(self, request: int, user: int) -> None:
        session = self._sessions.get(user)
        if session is None:
            answer = Picture(request, problem=f"User {user} has no page at this moment.")
        else:
            try:
                answer = Picture(request, await session.page.picture())
            except CargaError as error:
                answer = Picture(request, problem=error.problem)
        self._connection.send(answer)


def _raise_file_limit() -> None:
    """Every socket of every user is about three descriptors in the browser, which inherits this limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
