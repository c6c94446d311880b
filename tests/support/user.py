"""One user in a real browser, with the worker's session around it and what was gathered beside it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from carga.engines.chromium.browser import ChromiumEngine
from carga.engines.engine import Browser, InputKind
from carga.model.plan import Group
from carga.model.windows import Area, Metric, Window
from carga.page.bundle import Names, bundle
from carga.wire.messages import UserSpec
from carga.worker.collector import Collector
from carga.worker.session import Session, SessionEvents
from carga.worker.settings import page_settings

WAIT_S = 15.0
NAMES = Names(binding="_test_binding", control="_test_control")


class HeardUser(SessionEvents):
    """What one user has said so far."""

    def __init__(self) -> None:
        self.session: Session
        self.collector = Collector("test")
        self.logs: list[str] = []
        self.pictures: list[tuple[str, str]] = []
        self.inputs: list[InputKind] = []
        self.lost: list[str] = []
        self.trials: list[tuple[str, float, str]] = []

    # --- SessionEvents ---------------------------------------------------------------------------------

    def on_lost(self, session: Session, reason: str) -> None:
        self.lost.append(reason)

    def on_picture_wanted(self, spec: UserSpec, name: str, message: str) -> None:
        self.pictures.append((name, message))

    def on_log(self, spec: UserSpec, line: str) -> None:
        self.logs.append(line)

    def on_trial(self, session: Session, step: str, ms: float, problem: str) -> None:
        self.trials.append((step, ms, problem))

    # --- what was measured -----------------------------------------------------------------------------

    @property
    def window(self) -> Window:
        return self.collector._open

    @property
    def metrics(self) -> dict[str, Metric]:
        return self.window.metrics

    @property
    def counters(self) -> dict[str, int]:
        return self.window.counters

    def counter(self, name: str) -> int:
        return self.counters.get(name, 0)

    def count(self, metric: str) -> int:
        """Values of a metric."""
        return self.metrics[metric].values.count if metric in self.metrics else 0

    def failed(self, metric: str) -> int:
        return self.metrics[metric].failed if metric in self.metrics else 0

    def mean(self, metric: str) -> float:
        values = self.metrics[metric].values
        return values.sum / values.count

    def causes(self, area: Area) -> dict[str, int]:
        return self.collector.causes.get(area, {})

    def messages(self, area: Area) -> list[str]:
        return [error.message for error in self.window.errors if error.area == area]

    # --- doing -----------------------------------------------------------------------------------------

    async def until(self, condition: Callable[["HeardUser"], object], *, timeout_s: float = WAIT_S) -> None:
        """Waits until the page has said what `condition` asks for."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not within {timeout_s:g} s. Counters {self.counters}, metrics {sorted(self.metrics)},"
                    f" causes {self.collector.causes}, logs {self.logs}, lost {self.lost}"
                )
            await asyncio.sleep(0.01)

    async def call(self, js: str) -> Any:
        """The value of the expression `js` in the page."""
        return await self.session.page.call(js, timeout_s=WAIT_S)

    async def finish(self, grace_s: float = 1.0) -> Window:
        """Ends the user as a worker does, and gives all that was measured."""
        await self.session.finish(grace_s)
        return self.window


async def start_user(
    browser: Browser,
    url: str,
    behaviour: str = "",
    *,
    index: int = 0,
    seed: int = 1,
    identity: dict[str, str] | None = None,
    trial: bool = False,
    trusted_input: bool = True,
    **group_fields: Any,
) -> HeardUser:
    """Opens a page as a worker does and waits until its first document has started."""
    group = Group(name="test", count=1, behaviour="test.js" if behaviour else "", **group_fields)
    script = bundle(group, behaviour_source=behaviour, seed=seed, names=NAMES, trusted_input=trusted_input, trial=trial)
    problem = await browser.check_script(script, "test.js")
    assert not problem, problem
    spec = UserSpec(
        index, 0, 1, url, identity or {}, group.user_agent, group.headers, {c.name: c.value for c in group.cookies}
    )
    heard = HeardUser()
    heard.session = Session(spec, NAMES, heard.collector, heard, asyncio.ensure_future, time.monotonic, browser=1)
    heard.session.page = await browser.open_page(page_settings(group, spec, script=script, names=NAMES), heard.session)
    _note_inputs(heard)
    error = await heard.session.page.navigate(url)
    assert not error, error
    async with asyncio.timeout(WAIT_S):
        await heard.session.running.wait()
    return heard


def _note_inputs(heard: HeardUser) -> None:
    """Every trusted input that is asked of the browser is noted, then made."""
    make = heard.session.page.input

    def note(kind: InputKind, parameters: bytes) -> None:
        heard.inputs.append(kind)
        make(kind, parameters)

    heard.session.page.input = note  # type: ignore[method-assign]


@asynccontextmanager
async def running_user(url: str, behaviour: str = "", **options: Any) -> AsyncIterator[HeardUser]:
    """A user in a browser of its own; see `start_user`."""
    browser = await ChromiumEngine().open_browser(options.get("rendering", "none"))
    try:
        yield await start_user(browser, url, behaviour, **options)
    finally:
        await browser.close()
