"""Browsers and pages begin, end and break; nothing stays behind and nobody waits for ever."""

import asyncio
import contextlib
import os
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from carga.engines.chromium import browser as browser_module
from carga.engines.chromium import find
from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.engines.chromium.find import BrowserInfo, find_chromium
from carga.engines.chromium.page import POPUPS_MAX
from carga.engines.chromium.sandbox import Sandbox, detect
from carga.engines.engine import PageSettings
from carga.errors import BrowserFailed, BrowserMissing, CargaError, PageFailed
from tests.engines.chromium.conftest import Listener
from tests.support.site import Site, free_port

pytestmark = pytest.mark.e2e
PLAIN = PageSettings(script="", binding="_say")
WAIT_S = 10
TEXT = """new Promise((resolve) => {
  const told = () => resolve(document.body.textContent);
  if (document.readyState === "complete") told(); else addEventListener("load", told);
})"""


@pytest.fixture(autouse=True)
def own_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of the test's own for profiles, open to the browser's user."""
    tmp_path_factory.getbasetemp()  # stays where it is
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield


def profiles() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("carga-browser-*"))


def group_of(pid: int) -> list[int]:
    """Processes of the browser's process group, which are all that it started, its sandbox included."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def renderers_of(pid: int) -> list[int]:
    return [one for one in group_of(pid) if "--type=renderer" in " ".join(psutil.Process(one).cmdline())]


async def gone(pid: int) -> bool:
    """Whether the browser's processes end within WAIT_S."""
    until = time.monotonic() + WAIT_S
    while group_of(pid) and time.monotonic() < until:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(0.02)
    return not group_of(pid)


async def test_a_closed_browser_leaves_no_process_and_no_profile(listener: Listener) -> None:
    before = profiles()
    browser = await ChromiumEngine().open_browser("none")
    page = await browser.open_page(PLAIN, listener)
    assert await page.call("1 + 1", timeout_s=WAIT_S) == 2
    mine = profiles() - before
    assert mine
    assert group_of(browser.pid)
    await browser.close()
    await browser.close()
    assert browser.closed.is_set()
    assert browser.reason == ""
    assert await gone(browser.pid)
    assert not mine & profiles()
    assert listener.lost == []


