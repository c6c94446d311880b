"""Tries the browser for real: does it start here, with the sandbox, and does it open a page?"""

from carga.engines.chromium.browser import ChromiumEngine
from carga.engines.chromium.find import BrowserInfo
from carga.engines.chromium.sandbox import Sandbox
from carga.engines.engine import PageSettings
from carga.errors import CargaError

_ANSWER_TIMEOUT_S = 20.0


class _Deaf:
    """Hears nothing of the page."""

    def on_batch(self, payload: str, document: int) -> None:
        pass

    def on_network_error(self, url: str, text: str) -> None:
        pass

    def on_count(self, counter: str) -> None:
        pass

    def on_lost(self, reason: str) -> None:
        pass


async def try_browser(info: BrowserInfo) -> tuple[str, Sandbox]:
    """What went wrong, empty when a page runs JavaScript; and the sandbox that the browser could have."""
    engine = ChromiumEngine(info)
    try:
        browser = await engine.open_browser("none")
        try:
            page = await browser.open_page(PageSettings(script="", binding="_"), _Deaf())
            runs = await page.call("1 + 1", timeout_s=_ANSWER_TIMEOUT_S) == 2
            return "" if runs else "its pages do not run JavaScript", engine.sandbox
        finally:
            await browser.close()
    except CargaError as error:
        return error.problem, engine.sandbox
