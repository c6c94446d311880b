"""What the worker asks of a browser engine, and what it hears from one.

An engine opens browsers; a browser opens pages, one for each user, isolated from each other; a page takes scripts
and inputs and passes on what the page runtime says. Everything about measuring and behaviours is above this border.
Errors are translated here: BrowserFailed when the browser is lost, PageFailed when one page is.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from carga.model.plan import Cookie, Isolation, Rendering

InputKind = Literal["key", "mouse", "hover"]
"""`hover`: the pointer moves and nothing is pressed; such a move comes with a frame, also where none are drawn."""


FRAME_BINDING_SUFFIX = "_frame"
"""A page whose frames are drawn on its own request asks by a second binding, named after the first."""
NO_ENVIRONMENT: Mapping[str, str] = {}


class PageSettings(msgspec.Struct, frozen=True):
    """How one user's page is set up before its first document."""

    script: str
    """Runs first in every document."""
    binding: str
    """Name of the function by which the script speaks to the listener."""
    user_agent: str = ""
    viewport: tuple[int, int] = (1280, 720)
    locale: str = ""
    timezone: str = ""
    headers: dict[str, str] = {}
    cookies: tuple[Cookie, ...] = ()
    """Values filled in, domain too."""
    cache: bool = True


class PageListener(Protocol):
    """Called from the event loop; must be quick and must not raise."""

    def on_batch(self, payload: str, document: int) -> None:
        """What the runtime sent from `document`, a number that `Page.evaluate` takes."""

    def on_network_error(self, url: str, text: str) -> None:
        """The browser's words about a request or WebSocket that failed, such as
        `Failed to load resource: net::ERR_CONNECTION_REFUSED`."""

    def on_count(self, counter: str) -> None:
        """Something befell the page's browser that its users survive; `counter` is one of `model.windows.COUNTERS`."""

    def on_lost(self, reason: str) -> None:
        """The page is gone, its renderer crashed, while its browser lives. Called once."""


class Page(Protocol):
    async def navigate(self, url: str) -> str:
        """Opens `url`. Returns once the document has begun, with "" or the network error's name."""

    def evaluate(self, expression: str, document: int) -> None:
        """Runs `expression` in `document`; its value and errors are dropped."""

    async def call(self, expression: str, *, timeout_s: float) -> Any:
        """Runs `expression` in the current document, awaits its promise, returns its value (JSON)."""

    def input(self, kind: InputKind, parameters: bytes) -> None:
        """Makes trusted input; `parameters` is a JSON object from the runtime."""

    async def picture(self) -> bytes:
        """What the page shows now, JPEG."""

    async def close(self) -> None:
        """Closes the page and forgets its cookies and storage. Never raises."""


class Browser(Protocol):
    closed: asyncio.Event
    """Set when the browser is gone, whoever ended it."""

    @property
    def pid(self) -> int: ...

    @property
    def reason(self) -> str:
        """Why it is gone, for people; "" while it lives or when we closed it."""

    async def open_page(self, settings: PageSettings, listener: PageListener) -> Page:
        """A page in a context of its own, not navigated yet. Raises PageFailed or BrowserFailed."""

    async def check_script(self, source: str, name: str) -> str:
        """Compiles `source` without running it: "" or the syntax error with its line."""

    async def close(self) -> None:
        """Ends the browser and everything it started. Never raises."""

    def kill(self) -> None:
        """Ends all its processes at once."""


class Engine(Protocol):
    name: str
    version: str

    @property
    def unsafe(self) -> str:
        """Why browsers run without a sandbox of their own, as far as is known now; "" when they have one."""

    async def open_browser(
        self,
        rendering: Rendering,
        *,
        isolation: Isolation = "context",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
    ) -> Browser:
        """A browser for many users, or with another isolation than `context` for one.

        `environment` is set for a browser in a container of its own. Raises BrowserMissing or BrowserFailed.
        """
