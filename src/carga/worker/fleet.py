"""The browsers of one worker: loads engines when a plan wants them, opens browsers, and notices when one is gone."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from carga.engines.catalogue import load_engine
from carga.engines.engine import Browser, Engine
from carga.errors import CargaError
from carga.wire.messages import UserSpec
from carga.worker import events as ev

ENVIRONMENT_PREFIX = "CARGA_"

log = logging.getLogger("carga.worker")


class Fleet:
    """`instead` is an engine that stands in for all others, in tests and simulations."""

    def __init__(self, instead: Engine | None = None) -> None:
        self._instead = instead
        self._engines: dict[str, Engine] = {}
        self._browsers: dict[int, Browser] = {}

    def load(self, names: Iterable[str]) -> None:
        """Raises BrowserMissing for the first engine that is not installed."""
        for name in names:
            if name not in self._engines:
                self._engines[name] = self._instead or load_engine(name)

    def get(self, number: int) -> Browser | None:
        return self._browsers.get(number)

    def pids(self) -> list[int]:
        return [browser.pid for browser in self._browsers.values()]

    async def run(self, action: ev.OpenBrowser, on_opened: Callable[[], None]) -> str:
        """Opens a browser and stays until it is gone. Returns why, "" when we closed it. Raises CargaError."""
        kind = action.kind
        browser = await self._engines[kind.engine].open_browser(
            kind.rendering, isolation=kind.isolation, environment=environment_of(action.user)
        )
        self._browsers[action.browser] = browser
        on_opened()
        await browser.closed.wait()
        if self._browsers.pop(action.browser, None) is None:
            return ""
        reason = browser.reason or "The browser is gone."
        await browser.close()
        return reason

    async def close(self, number: int) -> None:
        if browser := self._browsers.pop(number, None):
            await browser.close()

    def kill(self) -> None:
        """Ends all of them at once."""
        for browser in self._browsers.values():
            browser.kill()
        self._browsers.clear()

    async def close_all(self) -> None:
        """One after the other would take a second each; an error of one must not keep the others."""
        results = await asyncio.gather(*(self.close(number) for number in list(self._browsers)), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, CargaError):
                log.error("a browser did not close", exc_info=result)


def environment_of(user: UserSpec | None) -> dict[str, str]:
    """The identity as environment variables, for a browser that is one user's alone: `CARGA_SERIAL=…`."""
    if user is None:
        return {}
    fields = {"index": str(user.index), **user.identity}
    return {ENVIRONMENT_PREFIX + _variable(name): value for name, value in fields.items()}


def _variable(field: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in field).upper()
