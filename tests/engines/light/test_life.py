"""Lightpanda's processes and pages begin, end and break; nothing stays behind and nobody waits for ever."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from carga.engines.account import BROWSER_UID
from carga.engines.engine import PageListener, PageSettings
from carga.engines.light import browser as browser_module
from carga.engines.light.browser import LightBrowser, LightEngine
from carga.engines.light.find import LightInfo
from carga.errors import BrowserFailed
from carga.model.engines import ENGINES
from tests.support.site import Site

pytestmark = pytest.mark.e2e
PLAIN = PageSettings(script="", binding="_say")
WAIT_S = 10.0


class Listener:
    def __init__(self) -> None:
        self.lost: list[str] = []
        self.told = asyncio.Event()

    def on_batch(self, payload: str, document: int) -> None:
        pass

    def on_network_error(self, url: str, text: str) -> None:
        pass

    def on_count(self, counter: str) -> None:
        pass

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)
        self.told.set()


@pytest.fixture
def listener() -> PageListener:
    return Listener()


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of the test's own for those of browsers, open to the browser's user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield


def folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("carga-browser-*"))


def program(tmp_path: Path, script: str) -> LightInfo:
    """Something that is started in Lightpanda's place."""
    path = Path(tempfile.gettempdir()) / "lightpanda"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return LightInfo(path, "1.0.2")


async def gone(pid: int) -> bool:
    until = time.monotonic() + WAIT_S
    while psutil.pid_exists(pid) and time.monotonic() < until:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(0.02)
    return not psutil.pid_exists(pid)


async def test_a_closed_browser_leaves_no_process_and_no_folder(listener: Listener) -> None:
    browser = await LightEngine().open_browser("none")
    page = await browser.open_page(PLAIN, listener)
    assert await page.call("1 + 1", timeout_s=WAIT_S) == 2
    assert len(folders()) == 1
    await browser.close()
    await browser.close()
    assert browser.closed.is_set()
    assert browser.reason == ""
    assert await gone(browser.pid)
    assert folders() == []
    assert listener.lost == []
    await page.close()


async def test_a_killed_process_says_so_and_its_pages_are_not_lost_one_by_one(
    browser: LightBrowser, listener: Listener
) -> None:
    page = await browser.open_page(PLAIN, listener)
    waiting = asyncio.create_task(page.call("new Promise(() => {})", timeout_s=60))
    await asyncio.sleep(0)
    os.kill(browser.pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        await browser.closed.wait()
    assert browser.reason == "The browser is gone: Lightpanda was killed by signal 9."
    with pytest.raises(BrowserFailed, match="is gone"):
        await waiting
    with pytest.raises(BrowserFailed, match="is gone"):
        await browser.open_page(PLAIN, listener)
    await page.close()
    await browser.close()
    assert listener.lost == []


async def test_a_page_that_lightpanda_ends_is_lost_alone(
    browser: LightBrowser, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_module, "END_SEEN_S", 0.05)
    other = await browser.open_page(PLAIN, Listener())
    page = await browser.open_page(PLAIN, listener)
    page._connection._socket.shutdown(2)  # as its watchdog does with a script that never ends
    async with asyncio.timeout(WAIT_S):
        await listener.told.wait()
    assert "Lightpanda has ended the page" in listener.lost[0]
    assert not browser.closed.is_set()
    assert await other.call("1 + 1", timeout_s=WAIT_S) == 2


async def test_a_closed_page_ends_its_websockets_and_makes_room(
    browser: LightBrowser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", "<script>new WebSocket(location.origin.replace('http', 'ws') + '/echo')</script>")
    for _ in range(2):
        pages = [await browser.open_page(PLAIN, Listener()) for _ in range(ENGINES["light"].users_per_browser)]
        for page in pages[:3]:
            assert await page.navigate(site.url + "/") == ""
        await site.until(lambda s: sum(socket.opened_at > 0 for socket in s.sockets) % 3 == 0)
        for page in pages:
            await page.close()
    await site.until(lambda s: len(s.sockets) == 6 and all(socket.closed_at for socket in s.sockets))


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user stays who he is")
async def test_root_has_somebody_else_run_it(browser: LightBrowser) -> None:
    assert psutil.Process(browser.pid).uids().effective == BROWSER_UID


async def test_a_program_that_hangs_at_its_start_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(browser_module, "START_TIMEOUT_S", 0.5)
    with pytest.raises(BrowserFailed, match=r"did not start within 0.5 s: thinking"):
        await LightEngine(program(tmp_path, "echo thinking; sleep 60")).open_browser("none")
    assert folders() == []


async def test_a_program_that_dies_at_its_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(BrowserFailed, match=r"did not start: no such option"):
        await LightEngine(program(tmp_path, "echo no such option >&2; exit 1")).open_browser("none")
    assert folders() == []


async def test_a_program_that_takes_no_connection_fails_the_page(listener: Listener, tmp_path: Path) -> None:
    browser = await LightEngine(program(tmp_path, "echo server running; exec sleep 60")).open_browser("none")
    try:
        with pytest.raises(BrowserFailed, match="Lightpanda took no connection"):
            await browser.open_page(PLAIN, listener)
    finally:
        await browser.close()
