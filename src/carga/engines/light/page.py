"""One user's page: a DevTools connection with a browser context and a target in it."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from carga.engines.engine import InputKind, PageListener, PageSettings
from carga.engines.light.connection import Connection, Params
from carga.engines.light.errors import network_error
from carga.errors import BrowserFailed, CargaError, PageFailed
from carga.model.engines import ENGINES
from carga.model.plan import Cookie

NAVIGATE_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 8.0
CLOSE_TIMEOUT_S = 5.0
DEFAULT_AGENT = "Lightpanda/1.0"
"""What it sends by itself. A language can only be set together with an agent."""
_REMEDY = "Give this group another user agent, or another engine."
_LEAVING = "dispatchEvent(new Event('beforeunload')), dispatchEvent(new Event('pagehide')), 0"


class LightPage:
    """`on_closed` is called once, with the page and whether it was lost rather than closed."""

    def __init__(
        self, settings: PageSettings, listener: PageListener, on_closed: Callable[["LightPage", bool], None]
    ) -> None:
        self.settings = settings
        self._listener = listener
        self._on_closed = on_closed
        self._connection = Connection(self._on_event, self._on_end)
        self._target = ""
        self._session = ""
        self._document = 0
        """The document that spoke last, 0 before the first."""
        self._closing = False

    async def open(self, path: Path) -> None:
        """Makes context and target and sets them up. Raises BrowserFailed or PageFailed."""
        settings = self.settings
        never = ENGINES["light"].agent_never
        if never in settings.user_agent.lower():
            raise PageFailed(f"Lightpanda sends no user agent with {never!r} in it: {settings.user_agent!r}.", _REMEDY)
        call = self._connection.call
        await self._connection.open(path)
        context = (await call("Target.createBrowserContext"))["browserContextId"]
        create = {"url": "about:blank", "browserContextId": context}
        self._target = (await call("Target.createTarget", create))["targetId"]
        attach = {"targetId": self._target, "flatten": True}
        self._session = (await call("Target.attachToTarget", attach))["sessionId"]
        width, height = settings.viewport
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        commands: list[tuple[str, dict[str, Any]]] = [
            ("Runtime.enable", {}),  # without it the binding is silent
            ("Runtime.addBinding", {"name": settings.binding}),
            ("Page.addScriptToEvaluateOnNewDocument", _script(settings.script)),
            ("Log.enable", {}),
            ("Emulation.setDeviceMetricsOverride", screen),
        ]
        if settings.user_agent or settings.locale:
            agent = {"userAgent": settings.user_agent or DEFAULT_AGENT}
            if settings.locale:
                agent["acceptLanguage"] = settings.locale
            commands.append(("Emulation.setUserAgentOverride", agent))
        if settings.headers:
            # They need the Network domain, whose events cost; only groups that ask for them pay.
            commands.append(("Network.enable", {}))
            commands.append(("Network.setExtraHTTPHeaders", {"headers": settings.headers}))
        if settings.cookies:
            commands.append(("Storage.setCookies", {"cookies": [_cookie(cookie) for cookie in settings.cookies]}))
        answers = [self._connection.send(method, parameters, self._session) for method, parameters in commands]
        try:
            async with asyncio.timeout(NAVIGATE_TIMEOUT_S):
                await asyncio.gather(*answers)
        except TimeoutError:
            raise BrowserFailed(f"Lightpanda did not set a page up within {NAVIGATE_TIMEOUT_S:g} s.") from None

    async def navigate(self, url: str) -> str:
        answer = await self._connection.call("Page.navigate", {"url": url}, self._session, timeout_s=NAVIGATE_TIMEOUT_S)
        return network_error(str(answer.get("errorText", "")))

    def evaluate(self, expression: str, document: int) -> None:
        self._connection.post(
            "Runtime.evaluate", {"expression": expression, "contextId": document, "silent": True}, self._session
        )

    async def call(self, expression: str, *, timeout_s: float) -> Any:
        answer = await self._connection.call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
            self._session,
            timeout_s=timeout_s,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageFailed(str(details.get("exception", {}).get("description", details.get("text", "")))[:300])
        return answer["result"].get("value")

    def input(self, kind: InputKind, parameters: bytes) -> None:
        """The runtime makes synthetic events instead, so nobody asks for this."""

    async def picture(self) -> bytes:
        """PNG: Lightpanda writes text and colours where its simple layout puts them, and makes nothing else."""
        answer = await self._connection.call(
            "Page.captureScreenshot", {"format": "png"}, self._session, timeout_s=PICTURE_TIMEOUT_S
        )
        return base64.b64decode(answer.get("data", ""))

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(CargaError):  # its WebSockets are closed in order, instead of being cut
            await self._connection.call("Target.closeTarget", {"targetId": self._target}, timeout_s=CLOSE_TIMEOUT_S)
        self._connection.close()
        self._on_closed(self, False)

    def drop(self) -> None:
        """The browser is gone, which is told elsewhere."""
        self._closing = True
        self._connection.close()

    def lose(self, reason: str) -> None:
        """The page is gone without our doing; tells the listener."""
        self._listener.on_lost(reason)

    def _on_end(self) -> None:
        if not self._closing:
            self._closing = True
            self._on_closed(self, True)

    def _on_event(self, method: str, params: Params) -> None:
        if method == "Runtime.bindingCalled":
            if params.name == self.settings.binding:
                self._document = params.executionContextId
                self._listener.on_batch(params.payload, params.executionContextId)
        elif method == "Log.entryAdded":
            entry = params.entry
            if entry is not None and entry.source == "network" and entry.level == "error":
                self._listener.on_network_error(entry.url, entry.text)
        elif method == "Page.frameStartedNavigating" and params.frameId == self._target and self._document:
            # Lightpanda has no events for a page that goes away. It still runs while the next document is awaited.
            self.evaluate(_LEAVING, self._document)
            self._document = 0


@lru_cache(maxsize=32)
def _script(source: str) -> dict[str, Any]:
    """Written as JSON once, not for every user."""
    return {"source": msgspec.Raw(msgspec.json.encode(source))}


def _cookie(cookie: Cookie) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }
