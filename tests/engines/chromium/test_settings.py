"""What a user's page is given reaches the server and the page, and no other user."""

import asyncio
from typing import Any

import pytest

from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.engines.engine import PageSettings
from carga.model.plan import Cookie, Rendering
from tests.engines.chromium.conftest import Listener
from tests.support.site import Site

pytestmark = pytest.mark.e2e
WAIT_S = 10
LOADED = "new Promise((done) => document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1)))"


async def opened(browser: ChromiumBrowser, url: str, **settings: Any) -> Any:
    page = await browser.open_page(PageSettings(script="", binding="_say", **settings), Listener())
    assert await page.navigate(url) == ""
    await page.call(LOADED, timeout_s=WAIT_S)
    return page


WORKERS = """<script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
const dedicated = new Worker("/dedicated.js");
const shared = new SharedWorker("/shared.js");
navigator.serviceWorker.register("/service.js");
fetch("/from-page");
</script>"""


async def test_the_user_agent_reaches_every_request_but_a_service_workers_script(
    browser: ChromiumBrowser, site: Site
) -> None:
    site.page("/", WORKERS)
    for name in ("dedicated", "shared"):
        site.script(f"/{name}.js", f"fetch('/from-{name}'); self.agent = navigator.userAgent;")
    site.script("/service.js", "oninstall = (event) => event.waitUntil(fetch('/from-service'));")
    one = await opened(browser, site.url + "/", user_agent="serial=1;")
    two = await opened(browser, site.url + "/", user_agent="serial=2;")
    paths = ["/", "/from-page", "/dedicated.js", "/from-dedicated", "/shared.js", "/from-shared", "/from-service"]
    await site.until(lambda s: len(s.sockets) == 2 and all(len(s.seen(path)) == 2 for path in paths))
    agents = {"serial=1;", "serial=2;"}
    for path in paths:
        assert {seen.user_agent for seen in site.seen(path)} == agents, path
    assert {socket.headers["user-agent"] for socket in site.sockets} == agents
    assert await one.call("navigator.userAgent", timeout_s=WAIT_S) == "serial=1;"
    assert await two.call("navigator.userAgent", timeout_s=WAIT_S) == "serial=2;"
    # The script of a service worker is fetched before there is a target that could be told.
    assert not agents & {seen.user_agent for seen in site.seen("/service.js")}


async def test_a_window_that_the_page_opens_has_its_user_agent(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "<script>window.open('/popup')</script>")
    site.page("/popup", "popup")
    await opened(browser, site.url + "/", user_agent="serial=1;")
    await site.until(lambda s: s.seen("/popup"))
    assert site.seen("/popup")[0].user_agent == "serial=1;"


async def test_cookies_storage_and_cache_belong_to_one_user(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "<script src='/script.js?cache=600'></script>")
    one = await opened(browser, site.url + "/")
    two = await opened(browser, site.url + "/")
    assert len(site.seen("/script.js")) == 2, "each has a cache of its own"
    await one.call(
        "document.cookie = 'who=one'; localStorage.who = 'one'; sessionStorage.who = 'one'", timeout_s=WAIT_S
    )
    await one.call("caches.open('c').then((c) => c.put('/x', new Response('one')))", timeout_s=WAIT_S)
    seen = "[document.cookie, localStorage.who ?? '', sessionStorage.who ?? '']"
    assert await one.call(seen, timeout_s=WAIT_S) == ["who=one", "one", "one"]
    assert await two.call(seen, timeout_s=WAIT_S) == ["", "", ""]
    assert await two.call("caches.has('c')", timeout_s=WAIT_S) is False
    await one.close()
    three = await opened(browser, site.url + "/")
    assert await three.call(seen, timeout_s=WAIT_S) == ["", "", ""]


async def test_the_cache_can_be_switched_off(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "<script src='/script.js?cache=600'></script>")
    for cache, expected in ((True, 1), (False, 3)):
        site.requests.clear()
        page = await opened(browser, site.url + "/", cache=cache)
        for _ in range(2):
            await page.navigate(site.url + "/")
            await page.call(LOADED, timeout_s=WAIT_S)
        assert len(site.seen("/script.js")) == expected


async def test_headers_cookies_and_language_reach_the_server(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "<script>fetch('/data')</script>")
    await opened(
        browser,
        site.url + "/",
        headers={"X-Box": "box 7"},
        cookies=(Cookie("session", "s7", domain="127.0.0.1"), Cookie("hidden", "h7", "127.0.0.1", "/", False, True)),
        locale="pt-PT",
    )
    await site.until(lambda s: s.seen("/data"))
    for path in ("/", "/data"):
        headers = site.seen(path)[0].headers
        assert headers["x-box"] == "box 7"
        assert sorted(headers["cookie"].split("; ")) == ["hidden=h7", "session=s7"]
        assert headers["accept-language"].startswith("pt-PT")
        assert "HeadlessChrome" in headers["user-agent"], "its own, when only a language is asked for"


async def test_locale_timezone_and_viewport_reach_the_page(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "one")
    page = await opened(browser, site.url + "/", locale="de-DE", timezone="Asia/Tokyo", viewport=(800, 450))
    told = await page.call(
        "[navigator.language, (1234.5).toLocaleString(), Intl.DateTimeFormat().resolvedOptions().timeZone,"
        " innerWidth, innerHeight, matchMedia('(min-width: 801px)').matches]",
        timeout_s=WAIT_S,
    )
    assert told == ["de-DE", "1.234,5", "Asia/Tokyo", 800, 450, False]


async def test_every_page_believes_to_have_the_focus(browser: ChromiumBrowser, site: Site) -> None:
    site.page("/", "<input onfocus='window.focused = true'>")
    pages = [await opened(browser, site.url + "/") for _ in range(3)]
    for page in pages:
        await page.call("document.querySelector('input').focus()", timeout_s=WAIT_S)
    for page in pages:
        told = await page.call("[document.hasFocus(), document.visibilityState, window.focused]", timeout_s=WAIT_S)
        assert told == [True, "visible", True]


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
async def test_many_pages_give_pictures_at_once(site: Site, rendering: Rendering) -> None:
    site.page("/", "<body style='background: #c00'><h1>picture</h1>")
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        pages = [await opened(browser, site.url + "/") for _ in range(6)]
        pictures = await asyncio.gather(*(page.picture() for page in pages for _ in range(3)))
        assert len(pictures) == 18
        for picture in pictures:
            assert picture[:3] == b"\xff\xd8\xff"
            assert picture[-2:] == b"\xff\xd9"
            assert len(picture) > 2000, "a blank page is smaller"
        assert await pages[0].call("1 + 1", timeout_s=WAIT_S) == 2
        assert not browser.closed.is_set()
    finally:
        await browser.close()
