"""Finds the engine of a name. Each is imported only when it is wanted: nobody needs Firefox to run Chromium."""

from carga.engines.engine import Engine
from carga.errors import BrowserMissing
from carga.model.engines import ENGINES

FAKE = "fake"


def load_engine(name: str) -> Engine:
    """`name` is a word of the plan, or `fake`. Raises BrowserMissing when its browser is not installed."""
    match name:
        case "chromium":
            from carga.engines.chromium.browser import ChromiumEngine

            return ChromiumEngine()
        case "light":
            from carga.engines.light.browser import LightEngine

            return LightEngine()
        case "firefox":
            from carga.engines.firefox.browser import FirefoxEngine

            return FirefoxEngine()
        case "webkit":
            from carga.engines.webkit.browser import WebkitEngine

            return WebkitEngine()
        case "fake":
            from carga.engines.fake import FakeEngine

            return FakeEngine()
    raise BrowserMissing(f"This version has no engine {name}.", f"Use one of {', '.join(ENGINES)}.")


def installed() -> dict[str, str]:
    """Engine to version, of those that this machine has."""
    found: dict[str, str] = {}
    for name in ENGINES:
        try:
            found[name] = load_engine(name).version
        except BrowserMissing:
            continue
    return found
