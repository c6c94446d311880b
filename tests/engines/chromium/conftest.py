"""What the tests of the engine share."""

from collections.abc import AsyncIterator

import pytest

from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine


class Listener:
    """Keeps what a page says."""

    def __init__(self) -> None:
        self.batches: list[str] = []
        self.network_errors: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self.counted: list[str] = []

    def on_batch(self, payload: str, document: int) -> None:
        self.batches.append(payload)

    def on_network_error(self, url: str, text: str) -> None:
        self.network_errors.append((url, text))

    def on_count(self, counter: str) -> None:
        self.counted.append(counter)

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def browser() -> AsyncIterator[ChromiumBrowser]:
    """Without frames, as most users are."""
    opened = await ChromiumEngine().open_browser("none")
    yield opened
    await opened.close()
