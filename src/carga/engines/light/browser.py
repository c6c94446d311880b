"""A Lightpanda process that holds many users, each on a connection, and in a thread of Lightpanda's, of its own."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from carga.engines.engine import NO_ENVIRONMENT, PageListener, PageSettings
from carga.engines.light.connection import Connection, Params
from carga.engines.light.find import LightInfo, find_light
from carga.engines.light.page import LightPage
from carga.engines.processes import Processes
from carga.engines.profile import sweep
from carga.errors import BrowserFailed
from carga.model.engines import ENGINES
from carga.model.plan import Isolation, Rendering

START_TIMEOUT_S = 30.0
SAID_MAX = 500
END_SEEN_S = 1.0
"""Connections break a moment before the process that held them is seen to be gone."""
CONNECTIONS_TO_A_HOST_MAX = 8
"""Of one user, WebSockets included: six for requests as browsers have them, and two WebSockets."""
_HANDLES_MAX = 255
"""Requests, and WebSockets, of all users of one process at a time. The options take no more."""
_NAME = "Lightpanda"
_SOCKET = "devtools.sock"
_SPARE_CONNECTIONS = 8
"""For scripts that are checked, and for users that come before Lightpanda has seen others go."""


def arguments(socket: str, users_max: int) -> list[str]:
    return [
        "serve",
        "--unix-socket",
        socket,
        "--cdp-max-connections",
        str(users_max + _SPARE_CONNECTIONS),
        "--cdp-max-pending-connections",
        str(users_max + _SPARE_CONNECTIONS),
        # A behaviour may have a million characters, and JSON writes some of them as six.
        "--cdp-max-message-size",
        str(8 << 20),
        "--http-max-concurrent",
        str(_HANDLES_MAX),
        "--ws-max-concurrent",
        str(_HANDLES_MAX),
        "--http-max-host-open",
        str(CONNECTIONS_TO_A_HOST_MAX),
        # Browsers wait for an answer for as long as the server keeps the connection; the application decides.
        "--http-timeout",
        "0",
        "--http-connect-timeout",
        "60000",
        *(word for kind in ("image", "stylesheet", "iframe", "worker") for word in ("--load-resources", kind)),
        "--disable-metrics",
        # What pages do wrong is measured in the page; here it would cost a line for each.
        "--log-level",
        "fatal",
    ]


class LightEngine:
    name = "light"
    unsafe = ""
    """Lightpanda has no sandbox, so it is never run as root: an unprivileged user stands in, or it is refused."""

    def __init__(self, info: LightInfo | None = None) -> None:
        """Raises BrowserMissing when no usable Lightpanda is installed."""
        self._info = info or find_light()
        self.version = self._info.version

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "context",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> "LightBrowser":
        await asyncio.to_thread(sweep)
        browser = LightBrowser(Processes())
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await browser.start(self._info)
        except (TimeoutError, BrowserFailed) as error:
            await browser.close()
            late = f"within {START_TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else ""
            said = browser.said() or (error.problem if isinstance(error, BrowserFailed) else "It said nothing.")
            raise BrowserFailed(
                f"Lightpanda did not start{f' {late}' if late else ''}: {said}",
                "Run `carga doctor` to see what is wrong.",
            ) from None
        except BaseException:
            await browser.close()
            raise
        return browser


class LightBrowser:
    def __init__(self, processes: Processes) -> None:
        self.closed = asyncio.Event()
        self._processes = processes
        self._socket = processes.folder / _SOCKET
        self._pages: set[LightPage] = set()
        self._expected = False
        self._reason = ""
        self._watch: asyncio.Task[None] | None = None
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        return self._processes.pid

    @property
    def reason(self) -> str:
        return self._reason

    def said(self) -> str:
        return self._processes.said()[-SAID_MAX:]

    async def start(self, info: LightInfo) -> None:
        """Raises BrowserFailed."""
        users_max = ENGINES["light"].users_per_browser
        command = [str(info.path), *arguments(str(self._socket), users_max)]
        self._processes.start(_NAME, command, {"LIGHTPANDA_DISABLE_TELEMETRY": "true"})
        await self._processes.hear(_NAME, "server running")
        self._watch = asyncio.create_task(self._watch_end())

    async def open_page(self, settings: PageSettings, listener: PageListener) -> LightPage:
        if self._processes.ended.is_set():
            raise BrowserFailed("The browser is gone.", "Its users are given to another browser.")
        page = LightPage(settings, listener, self._on_page_end)
        self._pages.add(page)
        try:
            await page.open(self._socket)
        except BaseException:
            await page.close()
            raise
        return page

    def _on_page_end(self, page: LightPage, lost: bool) -> None:
        self._pages.discard(page)
        if lost and not self._expected:
            task = asyncio.create_task(self._tell_lost(page))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def _tell_lost(self, page: LightPage) -> None:
        """When the process is gone too, its users are those of a lost browser, and not of lost pages."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SEEN_S):
                await self._processes.ended.wait()
        if not self._processes.ended.is_set():
            page.lose("Lightpanda has ended the page: its script ran for too long without a pause, or it broke.")

    async def check_script(self, source: str, name: str) -> str:
        connection = Connection(_ignore, lambda: None)
        await connection.open(self._socket)
        try:
            context = (await connection.call("Target.createBrowserContext"))["browserContextId"]
            create = {"url": "about:blank", "browserContextId": context}
            attach = {"targetId": (await connection.call("Target.createTarget", create))["targetId"], "flatten": True}
            session = (await connection.call("Target.attachToTarget", attach))["sessionId"]
            parameters: dict[str, Any] = {"expression": source, "sourceURL": name, "persistScript": False}
            await connection.call("Runtime.enable", {}, session)
            answer = await connection.call("Runtime.compileScript", parameters, session)
        finally:
            connection.close()
        details = answer.get("exceptionDetails")
        if not details:
            return ""
        words = str(details.get("exception", {}).get("description", details.get("text", "")))
        return f"line {details['lineNumber'] + 1}: {' '.join(words.split())[:300]}"

    async def _watch_end(self) -> None:
        """Cleans up when the process is gone, whoever ended it. Its users are for those who wait for `closed`."""
        await self._processes.ended.wait()
        await self._clean()

    async def _clean(self) -> None:
        for page in list(self._pages):
            page.drop()
        await self._processes.end(grace_s=0)
        if not self._expected:
            self._reason = f"The browser is gone: {self._processes.how}."
        self.closed.set()

    async def close(self) -> None:
        self._expected = self._expected or not self.closed.is_set()
        self._processes.kill()  # there is nothing that it should save
        if self._watch is not None:
            await asyncio.shield(self._watch)
        else:
            await self._clean()
        for task in self._ends:
            task.cancel()

    def kill(self) -> None:
        self._processes.kill()


def _ignore(method: str, params: Params) -> None:
    """Nobody is told of what befalls a page in which a script is only compiled."""
