"""One user's page: a target in a browser context of its own."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from carga.engines.chromium.connection import Connection
from carga.engines.chromium.drawing import UNDRAWN, FrameDriver
from carga.engines.engine import FRAME_BINDING_SUFFIX, InputKind, PageListener, PageSettings
from carga.errors import BrowserFailed, CargaError, PageFailed
from carga.model.plan import Rendering

NAVIGATE_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 8.0
PICTURE_QUALITY = 60
FIRST_FRAMES_MAX = 5
AFTER_INPUT_S = 0.1
"""An input may change what no script sees: a value, the focus, where the page is scrolled to. The page counts on it."""
ASKED_CHARACTERS_MAX = 20
DRAWN = "d"
"""Before the milliseconds: the page wants the pixels of its frame drawn too."""
CLOSE_TIMEOUT_S = 10.0
POPUPS_MAX = 3
"""Windows that a page may have opened at one time. They are not measured, and the oldest are closed."""

_INPUT_METHODS: dict[InputKind, bytes] = {
    "key": b"Input.dispatchKeyEvent",
    "mouse": b"Input.dispatchMouseEvent",
    "hover": b"Input.dispatchMouseEvent",
}


class _Binding(msgspec.Struct):
    name: str
    payload: str
    executionContextId: int  # noqa: N815 - the protocol's name


class _Entry(msgspec.Struct):
    source: str = ""
    level: str = ""
    text: str = ""
    url: str = ""


class _EntryAdded(msgspec.Struct):
    entry: _Entry


_read_binding = msgspec.json.Decoder(_Binding).decode
_read_entry = msgspec.json.Decoder(_EntryAdded).decode


class ChromiumPage:
    def __init__(
        self,
        connection: Connection,
        context: str,
        settings: PageSettings,
        listener: PageListener,
        rendering: Rendering,
        frames: FrameDriver,
    ) -> None:
        self.settings = settings
        self.listener = listener
        self.on_closed: Callable[[], object] = lambda: None
        self.attached = ""
        """The session that the browser made with the target. The target is held until it is set up."""
        self.popups: dict[str, str] = {}
        """Windows that the page has opened, oldest first: session to target."""
        self._connection = connection
        self._context = context
        self._on_request = rendering != "full"
        """Nothing is drawn unless the driver asks for it."""
        self._paced = rendering == "paced"
        self._frames = frames
        self._frame_binding = settings.binding + FRAME_BINDING_SUFFIX
        self._target = ""
        self._session = ""
        self._session_field = b""
        self._closing = False
        self._frame: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Makes the target and sets it up. One round trip for the target, one for all the rest."""
        settings = self.settings
        width, height = settings.viewport
        create: dict[str, Any] = {
            "url": "about:blank",
            "browserContextId": self._context,
            "width": width,
            "height": height,
        }
        if self._on_request:
            create["enableBeginFrameControl"] = True
        self._target = (await self._connection.call("Target.createTarget", create))["targetId"]
        if not self.attached:
            attach = {"targetId": self._target, "flatten": True}
            self.attached = (await self._connection.call("Target.attachToTarget", attach))["sessionId"]
        self._session = self.attached
        self._session_field = b',"sessionId":"%s","params":' % self._session.encode()
        self._connection.add_session(self._session, self._on_event)
        commands: list[tuple[str, dict[str, Any]]] = [
            ("Page.enable", {}),
            ("Runtime.enable", {}),  # without it the binding of a new document is silent
            ("Runtime.addBinding", {"name": settings.binding}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": settings.script}),
            ("Log.enable", {}),
            ("Inspector.enable", {}),
        ]
        if self._paced:
            commands.insert(3, ("Runtime.addBinding", {"name": self._frame_binding}))
        if settings.user_agent or settings.locale:
            agent: dict[str, Any] = {"userAgent": settings.user_agent}
            if settings.locale:
                agent["acceptLanguage"] = settings.locale
            commands.append(("Emulation.setUserAgentOverride", agent))
        if settings.locale:
            commands.append(("Emulation.setLocaleOverride", {"locale": settings.locale.replace("-", "_")}))
        if settings.timezone:
            commands.append(("Emulation.setTimezoneOverride", {"timezoneId": settings.timezone}))
        if settings.headers or not settings.cache:
            # These need the Network domain, whose events cost; only groups that ask for them pay.
            commands.append(("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}))
        if settings.headers:
            commands.append(("Network.setExtraHTTPHeaders", {"headers": settings.headers}))
        if not settings.cache:
            commands.append(("Network.setCacheDisabled", {"cacheDisabled": True}))
        commands.append(("Runtime.runIfWaitingForDebugger", {}))
        answers = [self._connection.send(method, parameters, self._session) for method, parameters in commands]
        if settings.cookies:
            cookies = {"browserContextId": self._context, "cookies": [_cookie(cookie) for cookie in settings.cookies]}
            answers.append(self._connection.send("Storage.setCookies", cookies))
        deny = {"behavior": "deny", "browserContextId": self._context}
        answers.append(self._connection.send("Browser.setDownloadBehavior", deny))
        await self._together(answers)

    async def _together(self, answers: list[asyncio.Future[msgspec.Raw]]) -> None:
        try:
            async with asyncio.timeout(NAVIGATE_TIMEOUT_S):
                await asyncio.gather(*answers)
        except TimeoutError:
            raise BrowserFailed(f"The browser did not set a page up within {NAVIGATE_TIMEOUT_S:g} s.") from None

    async def navigate(self, url: str) -> str:
        answer = await self._connection.call("Page.navigate", {"url": url}, self._session, timeout_s=NAVIGATE_TIMEOUT_S)
        return str(answer.get("errorText", ""))

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

    async def command(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Any DevTools command to this page. Raises PageFailed when the browser refuses it."""
        return await self._connection.call(method, parameters, self._session)

    def input(self, kind: InputKind, parameters: bytes) -> None:
        # Made by hand: this is the busiest command, and its parameters are JSON already.
        self._connection.write_input(
            b'{"id":%d,"method":"%s"%s%s}\0'
            % (self._connection.next_id(), _INPUT_METHODS[kind], self._session_field, parameters)
        )
        if kind == "hover" and self._on_request:
            self._frame = asyncio.create_task(self._move_pointer())
        elif self._paced:
            self._frames.ask(self._session, AFTER_INPUT_S)

    async def _move_pointer(self) -> None:
        """The pointer's moves reach the page with its frames."""
        with contextlib.suppress(CargaError):
            await self._frames.draw(self._session, UNDRAWN if self._paced else {})

    async def picture(self) -> bytes:
        form = {"format": "jpeg", "quality": PICTURE_QUALITY}
        if self._on_request:
            data = await self._frame_picture(form)
        else:
            answer = await self._connection.call(
                "Page.captureScreenshot", form, self._session, timeout_s=PICTURE_TIMEOUT_S
            )
            data = answer.get("data", "")
        if not data:
            raise PageFailed("The browser gave no picture of the page.")
        return base64.b64decode(data)

    async def _frame_picture(self, form: dict[str, Any]) -> str:
        """A frame drawn on request, as base64. The first ones of a page just loaded may come without a picture."""
        for _ in range(FIRST_FRAMES_MAX):
            answer = await self._frames.draw(self._session, {"screenshot": form})
            if data := str(answer.get("screenshotData", "")):
                return data
        return ""

    def add_popup(self, session: str, target: str) -> None:
        self.popups[session] = target
        if len(self.popups) > POPUPS_MAX:
            oldest = next(iter(self.popups))
            self._connection.post("Target.closeTarget", {"targetId": self.popups.pop(oldest)})

    async def close(self) -> None:
        self._closing = True
        if self._frame is not None:
            self._frame.cancel()
        self._connection.remove_session(self._session)
        self._frames.forget(self._session)
        self.on_closed()
        with contextlib.suppress(CargaError):
            await self._connection.call(
                "Target.disposeBrowserContext", {"browserContextId": self._context}, timeout_s=CLOSE_TIMEOUT_S
            )
        self._frames.gone(self._session)

    def lose(self, reason: str) -> None:
        """The page is gone without our doing; tells the listener once."""
        if self._closing:
            return
        self._closing = True
        self._connection.remove_session(self._session)
        self._frames.forget(self._session)
        self.on_closed()
        self.listener.on_lost(reason)

    def _on_event(self, method: str, params: msgspec.Raw) -> None:
        if method == "Runtime.bindingCalled":
            call = _read_binding(params)
            if call.name == self.settings.binding:
                self.listener.on_batch(call.payload, call.executionContextId)
            elif call.name == self._frame_binding:
                delay_s = _delay_s(call.payload)
                if delay_s is not None:
                    self._frames.ask(self._session, delay_s, drawn=call.payload.startswith(DRAWN))
        elif method == "Log.entryAdded":
            entry = _read_entry(params).entry
            if entry.source == "network" and entry.level == "error":
                self.listener.on_network_error(entry.url, entry.text)
        elif method == "Page.javascriptDialogOpening":
            self._connection.post("Page.handleJavaScriptDialog", {"accept": True}, self._session)
        elif method == "Inspector.targetCrashed":
            self._connection.post("Target.disposeBrowserContext", {"browserContextId": self._context})
            self.lose("The page's renderer crashed.")


def _delay_s(asked: str) -> float | None:
    """What page/frames.js says: milliseconds. None for anything else."""
    digits = asked.removeprefix(DRAWN)
    return int(digits) / 1000 if len(digits) <= ASKED_CHARACTERS_MAX and digits.isascii() and digits.isdigit() else None


def _cookie(cookie: Any) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }
