"""What a user's page is given reaches the server and the page."""

import pytest

from carga.engines.webkit.browser import WebkitBrowser
from tests.engines import checks
from tests.support.site import Site

pytestmark = pytest.mark.e2e


async def test_the_identity_reaches_the_server(browser: WebkitBrowser, site: Site) -> None:
    await checks.identity_reaches_the_server(browser, site)


async def test_timezone_and_viewport_reach_the_page(browser: WebkitBrowser, site: Site) -> None:
    await checks.timezone_and_viewport_reach_the_page(browser, site)


@pytest.mark.parametrize("cache", [True, False])
async def test_the_cache_can_be_switched_off(browser: WebkitBrowser, site: Site, cache: bool) -> None:
    await checks.the_cache_can_be_switched_off(browser, site, cache=cache)
