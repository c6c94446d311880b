"""One user's page: the only one of its browser."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec

from carga.engines.actions import sequences
from carga.engines.engine import InputKind, PageListener, PageSettings
from carga.engines.webkit.driver import Driver
from carga.engines.webkit.errors import network_error
from carga.engines.webkit.inspector import Inspector
from carga.errors import BrowserFailed, CargaError, PageFailed
from carga.model.plan import Cookie

NAVIGATE_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 15.0
PICTURE_QUALITY = 0.6
LEAVE_TIMEOUT_S = 3.0
LOOK_TIMEOUT_S = 5.0
"""A page that does not answer for so long, after a process of its browser has ended, is lost."""
SIZE_TIMEOUT_S = 5.0
SIZE_EVERY_S = 0.02
EMPTY = "about:blank"
"""Also what is there instead of a document that could not be loaded."""

# What the page says goes over the console, to which only the inspector listens. Equal messages in a row would be
# merged, so each has a number. Nobody is there to answer dialogs, which hold a page up: they are answered at once, as
# by "OK".
# All stands on one line, so that the lines of a behaviour's errors are those of its file.
_BOOTSTRAP = (
    'if (window === window.top && location.href !== "about:blank") {{'
    " const say = console.debug.bind(console); let number = 0;"
    " window.alert = () => {{}}; window.confirm = () => true; window.prompt = (_, text) => text ?? null;"
    " window[{binding}] = (text) => say({binding}, number++, text); {script}\n}}"
)
_TO_JPEG = """(async () => {
  const bytes = Uint8Array.from(atob(%s), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/jpeg", %s).split(",")[1];
})()"""


class _Parameter(msgspec.Struct):
    value: Any = None


class _Message(msgspec.Struct):
    source: str = ""
    level: str = ""
    text: str = ""
    url: str = ""
    parameters: list[_Parameter] = []


class _Added(msgspec.Struct):
    message: _Message


class _Navigated(msgspec.Struct):
    class _Frame(msgspec.Struct):
        id: str
        url: str
        parentId: str = ""  # noqa: N815 - the protocol's name

    frame: _Frame


class _Created(msgspec.Struct):
    class _Context(msgspec.Struct):
        id: int
        type: str
        frameId: str  # noqa: N815

    context: _Context


class WebkitPage:
    def __init__(self, inspector: Inspector, driver: Driver, settings: PageSettings, listener: PageListener) -> None:
        self.settings = settings
        self.on_target: Callable[[], None] = lambda: None
        """Called when the page has got another process."""
        self._inspector = inspector
        self._driver = driver
        self._listener = listener
        self._frame = ""
        self._document = 0
        self._closing = False
        self._begun = False
        """Whether a document of the target's has been there."""
        self._wanted_url = ""
        self._navigation: asyncio.Future[str] | None = None
        self._main_error = ""
        self._status: tuple[str, str] = ("", "")
        """URL and words of the last bad status."""
        self._status_due: tuple[str, str] | None = None
        """Words about the document's own status, which come before it and belong after its beginning."""
        self._inputs: list[tuple[InputKind, bytes]] = []
        self._acting: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        inspector = self._inspector
        inspector.on_event, inspector.on_target = self._on_event, self._set_up
        self._set_up(inspector.target)
        await inspector.call("Runtime.evaluate", {"expression": "0"})  # all of that has been taken
        for cookie in self.settings.cookies:
            await self._driver.post("cookie", {"cookie": _cookie(cookie)})
        await self._resize(*self.settings.viewport)

    def _set_up(self, target: str) -> None:
        """Before a process of the page runs anything."""
        settings = self.settings
        binding = msgspec.json.encode(settings.binding).decode()
        script = _BOOTSTRAP.format(binding=binding, script=settings.script)
        commands: list[tuple[str, dict[str, Any]]] = [
            ("Page.enable", {}),
            ("Console.enable", {}),
            ("Page.setBootstrapScript", {"source": script}),
            ("Runtime.enable", {}),
        ]
        if settings.user_agent:
            commands.append(("Page.overrideUserAgent", {"value": settings.user_agent}))
        if settings.headers or not settings.cache:
            # The Network domain keeps what pages load; only groups that ask for it pay.
            commands.append(("Network.enable", {}))
        if settings.headers:
            commands.append(("Network.setExtraHTTPHeaders", {"headers": settings.headers}))
        if not settings.cache:
            commands.append(("Network.setResourceCachingDisabled", {"disabled": True}))
        for method, parameters in commands:
            self._inspector.post(method, parameters, target)
        self.on_target()

    async def _resize(self, width: int, height: int) -> None:
        """The window has bars whose size is known only by what is left for the page."""
        outer = [width, height]
        until = time.monotonic() + SIZE_TIMEOUT_S
        while time.monotonic() < until:
            await self._driver.post("window/rect", {"width": outer[0], "height": outer[1]})
            inner = await self.call("[innerWidth, innerHeight]", timeout_s=SIZE_TIMEOUT_S)
            if inner == [width, height]:
                return
            now = await self.call("[outerWidth, outerHeight]", timeout_s=SIZE_TIMEOUT_S)
            if now == outer:
                outer = [outer[0] + width - inner[0], outer[1] + height - inner[1]]
            await asyncio.sleep(SIZE_EVERY_S)
        raise PageFailed(f"The window did not take the size {width} x {height}.")

    # --- Page ------------------------------------------------------------------------------------------

    async def navigate(self, url: str) -> str:
        self._main_error = ""
        self._wanted_url = url
        self._navigation = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(NAVIGATE_TIMEOUT_S):
                await self._inspector.send("Page.navigate", {"url": url})
                return await self._navigation
        except TimeoutError:
            raise BrowserFailed(f"No document began within {NAVIGATE_TIMEOUT_S:g} s.") from None
        finally:
            self._navigation = None

    def evaluate(self, expression: str, document: int) -> None:
        self._inspector.post("Runtime.evaluate", {"expression": expression, "contextId": document})

    async def call(self, expression: str, *, timeout_s: float) -> Any:
        # A promise of the page may be one that the page has made itself, so a function's own is asked for.
        asked = await self._inspector.call(
            "Runtime.evaluate", {"expression": f"(async () => ({expression}\n))()"}, timeout_s=timeout_s
        )
        if asked.get("wasThrown"):
            raise PageFailed(str(asked["result"].get("description", ""))[:300])
        promise = {"promiseObjectId": asked["result"]["objectId"], "returnByValue": True}
        answer = await self._inspector.call("Runtime.awaitPromise", promise, timeout_s=timeout_s)
        if answer.get("wasThrown"):
            raise PageFailed(str(answer["result"].get("description", ""))[:300])
        return answer["result"].get("value")

    def input(self, kind: InputKind, parameters: bytes) -> None:
        self._inputs.append((kind, parameters))
        if self._acting is None or self._acting.done():
            self._acting = asyncio.create_task(self._act())

    async def _act(self) -> None:
        """Inputs are made in order, those that were asked for together by one command."""
        while self._inputs:
            inputs, self._inputs = self._inputs, []
            for source in sequences(inputs):
                with contextlib.suppress(CargaError):  # the page has gone elsewhere or is closed
                    await self._driver.post("actions", {"actions": [source]})

    async def picture(self) -> bytes:
        try:
            async with asyncio.timeout(PICTURE_TIMEOUT_S):
                png = msgspec.json.encode(await self._driver.get("screenshot")).decode()
        except TimeoutError:
            raise PageFailed("The browser gave no picture of the page.") from None
        jpeg = await self.call(_TO_JPEG % (png, PICTURE_QUALITY), timeout_s=PICTURE_TIMEOUT_S)
        return base64.b64decode(jpeg)

    async def close(self) -> None:
        """The browser is this user's alone and ends with it; until then the page is an empty one."""
        if self._closing:
            return
        self._closing = True
        for task in (self._acting, self._looking):
            if task is not None:
                task.cancel()
        with contextlib.suppress(CargaError):
            await self._inspector.call("Page.navigate", {"url": EMPTY}, timeout_s=LEAVE_TIMEOUT_S)

    # --- events ----------------------------------------------------------------------------------------

    def look(self) -> None:
        """A process of the browser has ended: the page's, or one that it had before."""
        if not self._closing and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            await self._inspector.call("Runtime.evaluate", {"expression": "0"}, timeout_s=LOOK_TIMEOUT_S)
        except CargaError:
            if not self._closing and not self._inspector.closed.is_set():
                self._closing = True
                self._listener.on_lost("The page's web process crashed.")

    def _on_event(self, method: str, params: msgspec.Raw) -> None:
        if self._closing:
            return
        if method == "Console.messageAdded":
            self._hear(msgspec.json.decode(params, type=_Added).message)
        elif method == "Runtime.executionContextCreated":
            context = msgspec.json.decode(params, type=_Created).context
            if context.type == "normal" and self._frame in ("", context.frameId):
                self._document = context.id
        elif method == "Page.frameNavigated":
            frame = msgspec.json.decode(params, type=_Navigated).frame
            if not frame.parentId:
                self._frame = frame.id
                self._navigated(frame.url)

    def _hear(self, message: _Message) -> None:
        if message.source == "console-api":
            said = message.parameters
            if len(said) == 3 and said[0].value == self.settings.binding:
                self._listener.on_batch(str(said[2].value), self._document)
                if self._status_due:
                    self._listener.on_network_error(*self._status_due)
                    self._status_due = None
            return
        if message.level != "error" or message.source not in ("network", "security"):
            return
        if message.text.startswith("WebSocket connection to "):
            address, _, words = message.text.partition(" failed: ")
            if "suspension" not in words:  # it was open; its page has gone
                self._listener.on_network_error("", f"{address} failed: {_socket_error(words)}")
            return
        if "status of" in message.text:
            self._status = message.url, message.text
            self._listener.on_network_error(*self._status)
            return
        name = network_error(message.text)
        if message.url == self._wanted_url or not message.url:
            self._main_error = self._main_error or name
        if message.url:
            self._listener.on_network_error(message.url, f"Failed to load resource: {name}")

    def _navigated(self, url: str) -> None:
        failed = url == EMPTY
        self._status_due, self._status = (self._status if url == self._status[0] else None), ("", "")
        if self._navigation is not None and not self._navigation.done():
            self._navigation.set_result((self._main_error or "net::ERR_FAILED") if failed else "")
        if failed and self._begun:
            self._listener.on_batch('{"h":{"url":"chrome-error:"}}', self._document)
        self._begun = self._begun or not failed


def _socket_error(words: str) -> str:
    """The network's errors by name; a refusal of the server as it is told."""
    name = network_error(words)
    return words if name == "net::ERR_FAILED" else name


def _cookie(cookie: Cookie) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }
