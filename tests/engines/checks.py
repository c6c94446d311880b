"""What every real browser must do, whatever drives it. The tests of each engine call these."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from carga.engines.engine import Browser, Page, PageSettings
from carga.errors import BrowserFailed, PageFailed
from carga.model.plan import Cookie
from tests.engines.chromium.conftest import Listener
from tests.support.site import Site, free_port

WAIT_S = 20
PLAIN = PageSettings(script="", binding="_say")
LOADED = "new Promise((done) => document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1)))"
SAYS = PageSettings(script="window._say('at ' + location.pathname);", binding="_say")


@contextmanager
def own_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the test's own for profiles, open to the browser's user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield Path(directory)


def profiles() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("carga-browser-*"))


def group_of(pid: int) -> list[psutil.Process]:
    """Living processes of the browser's process group, which are all that it started."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - of processes, which tell nobody
            await asyncio.sleep(0.02)


async def opened(browser: Browser, url: str, listener: Listener | None = None, **settings: Any) -> Page:
    page = await browser.open_page(PageSettings(script="", binding="_say", **settings), listener or Listener())
    assert await page.navigate(url) == ""
    await page.call(LOADED, timeout_s=WAIT_S)
    return page


async def closed_browser_leaves_nothing(browser: Browser) -> None:
    listener = Listener()
    page = await browser.open_page(PLAIN, listener)
    assert await page.call("1 + 1", timeout_s=WAIT_S) == 2
    assert profiles()
    assert group_of(browser.pid)
    await browser.close()
    await browser.close()
    assert browser.closed.is_set()
    assert browser.reason == ""
    await until(lambda: not group_of(browser.pid))
    assert not profiles()
    assert listener.lost == []