async def test_a_killed_browser_says_why_and_leaves_nothing(browser: ChromiumBrowser, listener: Listener) -> None:
    page = await browser.open_page(PLAIN, listener)
    waiting = asyncio.create_task(page.call("new Promise(() => {})", timeout_s=60))
    await asyncio.sleep(0)
    os.kill(browser.pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        await browser.closed.wait()
    assert browser.reason == "The browser was killed by signal 9."
    with pytest.raises(BrowserFailed, match="is gone"):
        await waiting
    with pytest.raises(BrowserFailed, match="is gone"):
        await browser.open_page(PLAIN, listener)
    await page.close()
    await browser.close()
    assert await gone(browser.pid)


async def test_kill_ends_all_processes_at_once(browser: ChromiumBrowser, listener: Listener) -> None:
    await browser.open_page(PLAIN, listener)
    browser.kill()
    async with asyncio.timeout(WAIT_S):
        await browser.closed.wait()
    assert await gone(browser.pid)


@pytest.mark.parametrize("way", ["kill", "chrome://crash"])
async def test_a_renderers_crash_is_told_once_and_spares_the_others(
    browser: ChromiumBrowser, listener: Listener, site: Site, way: str
) -> None:
    site.page("/", "one")
    page = await browser.open_page(PLAIN, listener)
    before = set(renderers_of(browser.pid))
    other_listener = Listener()
    await page.navigate(site.url + "/")
    mine = set(renderers_of(browser.pid)) - before or set(renderers_of(browser.pid))
    other = await browser.open_page(PLAIN, other_listener)
    if way == "kill":
        for pid in mine:
            os.kill(pid, signal.SIGKILL)
    else:
        with contextlib.suppress(CargaError):
            await page.navigate("chrome://crash")
    async with asyncio.timeout(WAIT_S):
        while not listener.lost:  # noqa: ASYNC110 - told by the loop
            await asyncio.sleep(0.01)
    assert await other.navigate(site.url + "/") == ""
    assert await other.call(TEXT, timeout_s=WAIT_S) == "one"
    await page.close()
    assert listener.lost == ["The page's renderer crashed."]
    assert other_listener.lost == []


async def test_a_page_lost_with_its_own_closing_tells_nobody(browser: ChromiumBrowser, listener: Listener) -> None:
    page = await browser.open_page(PLAIN, listener)
    await page.close()
    await page.close()
    assert listener.lost == []
    with pytest.raises(PageFailed):
        await page.call("1", timeout_s=WAIT_S)


async def test_navigation_tells_the_networks_error(browser: ChromiumBrowser, listener: Listener, site: Site) -> None:
    page = await browser.open_page(PLAIN, listener)
    assert await page.navigate(f"http://127.0.0.1:{free_port()}/") == "net::ERR_CONNECTION_REFUSED"
    assert await page.navigate("http://nowhere.invalid/") == "net::ERR_NAME_NOT_RESOLVED"
    assert await page.navigate(site.url + "/empty") == "net::ERR_EMPTY_RESPONSE"
    assert await page.navigate(site.url.replace("http:", "https:") + "/") == "net::ERR_SSL_PROTOCOL_ERROR"
    assert await page.navigate(site.url + "/status/500") == ""


async def test_an_exception_in_a_call_is_the_pages_failure(browser: ChromiumBrowser, listener: Listener) -> None:
    page = await browser.open_page(PLAIN, listener)
    with pytest.raises(PageFailed, match="Error: no such thing"):
        await page.call("Promise.reject(new Error('no such thing'))", timeout_s=WAIT_S)
    with pytest.raises(BrowserFailed, match="did not answer"):
        await page.call("new Promise(() => {})", timeout_s=0.05)


async def test_dialogs_do_not_hang_a_page(browser: ChromiumBrowser, listener: Listener, site: Site) -> None:
    site.page("/", "<script>onbeforeunload = (event) => { event.preventDefault(); return 'stay'; }</script>")
    site.page("/next", "next")
    page = await browser.open_page(PLAIN, listener)
    await page.navigate(site.url + "/")
    assert await page.call("[alert('a'), confirm('b'), prompt('c', 'd')]", timeout_s=WAIT_S) == [None, True, ""]
    page.input("mouse", b'{"type":"mousePressed","x":5,"y":5,"button":"left","clickCount":1}')
    page.input("mouse", b'{"type":"mouseReleased","x":5,"y":5,"button":"left","clickCount":1}')
    assert await page.navigate(site.url + "/next") == ""
    assert await page.call(TEXT, timeout_s=WAIT_S) == "next"


async def test_popups_stay_few(browser: ChromiumBrowser, listener: Listener, site: Site) -> None:
    site.page("/", "one")
    page = await browser.open_page(PLAIN, listener)
    await page.navigate(site.url + "/")

    async def pages() -> int:
        targets = (await browser._connection.call("Target.getTargets"))["targetInfos"]
        return sum(one["type"] == "page" and one.get("browserContextId") == page._context for one in targets)

    for i in range(20):
        await page.call(f"Boolean(window.open('/popup{i}'))", timeout_s=WAIT_S)
    async with asyncio.timeout(WAIT_S):
        while await pages() > 1 + POPUPS_MAX:  # noqa: ASYNC110 - the browser tells nobody
            await asyncio.sleep(0.02)
    assert await page.call("1", timeout_s=WAIT_S) == 1
    await page.close()
    assert await pages() == 0


async def test_downloads_leave_no_file(browser: ChromiumBrowser, listener: Listener, site: Site) -> None:
    site.page("/", "<a id=a href=/file download>file</a>")
    site.page("/file", b"x" * 1000, kind="application/zip", headers={"content-disposition": "attachment"})
    page = await browser.open_page(PLAIN, listener)
    before = set(Path.cwd().iterdir())
    await page.navigate(site.url + "/")
    await page.call(TEXT, timeout_s=WAIT_S)
    await page.call("document.querySelector('#a').click()", timeout_s=WAIT_S)
    assert await page.navigate(site.url + "/file") == "net::ERR_ABORTED"
    profile = browser._process._profile.path
    async with asyncio.timeout(WAIT_S):  # the browser begins to write before it asks whether it may
        while [path for path in profile.rglob("*") if path.is_file() and path.stat().st_size == 1000]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert set(Path.cwd().iterdir()) == before


async def test_syntax_errors_are_found_with_their_line(browser: ChromiumBrowser) -> None:
    assert await browser.check_script("const a = 1;\nasync () => { await a; }", "a.js") == ""
    assert (
        await browser.check_script("const a = 1;\nconst b = ;", "a.js") == "line 2: SyntaxError: Unexpected token ';'"
    )
    assert (await browser.check_script("\n\n(() => { await 1; })", "a.js")).startswith("line 3: SyntaxError: await is")


# --- browsers that are not as they should be -----------------------------------------------------------


def program(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo Chromium 99.0.1.2\n", "is version 99.0.1.2, older than 120"),
        ("echo no browser\n", "does not tell its version"),
        ("exit 3\n", "does not tell its version"),
        (None, "does not tell its version"),
    ],
)
def test_a_browser_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    path = program(tmp_path / "chromium", text) if text else tmp_path / "chromium"
    monkeypatch.setenv(find.ENVIRONMENT, str(path))
    find_chromium.cache_clear()
    try:
        with pytest.raises(BrowserMissing, match=words) as caught:
            ChromiumEngine()
        assert str(path) in caught.value.problem
        assert "carga browsers install" in caught.value.remedy
        path.write_text("not executable")
        path.chmod(0o644)
        with pytest.raises(BrowserMissing, match="does not tell its version"):
            ChromiumEngine()
    finally:
        find_chromium.cache_clear()


