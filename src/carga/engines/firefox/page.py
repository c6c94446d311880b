"""One user's page: a window in a user context of its own."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from carga.engines.actions import sequences
from carga.engines.engine import InputKind, PageListener, PageSettings
from carga.engines.firefox.connection import Connection
from carga.engines.firefox.errors import network_error
from carga.errors import BrowserFailed, CargaError, PageFailed
from carga.model.plan import Cookie

OPEN_TIMEOUT_S = 60.0
NAVIGATE_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 15.0
PICTURE_QUALITY = 0.6
CLOSE_TIMEOUT_S = 10.0
POPUPS_MAX = 3
"""Windows that a page may have opened at one time. They are not measured, and the oldest are closed."""
REFUSED = "The server did not accept the WebSocket handshake."
REALMS_MAX = 3
"""Documents of a page that may still be spoken to: this one, the last, the next."""

# The first document of a window is empty and nobody's; one that could not be loaded is a page of the browser's own.
# All stands on one line, so that the lines of a behaviour's errors are those of its file.
_PRELOAD = (
    "(say) => {{ if (window !== window.top) return; const where = document.documentURI;"
    ' if (where === "about:blank") return;'
    ' if (where.startsWith("about:")) {{ say(\'{{"h":{{"url":"chrome-error:"}}}}\'); return; }}'
    " window[{binding}] = (text) => say(text); {script}\n}}"
)


class _Message(msgspec.Struct):
    class _Data(msgspec.Struct):
        value: str = ""

    class _Source(msgspec.Struct):
        realm: str

    data: _Data
    source: _Source


class _FetchError(msgspec.Struct):
    class _Request(msgspec.Struct):
        class _Header(msgspec.Struct):
            name: str

        url: str
        headers: list[_Header] = []

    request: _Request
    errorText: str  # noqa: N815 - the protocol's name


class _Commit(msgspec.Struct):
    url: str = ""


_CRASHED = "about:tabcrashed"
_read_commit = msgspec.json.Decoder(_Commit).decode
_read_message = msgspec.json.Decoder(_Message).decode
_read_fetch_error = msgspec.json.Decoder(_FetchError).decode


class FirefoxPage:
    def __init__(self, connection: Connection, settings: PageSettings, listener: PageListener) -> None:
        self.settings = settings
        self.context = ""
        self.user_context = ""
        self.popups: list[str] = []
        """Windows that the page has opened, oldest first."""
        self.on_closed: Callable[[], object] = lambda: None
        self._connection = connection
        self._listener = listener
        self._preload = ""
        self._realms: dict[int, str] = {}
        self._documents = 0
        self._closing = False
        self._navigation_error = ""
        self._inputs: list[tuple[InputKind, bytes]] = []
        self._acting: asyncio.Task[None] | None = None

    async def open(self, owners: dict[str, "FirefoxPage"]) -> None:
        """Makes the context, registers this page among `owners`, sets it up and opens its window."""
        connection, settings = self._connection, self.settings
        self.user_context = (await connection.call("browser.createUserContext", {}))["userContext"]
        mine = {"userContexts": [self.user_context]}
        width, height = settings.viewport
        commands: list[tuple[str, dict[str, Any]]] = [
            ("browsingContext.setViewport", {"viewport": {"width": width, "height": height}}),
            ("browser.setDownloadBehavior", {"downloadBehavior": {"type": "denied"}}),
            ("script.addPreloadScript", self._preload_script()),
        ]
        if settings.user_agent:
            commands.append(("emulation.setUserAgentOverride", {"userAgent": settings.user_agent}))
        if settings.locale:
            commands.append(("emulation.setLocaleOverride", {"locale": settings.locale}))
        if settings.timezone:
            commands.append(("emulation.setTimezoneOverride", {"timezone": settings.timezone}))
        if settings.headers:
            headers = [
                {"name": name, "value": {"type": "string", "value": text}} for name, text in settings.headers.items()
            ]
            commands.append(("network.setExtraHeaders", {"headers": headers}))
        answers = [connection.send(method, {**parameters, **mine}) for method, parameters in commands]
        partition = {"type": "storageKey", "userContext": self.user_context}
        for cookie in settings.cookies:
            answers.append(connection.send("storage.setCookie", {"cookie": _cookie(cookie), "partition": partition}))
        create = {"type": "window", "userContext": self.user_context, "background": True}
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                results = await asyncio.gather(*answers)
                self._preload = msgspec.json.decode(results[2], type=dict[str, str])["script"]
                self.context = (await connection.call("browsingContext.create", create))["context"]
                if not settings.cache:
                    off = {"cacheBehavior": "bypass", "contexts": [self.context]}
                    await connection.call("network.setCacheBehavior", off)
        except TimeoutError:
            raise BrowserFailed(f"The browser did not set a page up within {OPEN_TIMEOUT_S:g} s.") from None
        owners[self.user_context] = self

    def _preload_script(self) -> dict[str, Any]:
        binding = msgspec.json.encode(self.settings.binding).decode()
        channel = {"type": "channel", "value": {"channel": "carga", "ownership": "none"}}
        declaration = _PRELOAD.format(binding=binding, script=self.settings.script)
        return {"functionDeclaration": declaration, "arguments": [channel]}

    async def navigate(self, url: str) -> str:
        self._navigation_error = ""
        parameters = {"context": self.context, "url": url, "wait": "none"}
        try:
            await self._connection.call("browsingContext.navigate", parameters, timeout_s=NAVIGATE_TIMEOUT_S)
        except PageFailed as error:
            return self._navigation_error or network_error(error.problem)
        return ""

    def evaluate(self, expression: str, document: int) -> None:
        realm = self._realms.get(document)
        if realm is not None:
            self._connection.post("script.evaluate", _evaluation(expression, {"realm": realm}, wait=False))

    async def call(self, expression: str, *, timeout_s: float) -> Any:
        answer = await self._connection.call(
            "script.evaluate", _evaluation(expression, {"context": self.context}, wait=True), timeout_s=timeout_s
        )
        if answer["type"] == "exception":
            raise PageFailed(str(answer["exceptionDetails"]["text"])[:300])
        return _plain(answer["result"])

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
                    await self._connection.call("input.performActions", {"context": self.context, "actions": [source]})

    async def picture(self) -> bytes:
        form = {"type": "image/jpeg", "quality": PICTURE_QUALITY}
        answer = await self._connection.call(
            "browsingContext.captureScreenshot", {"context": self.context, "format": form}, timeout_s=PICTURE_TIMEOUT_S
        )
        return base64.b64decode(answer["data"])

    def add_window(self, context: str) -> None:
        """A window has been made in the user's context: the page's own, or one that it has opened."""
        if not self.context or context == self.context:
            return
        self.popups.append(context)
        if len(self.popups) > POPUPS_MAX:
            self._connection.post("browsingContext.close", {"context": self.popups.pop(0)})

    async def close(self) -> None:
        self._closing = True
        if self._acting is not None:
            self._acting.cancel()
        self.on_closed()
        with contextlib.suppress(CargaError):
            if self._preload:
                self._connection.post("script.removePreloadScript", {"script": self._preload})
            if self.user_context:
                await self._connection.call(
                    "browser.removeUserContext", {"userContext": self.user_context}, timeout_s=CLOSE_TIMEOUT_S
                )

    def on_event(self, method: str, params: msgspec.Raw) -> None:
        if method == "script.message":
            message = _read_message(params)
            self._listener.on_batch(message.data.value, self._document_of(message.source.realm))
        elif method == "network.fetchError":
            self._fetch_failed(_read_fetch_error(params))
        elif method == "browsingContext.contextDestroyed":
            self._lose("The page has closed itself.")
        elif method == "browsingContext.navigationCommitted" and _read_commit(params).url.startswith(_CRASHED):
            self._lose("The page's content process crashed.")

    def _lose(self, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self.on_closed()
            self._listener.on_lost(reason)

    def _fetch_failed(self, failed: _FetchError) -> None:
        name, url = network_error(failed.errorText), failed.request.url
        if not name:
            return
        self._navigation_error = self._navigation_error or name
        if any(header.name == "Sec-WebSocket-Key" for header in failed.request.headers):
            url = url.replace("http", "ws", 1)
            name = REFUSED if "WEBSOCKET_CONNECTION_REFUSED" in name else name
            self._listener.on_network_error(url, f"WebSocket connection to '{url}' failed: {name}")
        else:
            self._listener.on_network_error(url, f"Failed to load resource: {name}")

    def _document_of(self, realm: str) -> int:
        for document, known in self._realms.items():
            if known == realm:
                return document
        self._documents += 1
        self._realms[self._documents] = realm
        if len(self._realms) > REALMS_MAX:
            del self._realms[min(self._realms)]
        return self._documents


def _evaluation(expression: str, target: dict[str, str], *, wait: bool) -> dict[str, Any]:
    return {"expression": expression, "target": target, "awaitPromise": wait, "resultOwnership": "none"}


def _cookie(cookie: Cookie) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": {"type": "string", "value": cookie.value},
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }


def _plain(value: dict[str, Any]) -> Any:
    """A remote value of BiDi as the JSON that it stands for."""
    match value["type"]:
        case "array":
            return [_plain(one) for one in value.get("value", [])]
        case "object":
            return {name: _plain(one) for name, one in value.get("value", [])}
    return value.get("value")
