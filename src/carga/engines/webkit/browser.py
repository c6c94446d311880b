"""A MiniBrowser with its driver and its display: the browser of one user."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack

from carga.engines.account import BROWSER_UID
from carga.engines.engine import NO_ENVIRONMENT, PageListener, PageSettings
from carga.engines.processes import Processes
from carga.engines.profile import sweep
from carga.engines.webkit.crashes import CrashWatch
from carga.engines.webkit.display import sweep_displays
from carga.engines.webkit.driver import Driver
from carga.engines.webkit.find import WebkitInfo, find_webkit
from carga.engines.webkit.inspector import Inspector
from carga.engines.webkit.page import WebkitPage
from carga.errors import BrowserFailed, PageFailed
from carga.model.plan import Isolation, Rendering

START_TIMEOUT_S = 60.0
CLOSE_GRACE_S = 2.0
"""For the display to take its socket away."""
SAID_MAX = 500
SCREEN = "64x48x24"
"""Of the display. Windows are larger, and drawn all the same; so the pointer, which starts in the middle of the screen,
is in the window and gives it the focus."""


class WebkitEngine:
    name = "webkit"
    unsafe = "MiniBrowser runs its pages without a sandbox; as another user than root where the worker is root"

    def __init__(self, info: WebkitInfo | None = None) -> None:
        """Raises BrowserMissing when a part of it is not installed."""
        self._info = info or find_webkit()
        self.version = self._info.version

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "process",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> "WebkitBrowser":
        await asyncio.to_thread(sweep)
        await asyncio.to_thread(sweep_displays, {os.geteuid(), BROWSER_UID})
        browser = WebkitBrowser(self._info, Processes())
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await browser.start()
        except TimeoutError:
            await browser.close()
            raise BrowserFailed(
                f"WebKitGTK did not start within {START_TIMEOUT_S:g} s. {browser.said()}".strip(),
                "Run `carga doctor` to see what is missing.",
            ) from None
        except (BrowserFailed, PageFailed) as error:
            await browser.close()
            raise BrowserFailed(
                f"WebKitGTK did not start: {error.problem} {browser.said()}".strip(),
                "Run `carga doctor` to see what is missing.",
            ) from error
        except BaseException:
            await browser.close()
            raise
        return browser


class WebkitBrowser:
    def __init__(self, info: WebkitInfo, processes: Processes) -> None:
        self.closed = asyncio.Event()
        self._info = info
        self._processes = processes
        self._inspector: Inspector | None = None
        self._driver: Driver | None = None
        self._display = ""
        self._page: WebkitPage | None = None
        self._crashes: CrashWatch | None = None
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

    async def start(self) -> None:
        """Raises BrowserFailed or PageFailed."""
        self._watch = asyncio.create_task(self._watch_end())
        self._processes.start(
            "display",
            [str(self._info.display), "-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"],
            {},
        )
        number = await self._processes.hear("display", r"^(\d+)$")
        self._display = f":{number[1]}"
        await self._processes.while_alive(self._start_browser(""))

    async def _start_browser(self, timezone: str) -> None:
        inspector_port, driver_port = _free_ports(2)
        address = f"127.0.0.1:{inspector_port}"
        environment = {
            "DISPLAY": self._display,
            "LANG": "en_US.UTF-8",  # with LANG=C the pages' language would be "C"
            "GDK_BACKEND": "x11",
            "GTK_A11Y": "none",
            "NO_AT_BRIDGE": "1",
            "GIO_USE_VFS": "local",
            "GSETTINGS_BACKEND": "memory",
            "WEBKIT_INSPECTOR_SERVER": address,
        }
        options = [f"--time-zone={timezone}"] if timezone else []
        self._processes.start("browser", [str(self._info.path), "--automation", *options], environment)
        self._processes.start(
            "driver", [str(self._info.driver), f"--port={driver_port}", f"--target={address}"], environment
        )
        self._inspector = await Inspector.open(inspector_port)
        self._driver = Driver(driver_port)
        await self._driver.start_session()
        await self._inspector.attach()

    async def open_page(self, settings: PageSettings, listener: PageListener) -> WebkitPage:
        if self._page is not None:
            raise PageFailed("This browser has its user already.")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                if settings.timezone:
                    await self._processes.while_alive(self._restart(settings.timezone))
                inspector, driver = self._ends()
                self._page = page = WebkitPage(inspector, driver, settings, listener)
                await page.open()
                self._crashes = CrashWatch(self.pid, page.look)
                self._crashes.look()
                page.on_target = self._crashes.look
        except TimeoutError:
            raise BrowserFailed(f"The browser did not set a page up within {START_TIMEOUT_S:g} s.") from None
        return self._page

    async def _restart(self, timezone: str) -> None:
        """A time zone can only be given to a MiniBrowser when it starts, and the user is known only now."""
        inspector, driver = self._ends()
        for name in ("driver", "browser"):
            self._processes.stop(name)
        await inspector.close()
        await driver.close()
        await self._start_browser(timezone)

    def _ends(self) -> tuple[Inspector, Driver]:
        if self._inspector is None or self._driver is None:
            raise BrowserFailed("The browser has not started.")
        return self._inspector, self._driver

    async def check_script(self, source: str, name: str) -> str:
        inspector, _ = self._ends()
        answer = await inspector.call("Runtime.parse", {"source": source})
        if answer["result"] == "none":
            return ""
        line = source[: answer["range"]["startOffset"]].count("\n") + 1
        return f"line {line}: {' '.join(str(answer.get('message', '')).split())[:300]}"

    async def _watch_end(self) -> None:
        """Cleans up when one of the processes is gone, whoever ended it, or when the display has been asked to end."""
        await self._processes.ending.wait()
        await self._clean()

    async def _clean(self) -> None:
        if self._crashes is not None:
            self._crashes.close()
        if self._inspector is not None:
            await self._inspector.close()
        if self._driver is not None:
            await self._driver.close()
        await self._processes.end(grace_s=CLOSE_GRACE_S)
        if not self._expected:
            self._reason = f"The browser is gone: its {self._processes.how}."
        self.closed.set()

    async def close(self) -> None:
        self._expected = self._expected or not self.closed.is_set()
        self._processes.ask()
        if self._watch is not None and self.pid:
            await asyncio.shield(self._watch)
            return
        if self._watch is not None:
            self._watch.cancel()  # nothing has been started
        await self._clean()

    def kill(self) -> None:
        self._processes.kill()


def _free_ports(count: int) -> list[int]:
    """Ports of this machine on which nothing listens, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