async def killed_browser_says_so_and_leaves_nothing(browser: Browser) -> None:
    page = await browser.open_page(PLAIN, Listener())
    waiting = asyncio.create_task(page.call("new Promise(() => {})", timeout_s=60))
    await asyncio.sleep(0)
    os.kill(browser.pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        await browser.closed.wait()
    assert "was killed by signal 9" in browser.reason
    with pytest.raises(BrowserFailed, match="is gone"):
        await waiting
    await page.close()
    await browser.close()
    await until(lambda: not group_of(browser.pid))
    assert not profiles()


async def kill_ends_all_at_once(browser: Browser) -> None:
    await browser.open_page(PLAIN, Listener())
    browser.kill()
    async with asyncio.timeout(WAIT_S):
        await browser.closed.wait()
    await until(lambda: not group_of(browser.pid))


async def lost_page_is_told_once(browser: Browser, site: Site, victim: Callable[[psutil.Process], bool]) -> None:
    """`victim` tells the processes that run pages from the others of the browser."""
    site.page("/", "one")
    listener = Listener()
    await opened(browser, site.url + "/", listener)
    mine = [process for process in group_of(browser.pid) if victim(process)]
    for process in mine:
        process.kill()
    await until(lambda: listener.lost)
    assert len(listener.lost) == 1


async def navigation_tells_the_networks_error(browser: Browser, site: Site, *, empty: str) -> None:
    listener = Listener()
    page = await browser.open_page(SAYS, listener)
    assert await page.navigate(f"http://127.0.0.1:{free_port()}/") == "net::ERR_CONNECTION_REFUSED"
    assert await page.navigate("http://nowhere.invalid/") == "net::ERR_NAME_NOT_RESOLVED"
    assert await page.navigate(site.url + "/empty") == empty
    assert await page.navigate(site.url + "/reset") == "net::ERR_CONNECTION_RESET"
    assert await page.navigate(site.url.replace("http:", "https:") + "/") == "net::ERR_SSL_PROTOCOL_ERROR"
    assert not any(batch.startswith("at ") for batch in listener.batches), "an error page is nobody's document"
    assert await page.navigate(site.url + "/status/500") == ""
    await until(lambda: listener.batches and listener.batches[-1] == "at /status/500")


async def the_script_runs_first_and_in_every_document(browser: Browser, site: Site) -> None:
    site.page("/", "<script>window.early = window.mark</script><iframe src='/frame'></iframe>")
    site.page("/frame", "frame")
    listener = Listener()
    settings = PageSettings(script="window.mark = 'first'; window._say('at ' + location.pathname);", binding="_say")
    page = await browser.open_page(settings, listener)
    for number in range(2):
        assert await page.navigate(f"{site.url}/?{number}") == ""
        await page.call(LOADED, timeout_s=WAIT_S)
        assert await page.call("window.early", timeout_s=WAIT_S) == "first"
    assert await page.navigate(site.other_origin + "/") == ""
    await until(lambda: len(listener.batches) == 3)
    assert listener.batches == ["at /"] * 3


async def an_exception_is_the_pages_failure(browser: Browser, site: Site) -> None:
    site.page("/", "one")
    page = await opened(browser, site.url + "/")
    with pytest.raises(PageFailed, match="no such thing"):
        await page.call("Promise.reject(new Error('no such thing'))", timeout_s=WAIT_S)
    with pytest.raises(PageFailed, match="nowhere"):
        await page.call("nowhere.at.all", timeout_s=WAIT_S)
    with pytest.raises(BrowserFailed, match="did not answer"):
        await page.call("new Promise(() => {})", timeout_s=0.05)
    assert await page.call("[1, 'two', null, {three: [true]}]", timeout_s=WAIT_S) == [1, "two", None, {"three": [True]}]


async def dialogs_do_not_hang_a_page(browser: Browser, site: Site) -> None:
    site.page("/", "<script>alert(1); window.said = [confirm('2'), prompt('3', 'three')];</script>")
    page = await opened(browser, site.url + "/")
    said = await page.call("window.said", timeout_s=WAIT_S)
    assert said[0] is True


async def a_script_is_compiled_and_not_run(browser: Browser) -> None:
    assert await browser.check_script("throw new Error('it runs')", "a.js") == ""
    problem = await browser.check_script("let a = 1;\nlet b = ;\n", "a.js")
    assert problem.startswith("line 2: ")


async def keys_and_clicks_are_trusted(browser: Browser, site: Site) -> None:
    site.page(
        "/",
        """<input id="text">
        <button style="position: fixed; left: 100px; top: 100px; width: 80px; height: 40px">b</button>
        <script>window.seen = []; document.querySelector("input").focus();
        const note = (event) => seen.push([event.type, event.key ?? "", event.isTrusted, event.target.localName]);
        for (const type of ["keydown", "keyup", "click", "mousemove"]) addEventListener(type, note);
        </script>""",
    )
    page = await opened(browser, site.url + "/")
    for key, text in (("a", "a"), ("B", "B"), ("ArrowDown", ""), ("Enter", "\r")):
        for kind in ("keyDown", "keyUp"):
            page.input("key", msgspec.json.encode({"type": kind, "key": key, "text": text}))
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.input("mouse", msgspec.json.encode({"type": kind, "x": 140.5, "y": 120, "button": "left"}))

    clicked = "new Promise((done) => addEventListener('click', () => setTimeout(() => done(seen))))"
    asked = page.call(f"seen.some(([type]) => type === 'click') ? seen : {clicked}", timeout_s=WAIT_S)
    seen = await asked
    keys = [entry[1] for entry in seen if entry[0] == "keydown"]
    assert keys == ["a", "B", "ArrowDown", "Enter"]
    assert all(trusted for _, _, trusted, _ in seen)
    assert ["click", "", True, "button"] in seen
    assert await page.call("document.querySelector('input').value", timeout_s=WAIT_S) == "aB"


async def pictures_are_jpegs(browser: Browser, site: Site) -> None:
    site.page("/", "<body style='background: #c00'><h1>picture</h1>")
    page = await opened(browser, site.url + "/")
    picture = await page.picture()
    assert picture[:3] == b"\xff\xd8\xff"
    assert len(picture) > 2000, "a blank page is smaller"


IDENTITY = """<script>
new WebSocket(location.origin.replace("http", "ws") + "/echo");
new Worker("/dedicated.js");
fetch("/from-page");
</script>"""


async def identity_reaches_the_server(browser: Browser, site: Site) -> None:
    site.page("/", IDENTITY)
    site.script("/dedicated.js", "")
    page = await opened(
        browser,
        site.url + "/",
        user_agent="serial=1;mac=2;",
        headers={"X-Box": "box 7"},
        cookies=(Cookie("session", "s7", domain="127.0.0.1"), Cookie("hidden", "h7", "127.0.0.1", "/", False, True)),
    )
    paths = ("/", "/from-page", "/dedicated.js")
    await site.until(lambda s: s.sockets and all(s.seen(path) for path in paths))
    for path in paths:
        headers = site.seen(path)[0].headers
        assert headers["user-agent"] == "serial=1;mac=2;", path
        assert headers["x-box"] == "box 7", path
        assert sorted(headers["cookie"].split("; ")) == ["hidden=h7", "session=s7"], path
    assert site.sockets[0].user_agent == "serial=1;mac=2;"
    assert await page.call("[navigator.userAgent, document.cookie]", timeout_s=WAIT_S) == [
        "serial=1;mac=2;",
        "session=s7",
    ]


async def timezone_and_viewport_reach_the_page(browser: Browser, site: Site) -> None:
    site.page("/", "one")
    page = await opened(browser, site.url + "/", timezone="Asia/Tokyo", viewport=(800, 450))
    told = await page.call(
        "[Intl.DateTimeFormat().resolvedOptions().timeZone, innerWidth, innerHeight, document.visibilityState]",
        timeout_s=WAIT_S,
    )
    assert told == ["Asia/Tokyo", 800, 450, "visible"]


async def the_cache_can_be_switched_off(browser: Browser, site: Site, *, cache: bool) -> None:
    site.page("/", "<script src='/script.js?cache=600'></script>")
    page = await opened(browser, site.url + "/", cache=cache)
    await page.navigate(site.url + "/")
    await page.call(LOADED, timeout_s=WAIT_S)
    assert len(site.seen("/script.js")) == (1 if cache else 2)


async def frames_and_timers_run(browser: Browser, site: Site) -> None:
    site.page("/", "one")
    page = await opened(browser, site.url + "/")
    thirty = "(function next() { n++ < 30 ? requestAnimationFrame(next) : done(n); })()"
    assert await page.call(f"new Promise((done) => {{ let n = 0; {thirty}; }})", timeout_s=WAIT_S) == 31
