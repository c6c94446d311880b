"""What the tests of the engine share."""

from collections.abc import AsyncIterator

import pytest

from carga.engines.light.browser import LightBrowser, LightEngine


@pytest.fixture
async def browser() -> AsyncIterator[LightBrowser]:
    opened = await LightEngine().open_browser("none")
    yield opened
    await opened.close()