@pytest.mark.parametrize(
    ("text", "words"),
    [("exec sleep 60\n", "did not answer"), ("echo no display >&2\nexit 1\n", "no display")],
    ids=["silent", "ends at once"],
)
async def test_a_browser_that_does_not_come_up_fails_in_time(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setattr(browser_module, "START_TIMEOUT_S", 1.0)
    before = profiles()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = program(Path(directory) / "chromium", text)
        begun = time.monotonic()
        with pytest.raises(BrowserFailed, match=words) as caught:
            await ChromiumEngine(BrowserInfo(path, "150.0.0.0", "chromium"), detect()).open_browser("none")
    assert time.monotonic() - begun < 6
    assert "carga doctor" in caught.value.remedy
    assert profiles() == before


async def test_a_program_that_cannot_be_executed_fails(tmp_path: Path) -> None:
    before = profiles()
    info = BrowserInfo(tmp_path / "nothing", "150.0.0.0", "chromium")
    with pytest.raises(BrowserFailed):
        await ChromiumEngine(info, detect()).open_browser("none")
    assert profiles() == before


def test_a_sandbox_that_is_off_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from carga.engines.chromium import sandbox

    off = tmp_path / "off"
    off.write_text("0\n")
    monkeypatch.setattr(sandbox, "_USERNS_SWITCHES", (off,))
    detect.cache_clear()
    try:
        found = detect()
        assert not found.on
        assert found.reason == "user namespaces are switched off"
        assert found.flags() == ["--no-sandbox"]
    finally:
        detect.cache_clear()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: None)
    try:
        assert "setpriv" in detect().reason
    finally:
        detect.cache_clear()


@pytest.mark.parametrize("words", ["No usable sandbox! See ...", "Failed to move to new namespace: errno = 1"])
async def test_browsers_that_are_refused_a_sandbox_start_without_it(listener: Listener, words: str) -> None:
    real = find_chromium()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        picky = program(
            Path(directory) / "chromium",
            f'case "$*" in *--no-sandbox*) exec {real.path} "$@";; esac\necho "{words}" {"." * 1000} >&2\nexit 1\n',
        )
        engine = ChromiumEngine(BrowserInfo(picky, real.version, real.kind), Sandbox(on=True, uid=detect().uid))
        browsers = await asyncio.gather(engine.open_browser("none"), engine.open_browser("none"))
        try:
            assert "user namespaces" in engine.sandbox.reason
            for browser in browsers:
                page = await browser.open_page(PLAIN, listener)
                assert await page.call("1 + 1", timeout_s=WAIT_S) == 2
        finally:
            for browser in browsers:
                await browser.close()


async def test_a_browser_that_wants_a_sandbox_even_without_one_fails() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = program(Path(directory) / "chromium", "echo No usable sandbox >&2\nexit 1\n")
        with pytest.raises(BrowserFailed, match="No usable sandbox"):
            await ChromiumEngine(BrowserInfo(path, "150.0.0.0", "chromium"), detect()).open_browser("none")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a browser without its sandbox as itself")
async def test_a_browser_without_its_sandbox_works_too(listener: Listener) -> None:
    browser = await ChromiumEngine(sandbox=Sandbox(on=False, uid=None, reason="tried")).open_browser("none")
    try:
        page = await browser.open_page(PLAIN, listener)
        assert await page.call("1 + 1", timeout_s=WAIT_S) == 2
    finally:
        await browser.close()
