"""Drives one page of a real browser without the runtime of a user: for tests of what carga itself shows to people."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import msgspec

from carga.engines.chromium.browser import ChromiumEngine
from carga.engines.chromium.page import ChromiumPage
from carga.engines.engine import PageSettings
from carga.errors import CargaError, PageFailed
from carga.model.plan import Rendering

WAIT_S = 15.0
POLL_S = 0.02
_BINDING = "__driver_says"

_SCRIPT = """
(() => {
  const say = window[%(binding)s];
  if (window !== window.top || !say) return;
  const table = (entries) => Object.assign(Object.create(null), entries);
  %(keys)s
  Object.defineProperty(window, "__driver_keys", { value: keyParameters });
  const told = (value) => value instanceof Error ? String(value.stack || value) : String(value);
  const { error } = console;
  console.error = (...parts) => { say(parts.map(told).join(" ")); error.apply(console, parts); };
  addEventListener("error", (event) => {
    if (event instanceof ErrorEvent) say(`${event.message} at ${event.filename}:${event.lineno}`);
  });
  addEventListener("unhandledrejection", (event) => say(`Unhandled rejection: ${told(event.reason)}`));
  addEventListener("securitypolicyviolation", (event) => {
    say(`Content-Security-Policy ${event.violatedDirective} refused ${event.blockedURI || "inline"}`);
  });
})();
"""


class PageDriver:
    """One page. `console_errors` gathers console.error, errors, rejections, CSP violations and failed requests."""

    def __init__(self) -> None:
        self.console_errors: list[str] = []
        self.page: ChromiumPage

    # --- PageListener ----------------------------------------------------------------------------------

    def on_batch(self, payload: str, document: int) -> None:
        self.console_errors.append(payload)

    def on_network_error(self, url: str, text: str) -> None:
        self.console_errors.append(f"{text} {url}".strip())

    def on_lost(self, reason: str) -> None:
        self.console_errors.append(reason)

    # --- what a test does ------------------------------------------------------------------------------

    async def goto(self, url: str) -> None:
        """Opens `url` and waits until it has loaded."""
        error = await self.page.navigate(url)
        if error:
            raise PageFailed(f"{error} at {url}")
        await self.wait_until("document.readyState === 'complete'")

    async def evaluate(self, js: str) -> Any:
        """The value (JSON) of the expression `js`; promises are awaited."""
        return await self.page.call(js, timeout_s=WAIT_S)

    async def wait_until(self, js: str, *, timeout_s: float = WAIT_S) -> Any:
        """Waits until the expression `js` is truthy, and gives its value. It may throw, and the page may change."""
        last: object = "nothing"
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            try:
                last = await self.page.call(js, timeout_s=timeout_s)
                if last:
                    return last
            except PageFailed as error:
                last = error.problem
            await asyncio.sleep(POLL_S)
        raise AssertionError(f"not within {timeout_s:g} s: {js}; it gave {last!r}. Console: {self.console_errors[-5:]}")

    async def press(self, key: str) -> None:
        """A key or a combination such as "Control+a", as `user.press` takes it."""
        strokes = await self.evaluate(f"__driver_keys({json.dumps(key)})")
        assert strokes, f"there is no key {key!r}"
        await self._strokes(strokes)

    async def _strokes(self, strokes: list[dict[str, Any]]) -> None:
        for stroke in strokes:
            self.page.input("key", _json({**stroke, "type": "keyDown" if stroke.get("text") else "rawKeyDown"}))
        for stroke in reversed(strokes):
            self.page.input("key", _json({**stroke, "text": "", "commands": [], "type": "keyUp"}))
        await self.evaluate("1")

    async def type(self, text: str) -> None:
        """Types into what has the focus."""
        for character in text:
            await self.press("Enter" if character == "\n" else character)

    async def click(self, selector: str) -> None:
        """Waits for the element and clicks its middle."""
        x, y = await self._middle(selector)
        button = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self.page.input("mouse", _json({"type": "mouseMoved", "x": x, "y": y}))
        self.page.input("mouse", _json({"type": "mousePressed", "buttons": 1, **button}))
        self.page.input("mouse", _json({"type": "mouseReleased", "buttons": 0, **button}))
        await self.evaluate("1")

    async def hover(self, selector: str) -> None:
        x, y = await self._middle(selector)
        self.page.input("hover", _json({"type": "mouseMoved", "x": x, "y": y}))
        await self.evaluate("1")

    async def _middle(self, selector: str) -> tuple[float, float]:
        quoted = json.dumps(selector)
        found = await self.wait_until(
            f"(() => {{ const e = document.querySelector({quoted}); if (!e) return null;"
            " e.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });"
            " const b = e.getBoundingClientRect(); return b.width && [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return found[0], found[1]

    async def picture(self) -> bytes:
        """What the page shows now, JPEG."""
        return await self.page.picture()

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Any DevTools command to this page, such as Emulation.setEmulatedMedia."""
        return await self.page.command(method, parameters)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


@asynccontextmanager
async def opened_driver(rendering: Rendering = "full", **settings: Any) -> AsyncIterator[PageDriver]:
    """A page in a browser of its own; `settings` are those of PageSettings."""
    script = _SCRIPT % {"binding": json.dumps(_BINDING), "keys": (files("carga.page") / "keys.js").read_text("utf-8")}
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        driver = PageDriver()
        driver.page = await browser.open_page(PageSettings(script=script, binding=_BINDING, **settings), driver)
        yield driver
    except CargaError as error:
        said = f" Console: {driver.console_errors[-5:]}" if driver.console_errors else ""
        raise AssertionError(f"{error}{said}") from error
    finally:
        await browser.close()
