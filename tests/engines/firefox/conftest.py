"""What the tests of the engine share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from carga.engines.firefox.browser import FirefoxBrowser, FirefoxEngine
from tests.engines.checks import own_folder


@pytest.fixture(autouse=True)
def own_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tmp_path_factory.getbasetemp()  # stays where it is
    with own_folder(monkeypatch) as folder:
        yield folder


@pytest.fixture
async def browser() -> AsyncIterator[FirefoxBrowser]:
    opened = await FirefoxEngine().open_browser("full")
    yield opened
    await opened.close()
