"""A Firefox of carga speaks to nobody but the target."""

import asyncio

import pytest

from carga.engines.firefox.browser import FirefoxEngine
from tests.engines import checks
from tests.support.site import Site

pytestmark = pytest.mark.e2e

WATCHED_MS = 8000
"""A Firefox without our preferences has asked for its maker's lists a hundred times by then."""


async def test_it_calls_nobody_at_home(site: Site) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.close()

    site.page("/", "one")
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        through = {
            "network.proxy.type": 1,
            "network.proxy.http": "127.0.0.1",
            "network.proxy.http_port": port,
            "network.proxy.ssl": "127.0.0.1",
            "network.proxy.ssl_port": port,
            "network.proxy.no_proxies_on": "127.0.0.1",
        }
        browser = await FirefoxEngine(preferences=through).open_browser("full")
        try:
            page = await checks.opened(browser, site.url + "/")
            await page.call(f"new Promise((done) => setTimeout(done, {WATCHED_MS}))", timeout_s=checks.WAIT_S)
            assert asked == []
            await page.call("fetch('http://nowhere.invalid/told').catch(() => 0)", timeout_s=checks.WAIT_S)
            assert any("nowhere.invalid/told" in line for line in asked), "the proxy hears what leaves"
        finally:
            await browser.close()
    assert {seen.path for seen in site.requests} == {"/"}
