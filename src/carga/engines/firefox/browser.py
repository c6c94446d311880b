"""A Firefox that holds many users, each in a user context and a window of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from carga.engines.engine import NO_ENVIRONMENT, PageListener, PageSettings
from carga.engines.firefox.connection import Connection
from carga.engines.firefox.find import FirefoxInfo, find_firefox
from carga.engines.firefox.page import FirefoxPage
from carga.engines.firefox.preferences import REMOTE_SETTINGS_OFF, user_js
from carga.engines.processes import Processes
from carga.engines.profile import sweep
from carga.errors import BrowserFailed, PageFailed
from carga.model.plan import Isolation, Rendering

START_TIMEOUT_S = 45.0
SAID_MAX = 500
EVENTS = (
    "script.message",
    "script.realmDestroyed",
    "network.fetchError",
    "browsingContext.contextCreated",
    "browsingContext.contextDestroyed",
    "browsingContext.navigationCommitted",
)
_NAME = "firefox"
_COMPILE = """(source) => {
  try {
    (0, eval)(`if (false) {${source}\\n}`); // compiled whole, and not run
    return "";
  } catch (error) {
    return `line ${error.lineNumber}: ${error}`;
  }
}"""


class _Source(msgspec.Struct, frozen=True):
    context: str = ""


class _Placed(msgspec.Struct):
    """What the events of a page have in common: its browsing context, here or in `source`."""

    context: str | None = ""
    source: _Source = _Source()
    userContext: str | None = ""  # noqa: N815 - the protocol's name


_read_place = msgspec.json.Decoder(_Placed).decode


class FirefoxEngine:
    name = "firefox"
    unsafe = ""
    """Firefox has a sandbox for its content processes, for ordinary users and for the one that stands in for root."""

    def __init__(self, info: FirefoxInfo | None = None, preferences: dict[str, bool | int | str] | None = None) -> None:
        """Raises BrowserMissing when no usable Firefox is installed. `preferences` come on top of the usual ones."""
        self._info = info or find_firefox()
        self._preferences = preferences
        self.version = self._info.version

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "context",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> "FirefoxBrowser":
        await asyncio.to_thread(sweep)
        browser = FirefoxBrowser(Processes())
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await browser.start(self._info, user_js(self._preferences))
        except TimeoutError:
            await browser.close()
            raise BrowserFailed(
                f"Firefox did not start within {START_TIMEOUT_S:g} s. {browser.said()}".strip(),
                "Run `carga doctor` to see what is missing.",
            ) from None
        except (BrowserFailed, PageFailed) as error:
            await browser.close()
            raise BrowserFailed(
                f"Firefox did not start: {browser.said() or error.problem}",
                "Run `carga doctor` to see what is missing.",
            ) from error
        except BaseException:
            await browser.close()
            raise
        return browser


class FirefoxBrowser:
    def __init__(self, processes: Processes) -> None:
        self.closed = asyncio.Event()
        self._processes = processes
        self._connection: Connection | None = None
        self._pages: dict[str, FirefoxPage] = {}
        """By browsing context."""
        self._owners: dict[str, FirefoxPage] = {}
        """By user context."""
        self._expected = False
        self._reason = ""
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._processes.pid

    @property
    def reason(self) -> str:
        return self._reason

    def said(self) -> str:
        return self._processes.said()[-SAID_MAX:]

    async def start(self, info: FirefoxInfo, preferences: str) -> None:
        """Raises BrowserFailed or PageFailed."""
        profile = self._processes.folder / "profile"
        await asyncio.to_thread(_write_profile, profile, preferences)
        self._processes.start(
            _NAME,
            [
                str(info.path),
                "--headless",
                "--no-remote",
                "--remote-debugging-port=0",
                "--profile",
                str(profile),
                "about:blank",
            ],
            {"MOZ_CRASHREPORTER_DISABLE": "1", "MOZ_DATA_REPORTING": "0", **REMOTE_SETTINGS_OFF},
        )
        address = await self._processes.hear(_NAME, r"WebDriver BiDi listening on (ws://\S+)$")
        self._connection = await Connection.open(f"{address[1]}/session", self._on_event)
        self._watch = asyncio.create_task(self._watch_end(self._connection))
        capabilities = {"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}}
        await self._connection.call("session.new", {"capabilities": capabilities}, timeout_s=START_TIMEOUT_S)
        await self._connection.call("session.subscribe", {"events": list(EVENTS)})

    async def open_page(self, settings: PageSettings, listener: PageListener) -> FirefoxPage:
        connection = self._connected()
        page = FirefoxPage(connection, settings, listener)
        try:
            await page.open(self._owners)
        except BaseException:
            await page.close()
            raise
        self._pages[page.context] = page
        page.on_closed = lambda: (self._pages.pop(page.context, None), self._owners.pop(page.user_context, None))
        return page

    def _connected(self) -> Connection:
        if self._connection is None:
            raise BrowserFailed("The browser has not started.")
        return self._connection

    async def check_script(self, source: str, name: str) -> str:
        connection = self._connected()
        tree = await connection.call("browsingContext.getTree", {"maxDepth": 0})
        answer = await connection.call(
            "script.callFunction",
            {
                "functionDeclaration": _COMPILE,
                "arguments": [{"type": "string", "value": source}],
                "target": {"context": tree["contexts"][0]["context"]},
                "awaitPromise": False,
            },
        )
        return " ".join(str(answer["result"]["value"]).split())[:300]

    def _on_event(self, method: str, params: msgspec.Raw) -> None:
        place = _read_place(params)
        if method == "browsingContext.contextCreated":
            owner = self._owners.get(place.userContext or "")
            if owner is not None:
                owner.add_window(place.context or "")
            return
        page = self._pages.get(place.context or place.source.context)
        if page is not None:
            page.on_event(method, params)

    async def _watch_end(self, connection: Connection) -> None:
        """Cleans up when the browser is gone, whoever ended it."""
        ends = [asyncio.create_task(event.wait()) for event in (connection.closed, self._processes.ended)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        await self._clean()

    async def _clean(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        # A browser that has lost its connection may be about to end: what it ends with is worth a moment.
        await self._processes.end(grace_s=0 if self._expected else 1)
        if not self._expected:
            self._reason = f"The browser is gone: {self._processes.how}."
        self.closed.set()

    async def close(self) -> None:
        self._expected = self._expected or not self.closed.is_set()
        self._processes.kill()  # there is nothing in its profile that it should save
        if self._watch is not None:
            await asyncio.shield(self._watch)
        else:
            await self._clean()

    def kill(self) -> None:
        self._processes.kill()


def _write_profile(folder: Path, preferences: str) -> None:
    folder.mkdir()
    (folder / "user.js").write_text(preferences, encoding="utf-8")
