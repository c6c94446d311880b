"""Frames on request: one page does not keep the others waiting, and a lost GPU process is no more than a hiccup."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from carga.engines.chromium import drawing
from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.model.plan import Rendering
from tests.support.site import Site
from tests.support.user import HeardUser, start_user

pytestmark = pytest.mark.e2e
WAIT_S = 15.0
LOOP = "<body><script>let n = 0; const draw = () => { n++; requestAnimationFrame(draw); }; draw();</script>"
LATER = "new Promise((resolve) => setTimeout(() => resolve(1), 2000))"
BUSY = "<script>addEventListener('keydown', () => {const end = Date.now() + %d; while (Date.now() < end);});</script>"


@pytest.fixture
async def paced() -> AsyncIterator[ChromiumBrowser]:
    browser = await ChromiumEngine().open_browser("paced")
    yield browser
    await browser.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.01)


async def drawn(user: HeardUser, more: int = 3) -> None:
    """Waits until the page has had so many frames more."""
    await user.call(f"""new Promise((resolve) => {{
      const from = n;
      const look = () => n >= from + {more} ? resolve(1) : setTimeout(look, 20);
      look();
    }})""")


def press(user: HeardUser) -> None:
    user.session.page.input("key", b'{"type":"rawKeyDown","key":"Enter","code":"Enter","windowsVirtualKeyCode":13}')


async def opened(browser: ChromiumBrowser, site: Site, html: str, index: int = 0) -> HeardUser:
    site.page(f"/{index}", html)
    return await start_user(browser, f"{site.url}/{index}", rendering="paced", index=index)


async def test_the_gpu_process_may_end_any_number_of_times(paced: ChromiumBrowser, site: Site) -> None:
    one, two = [await opened(paced, site, LOOP, index) for index in range(2)]
    for lost in range(1, 9):  # Chromium itself would give up after six
        await until(lambda: paced._gpu.pid)
        os.kill(paced._gpu.pid, signal.SIGKILL)
        await until(lambda lost=lost: one.counter("gpu_crashes") + two.counter("gpu_crashes") == lost)
        await drawn(one)
        await drawn(two)
    assert not paced.closed.is_set()
    assert (await one.session.page.picture())[:2] == b"\xff\xd8"


@pytest.mark.parametrize("rendering", ["none", "full"])
async def test_a_lost_gpu_process_is_counted_in_every_rendering(site: Site, rendering: Rendering) -> None:
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        site.page("/", "<h1>one")
        user = await start_user(browser, site.url + "/", rendering=rendering)
        await until(lambda: browser._gpu.pid)
        os.kill(browser._gpu.pid, signal.SIGKILL)
        await until(lambda: user.counter("gpu_crashes") == 1)
        assert (await user.session.page.picture())[:2] == b"\xff\xd8"
    finally:
        await browser.close()


async def test_a_page_that_hangs_does_not_keep_the_frames_of_the_others(
    paced: ChromiumBrowser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "OVERDUE_S", 0.3)
    hanging = await opened(paced, site, LOOP + BUSY % 6000, 0)
    other = await opened(paced, site, LOOP, 1)
    await drawn(hanging)
    press(hanging)
    answer = asyncio.ensure_future(hanging.call("n"))
    await drawn(other, more=10)
    assert not answer.done(), "it hangs still"
    assert hanging.counter("gpu_crashes") + other.counter("gpu_crashes") <= 1, "it is given no second frame meanwhile"
    await answer
    await drawn(hanging)
    assert not paced.closed.is_set()


async def test_a_window_that_a_page_opens_and_that_hangs_keeps_nobody(paced: ChromiumBrowser, site: Site) -> None:
    site.page("/popup", "<script>setTimeout(() => { while (true); }, 300)</script>")
    opener = await opened(paced, site, LOOP, 0)
    other = await opened(paced, site, LOOP, 1)
    assert await opener.call("Boolean(window.open('/popup', '', 'noopener')) || 1")
    await site.until(lambda s: s.seen("/popup"))
    for _ in range(3):
        await drawn(other, more=10)


async def test_a_page_that_is_closed_in_its_frame_keeps_nobody(paced: ChromiumBrowser, site: Site) -> None:
    busy = await opened(paced, site, LOOP + BUSY % 4000, 0)
    other = await opened(paced, site, LOOP, 1)
    await drawn(busy)
    press(busy)
    await busy.session.page.close()
    await drawn(other, more=10)


async def test_a_renderer_that_is_killed_in_its_frame_keeps_nobody(paced: ChromiumBrowser, site: Site) -> None:
    victims = [await opened(paced, site, LOOP, index) for index in range(3)]
    other = await opened(paced, site, LOOP, 3)
    for victim in victims:
        await drawn(victim)
        paced._connection.post("Page.crash", {}, victim.session.page._session)  # type: ignore[attr-defined]
        await victim.until(lambda u: u.lost)
        await drawn(other)


async def test_an_idle_page_is_given_almost_no_frames(paced: ChromiumBrowser, site: Site) -> None:
    user = await opened(paced, site, "<h1>idle</h1>")
    await user.call("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 500)))")
    before = paced.frames_given
    await user.call(LATER)
    assert paced.frames_given - before <= 1


async def test_twenty_spinners_share_the_frames(paced: ChromiumBrowser, site: Site) -> None:
    spinner = """<style>
      @keyframes turn { to { transform: rotate(1turn) } }
      b { animation: turn 1s linear infinite }
    </style><b id=b>*</b><script>let n = 0; b.addEventListener("animationiteration", () => n++);</script>"""
    users = [await opened(paced, site, spinner, index) for index in range(20)]
    before = paced.frames_given
    for user in users:
        await drawn(user, more=1)
    await users[0].call(LATER)
    assert paced.frames_given > before


async def test_the_pointer_and_layout_are_there_for_behaviours(paced: ChromiumBrowser, site: Site) -> None:
    site.page(
        "/",
        """<style>#menu { opacity: 0; transition: opacity .2s } #top:hover #menu { opacity: 1 }</style>
        <div id=top>menu<div id=menu>entry</div></div><div style="height:3000px"></div><button id=far>far</button>
        <script>far.onclick = () => { far.textContent = "clicked"; };</script>""",
    )
    behaviour = """export default async (user) => {
      await user.step("hover", async () => {
        await user.hover("#top");
        await user.waitFor(() => getComputedStyle(menu).opacity === "1");
      });
      await user.step("scroll", async () => {
        await user.press("End");
        await user.waitFor(() => scrollY > 1000);
        await user.click("#far");
        await user.waitFor(() => far.textContent === "clicked");
      });
      await user.think("1h");
    }"""
    user = await start_user(paced, site.url + "/", behaviour, rendering="paced")
    await user.until(lambda u: u.count("step.scroll") or u.failed("step.hover") or u.failed("step.scroll"))
    assert user.messages("step") == []


async def test_the_page_does_not_see_how_its_frames_are_asked_for(paced: ChromiumBrowser, site: Site) -> None:
    user = await opened(paced, site, LOOP)
    told = await user.call("""[
      Object.getOwnPropertyNames(window).filter((name) => name.endsWith("_frame")),
      requestAnimationFrame.name, requestAnimationFrame.length, String(requestAnimationFrame).includes("[native code]"),
      Object.keys(Element.prototype).includes("scrollTop"), IntersectionObserver.prototype.observe.length,
    ]""")
    assert told == [[], "requestAnimationFrame", 1, True, True, 1]


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
async def test_no_timer_is_throttled_long_after_a_page_was_opened(
    site: Site, rendering: Rendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium wakes the timers of pages that were hidden for five minutes once a minute; here for one second."""
    from carga.engines.chromium import browser as module

    early = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"
    monkeypatch.setattr(module, "FLAGS", (*module.FLAGS, early))
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        site.page("/", "<h1>one")
        user = await start_user(browser, site.url + "/", rendering=rendering)
        told = await user.call("""new Promise((resolve) => {
          let left = 40;
          const again = () => --left ? setTimeout(again, 100) : done();
          const done = () => resolve([document.visibilityState, document.hasFocus()]);
          again();
        })""")
        assert told == ["visible", True]
    finally:
        await browser.close()
