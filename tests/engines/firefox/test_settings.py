"""What a user's page is given reaches the server and the page."""

import pytest

from carga.engines.firefox.browser import FirefoxBrowser
from tests.engines import checks
from tests.support.site import Site

pytestmark = pytest.mark.e2e


async def test_the_identity_reaches_the_server(browser: FirefoxBrowser, site: Site) -> None:
    await checks.identity_reaches_the_server(browser, site)


async def test_timezone_and_viewport_reach_the_page(browser: FirefoxBrowser, site: Site) -> None:
    await checks.timezone_and_viewport_reach_the_page(browser, site)


@pytest.mark.parametrize("cache", [True, False])
async def test_the_cache_can_be_switched_off(browser: FirefoxBrowser, site: Site, cache: bool) -> None:
    await checks.the_cache_can_be_switched_off(browser, site, cache=cache)


async def test_the_locale_reaches_page_and_server(browser: FirefoxBrowser, site: Site) -> None:
    site.page("/", "one")
    page = await checks.opened(browser, site.url + "/", locale="de-DE")
    assert await page.call("[navigator.language, (1234.5).toLocaleString()]", timeout_s=10) == ["de-DE", "1.234,5"]
    assert site.seen("/")[0].headers["accept-language"].startswith("de-DE")


async def test_cookies_storage_and_cache_belong_to_one_user(browser: FirefoxBrowser, site: Site) -> None:
    site.page("/", "<script src='/script.js?cache=600'></script>")
    one = await checks.opened(browser, site.url + "/", user_agent="one")
    two = await checks.opened(browser, site.url + "/", user_agent="two")
    assert len(site.seen("/script.js")) == 2, "each has a cache of its own"
    assert {seen.user_agent for seen in site.seen("/")} == {"one", "two"}
    await one.call("(() => { document.cookie = 'who=one'; localStorage.who = 'one'; })()", timeout_s=10)
    seen = "[document.cookie, localStorage.who ?? '']"
    assert await one.call(seen, timeout_s=10) == ["who=one", "one"]
    assert await two.call(seen, timeout_s=10) == ["", ""]
    await one.close()
    three = await checks.opened(browser, site.url + "/")
    assert await three.call(seen, timeout_s=10) == ["", ""]
    assert await two.call("1 + 1", timeout_s=10) == 2
