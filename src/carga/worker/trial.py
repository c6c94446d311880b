"""One user of a plan, once, with a picture after each step: what `carga try` shows."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from carga.engines.catalogue import load_engine
from carga.engines.engine import Browser, PageSettings
from carga.errors import BehaviourError, CargaError, UsageError
from carga.exitcodes import ExitCode
from carga.model.engines import ENGINES, kind_of
from carga.model.identity import fill_user
from carga.page.bundle import Names, bundle
from carga.plans import LoadedPlan
from carga.wire.messages import UserSpec
from carga.worker.collector import Collector
from carga.worker.fleet import environment_of
from carga.worker.session import Session, SessionEvents
from carga.worker.settings import page_settings

ITERATION_TIMEOUT_S = 300.0
WATCH_ALONE_S = 10.0
"""A page that drives itself is watched for so long."""


class TrialEvent(msgspec.Struct, frozen=True):
    """One line of the trial. `kind`: step, iteration, log, input, problem, page."""

    kind: str
    name: str = ""
    ms: float | None = None
    problem: str = ""
    picture: Path | None = None


class _Trial(SessionEvents):
    def __init__(self, out: Path, report: Callable[[TrialEvent], None]) -> None:
        self.ended = asyncio.Event()
        self.failed = False
        self.tasks: set[asyncio.Task[None]] = set()
        self._out = out
        self._report = report
        self._steps = 0

    def on_running(self, session: Session) -> None:
        self._report(TrialEvent("page", session.spec.url))

    def on_lost(self, session: Session, reason: str) -> None:
        self._report(TrialEvent("problem", problem=reason))
        self.failed = True
        self.ended.set()

    def on_log(self, spec: UserSpec, line: str) -> None:
        self._report(TrialEvent("log", line))

    def on_trial(self, session: Session, step: str, ms: float, problem: str) -> None:
        task = asyncio.create_task(self._show(session, step, ms, problem))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _show(self, session: Session, step: str, ms: float, problem: str) -> None:
        self.failed = self.failed or bool(problem)
        self._steps += 1
        picture = await self.picture(session, f"{self._steps:02d}-{step or 'end'}")
        if step:
            self._report(TrialEvent("step", step, ms, problem, picture))
            session.go_on()
        else:
            self._report(TrialEvent("iteration", "", ms, problem, picture))
            self.ended.set()

    async def picture(self, session: Session, name: str) -> Path | None:
        """Writes what the page shows to a file of that name; None when there is no picture to be had."""
        try:
            image = await session.page.picture()
        except CargaError as error:
            self._report(TrialEvent("problem", problem=f"no picture: {error.problem}"))
            return None
        path = self._out / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-').lower()[:60]}.jpg"
        await asyncio.to_thread(path.write_bytes, image)
        return path


async def try_user(loaded: LoadedPlan, index: int, out: Path, report: Callable[[TrialEvent], None]) -> int:
    """Runs user `index` once. Pictures go to `out`, which must exist.

    Returns PASSED, THRESHOLD when the behaviour failed, or NO_USER when the page could not be opened. Raises
    BrowserMissing, BrowserFailed, BehaviourError, and UsageError for an index that the plan does not have.
    """
    plan = loaded.plan
    if not 0 <= index < plan.users:
        raise UsageError(f"There is no user {index}.", f"The plan has users 0 to {plan.users - 1}.")
    filled = fill_user(plan, index, loaded.rows)
    spec = UserSpec(
        index=index,
        group=filled.group,
        assignment=1,
        url=filled.url,
        identity=filled.identity,
        user_agent=filled.user_agent,
        headers=filled.headers,
        cookies=filled.cookies,
    )
    kind = kind_of(plan.groups[spec.group], index)
    engine = load_engine(kind.engine)
    browser = await engine.open_browser(kind.rendering, isolation=kind.isolation, environment=environment_of(spec))
    try:
        return await _run(loaded, spec, browser, out, report)
    finally:
        await browser.close()


async def _run(
    loaded: LoadedPlan, spec: UserSpec, browser: Browser, out: Path, report: Callable[[TrialEvent], None]
) -> int:
    group = loaded.plan.groups[spec.group]
    names = Names(binding=f"_{secrets.token_hex(8)}", control=f"_{secrets.token_hex(8)}")
    source = loaded.behaviours.get(group.behaviour, "")
    trusted_input = ENGINES[group.engine].trusted_input
    script = bundle(
        group,
        rendering=kind_of(group, spec.index).rendering,
        behaviour_source=source,
        seed=loaded.plan.seed,
        names=names,
        trusted_input=trusted_input,
        trial=True,
    )
    if error := await browser.check_script(script, group.behaviour):
        raise BehaviourError(f"{group.behaviour}: {error}", "Correct the behaviour, then try again.")
    collector = Collector("trial")
    trial = _Trial(out, report)
    session = Session(spec, names, collector, trial, asyncio.create_task, time.monotonic, browser=1)
    settings: PageSettings = page_settings(group, spec, script=script, names=names)
    session.page = await browser.open_page(settings, session)
    if error := await session.page.navigate(spec.url):
        report(TrialEvent("problem", problem=f"{error} at {spec.url}"))
        return ExitCode.NO_USER
    if group.behaviour:
        try:
            async with asyncio.timeout(ITERATION_TIMEOUT_S):
                await trial.ended.wait()
        except TimeoutError:
            report(TrialEvent("problem", problem=f"the behaviour did not end within {ITERATION_TIMEOUT_S:g} s"))
            trial.failed = True
    else:
        await asyncio.sleep(WATCH_ALONE_S)
        report(TrialEvent("iteration", picture=await trial.picture(session, "page")))
    await session.finish(1.0)
    for area, causes in sorted(collector.causes.items()):
        for cause, count in sorted(causes.items()):
            if area != "step":
                report(TrialEvent("problem", area, problem=f"{cause} ({count} times)" if count > 1 else cause))
    return ExitCode.THRESHOLD if trial.failed else ExitCode.PASSED
