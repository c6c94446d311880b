"""A Chromium that holds many users, each in a browser context of its own."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from carga.engines.chromium.connection import Connection
from carga.engines.chromium.drawing import FrameDriver
from carga.engines.chromium.find import BrowserInfo, find_chromium
from carga.engines.chromium.gpu import GpuWatch
from carga.engines.chromium.page import ChromiumPage
from carga.engines.chromium.process import Controlled, start_process
from carga.engines.chromium.sandbox import Sandbox, detect, refused
from carga.engines.engine import NO_ENVIRONMENT, PageListener, PageSettings
from carga.engines.profile import sweep
from carga.errors import BrowserFailed, PageFailed
from carga.model.plan import Isolation, Rendering

if TYPE_CHECKING:
    from carga.engines.chromium.container import Containers

START_TIMEOUT_S = 30.0
CLOSE_GRACE_S = 3.0

DISABLED_FEATURES = (
    # After an input, a page's other tasks wait for the next frame, 50 ms at most. Where no frames are drawn that would
    # add 50 ms to the answer of every key press: docs/decisions/0001-no-frames-honest-latency.md.
    "DeferRendererTasksAfterInput",
    "AutofillServerCommunication",
    "CertificateTransparencyComponentUpdater",
    "MediaRouter",
    "OptimizationHints",
    "Translate",
    # A page that comes back from a cache, or that was made before anybody wanted it, would escape its session.
    "BackForwardCache",
    "Prerender2",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-client-side-phishing-detection",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--disable-hang-monitor",
    "--disable-features=" + ",".join(DISABLED_FEATURES),
    # A user in the background is a user like any other.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-ipc-flooding-protection",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--password-store=basic",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--allow-running-insecure-content",
    # The GPU process is there again at once; after six losses the browser would end itself and all its users.
    "--disable-gpu-process-crash-limit",
)
# Without the first a frame on request, which a picture needs, is refused.
ON_REQUEST_FLAGS = ("--run-all-compositor-stages-before-draw",)
# Animations run with the page's other work: those that the compositor runs wait for a frame that is really drawn.
RENDERING_FLAGS: dict[Rendering, tuple[str, ...]] = {
    "none": ON_REQUEST_FLAGS,
    "paced": (*ON_REQUEST_FLAGS, "--disable-threaded-animation"),
    "full": (),
}


HELD_TARGETS = ("page", "service_worker", "shared_worker")


class _Attached(msgspec.Struct):
    class _Info(msgspec.Struct):
        type: str
        targetId: str  # noqa: N815 - the protocol's name
        browserContextId: str = ""  # noqa: N815

    sessionId: str  # noqa: N815
    targetInfo: _Info  # noqa: N815


class _Detached(msgspec.Struct):
    sessionId: str  # noqa: N815


class SandboxRefused(BrowserFailed):
    """The browser did not start because it may not have a sandbox."""

    reason = "this system forbids the browser to make user namespaces"


class ChromiumEngine:
    name = "chromium"

    def __init__(self, info: BrowserInfo | None = None, sandbox: Sandbox | None = None) -> None:
        """Raises BrowserMissing when no usable Chromium is installed."""
        self._info = info or find_chromium()
        self.sandbox = sandbox or detect()
        """Off from the first browser on that could not have one."""
        self.version = self._info.version
        self._containers: Containers | None = None

    @property
    def unsafe(self) -> str:
        return self.sandbox.reason

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "context",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> "ChromiumBrowser":
        await asyncio.to_thread(sweep)
        if isolation == "container":
            return await self._open_container(rendering, environment)
        sandbox = self.sandbox
        try:
            return await self._open(sandbox, rendering)
        except SandboxRefused as error:
            if not sandbox.on:
                raise
            self.sandbox = sandbox.without(error.reason)
        return await self._open(self.sandbox, rendering)

    async def _open_container(self, rendering: Rendering, environment: Mapping[str, str]) -> "ChromiumBrowser":
        from carga.engines.chromium.container import Containers  # nobody needs Docker for the other isolations

        self._containers = self._containers or Containers()
        return await self._containers.open(_flags(rendering), rendering, environment)

    async def _open(self, sandbox: Sandbox, rendering: Rendering) -> "ChromiumBrowser":
        process = start_process(self._info, sandbox, _flags(rendering))
        browser = ChromiumBrowser(process, rendering)
        try:
            await browser.start()
        except BaseException:
            await browser.close()
            raise
        return browser


def _flags(rendering: Rendering) -> list[str]:
    return [*FLAGS, *RENDERING_FLAGS[rendering]]


class ChromiumBrowser:
    def __init__(self, process: Controlled, rendering: Rendering) -> None:
        self.closed = process.ended
        self._process = process
        self._rendering = rendering
        self._connection = Connection(process.command_fd, process.answer_fd, self._on_event)
        self._frames = FrameDriver(self._connection)
        self._gpu = GpuWatch(process.pid, self._connection, self._gpu_lost)
        self._pages: dict[str, ChromiumPage] = {}
        """By browser context."""
        self._expected = False
        self._watch = asyncio.create_task(self._watch_end())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def reason(self) -> str:
        if self._expected or not self.closed.is_set():
            return ""
        status = self._process.exit_status
        how = f"was killed by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
        return f"The browser {how}."

    @property
    def frames_given(self) -> int:
        """On request, since the browser's start."""
        return self._frames.given

    async def start(self) -> None:
        """Waits until the browser answers. Raises BrowserFailed with what it said when it does not."""
        try:
            await self._connection.call("Browser.getVersion", timeout_s=START_TIMEOUT_S)
            await self._gpu.start()
            # Shared and service workers and windows that a page opens are targets of their own, which start with the
            # browser's own user agent unless they are held until theirs is set. (Where pages are left out of the
            # filter, `window.open` never returns.)
            await self._connection.call(
                "Target.setAutoAttach",
                {
                    "autoAttach": True,
                    "waitForDebuggerOnStart": True,
                    "flatten": True,
                    "filter": [*({"type": kind} for kind in HELD_TARGETS), {"exclude": True}],
                },
            )
            await self._close_first_page()
        except (BrowserFailed, PageFailed) as error:
            said = self._process.stderr_tail()
            failure = SandboxRefused if refused(said) else BrowserFailed
            raise failure(
                f"Chromium did not start: {said[-500:] or error.problem}", "Run `carga doctor` to see what is missing."
            ) from error

    async def _close_first_page(self) -> None:
        """The browser begins with an empty page that is nobody's. Where frames come on request, it alone would have its
        own 60 a second, for 4 % of a core."""
        targets = (await self._connection.call("Target.getTargets"))["targetInfos"]
        for target in targets:
            if target["type"] == "page":
                self._connection.post("Target.closeTarget", {"targetId": target["targetId"]})

    async def open_page(self, settings: PageSettings, listener: PageListener) -> ChromiumPage:
        context = (await self._connection.call("Target.createBrowserContext", {"disposeOnDetach": True}))[
            "browserContextId"
        ]
        page = ChromiumPage(self._connection, context, settings, listener, self._rendering, self._frames)
        self._pages[context] = page
        page.on_closed = lambda: self._pages.pop(context, None)
        try:
            await page.open()
        except BaseException:
            await page.close()
            raise
        return page

    async def check_script(self, source: str, name: str) -> str:
        target = (await self._connection.call("Target.createTarget", {"url": "about:blank"}))["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = (await self._connection.call("Target.attachToTarget", attach))["sessionId"]
        parameters: dict[str, Any] = {"expression": source, "sourceURL": name, "persistScript": False}
        await self._connection.call("Runtime.enable", {}, session)
        answer = await self._connection.call("Runtime.compileScript", parameters, session)
        await self._connection.call("Target.closeTarget", {"targetId": target})
        details = answer.get("exceptionDetails")
        if not details:
            return ""
        words = str(details.get("exception", {}).get("description", details.get("text", "")))
        return f"line {details['lineNumber'] + 1}: {' '.join(words.split())[:300]}"

    def _on_event(self, method: str, params: msgspec.Raw) -> None:
        if method == "Target.attachedToTarget":
            self._attached(msgspec.json.decode(params, type=_Attached))
        elif method == "Target.detachedFromTarget":
            session = msgspec.json.decode(params, type=_Detached).sessionId
            for page in self._pages.values():
                page.popups.pop(session, None)

    def _attached(self, attached: _Attached) -> None:
        info, session = attached.targetInfo, attached.sessionId
        if info.type not in HELD_TARGETS:
            return
        page = self._pages.get(info.browserContextId)
        if page is not None and info.type == "page" and not page.attached:
            page.attached = session
            return
        if page is not None and page.settings.user_agent:
            override = {"userAgent": page.settings.user_agent, "acceptLanguage": page.settings.locale}
            self._connection.post("Network.setUserAgentOverride", override, session)
        self._connection.post("Runtime.runIfWaitingForDebugger", {}, session)
        if page is not None and info.type == "page":
            page.add_popup(session, info.targetId)

    def _gpu_lost(self) -> None:
        """Counted once for the browser, by any of its users."""
        for page in self._pages.values():
            page.listener.on_count("gpu_crashes")
            return

    async def _watch_end(self) -> None:
        """Cleans up when the browser is gone, whoever ended it. Its users are for those who wait for `closed`."""
        ends = (asyncio.create_task(self._connection.closed.wait()), asyncio.create_task(self.closed.wait()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        self._connection.close()
        self._frames.close()
        self._gpu.close()
        await self._process.end(grace_s=0 if not self._expected else CLOSE_GRACE_S)

    async def close(self) -> None:
        self._expected = True
        if not self.closed.is_set():
            self._connection.post("Browser.close")
            self._connection.close()
        await asyncio.shield(self._watch)

    def kill(self) -> None:
        self._process.kill()
