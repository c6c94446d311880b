"""The page in a real browser, key by key."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from carga.demo import Demo, start
from carga.model.plan import Rendering
from tests.demo.viewers import WAIT_S, key, user_agent
from tests.support.driver import PageDriver, opened_driver

pytestmark = pytest.mark.e2e

READY = "document.body.dataset.ready === '1'"
FOCUSED = "document.querySelector('#guide .cell.focused')"
CHANNEL = "document.querySelector('#guide .row.focused .name b').textContent"


class Viewer:
    """Somebody with a remote control, who waits for each answer."""

    def __init__(self, page: PageDriver, demo: Demo) -> None:
        self.page = page
        self.demo = demo

    async def open(self, query: str = "") -> None:
        await self.page.goto(f"{self.demo.url}guide/{query}")
        await self.page.evaluate("window.released = 0; addEventListener('keyup', () => { window.released += 1; })")

    async def strike(self, name: str) -> None:
        """Presses a key, and waits until the page has had it: a browser hands keys on when it sees fit."""
        before = await self.page.evaluate("window.released")
        await self.page.press(name)
        await self.page.wait_until(f"window.released > {before}")

    async def press(self, *keys: str) -> None:
        for name in keys:
            await self.strike(name)
            await self.page.wait_until(READY)

    async def actions(self) -> int:
        return (await asyncio.to_thread(self.demo.stats)).actions.total

    async def costs(self, *keys: str) -> int:
        """How many actions these keys cause."""
        before = await self.actions()
        await self.press(*keys)
        return await self.actions() - before

    async def sees(self, selector: str) -> bool:
        return bool(await self.page.evaluate(f"document.querySelector('{selector}')?.hidden === false"))

    async def text(self, selector: str) -> str:
        return str(await self.page.evaluate(f"document.querySelector('{selector}').textContent"))

    async def channel(self) -> int:
        return int(await self.page.evaluate(CHANNEL))


@asynccontextmanager
async def watching(demo: Demo, rendering: Rendering = "full", query: str = "") -> AsyncIterator[Viewer]:
    async with opened_driver(rendering, user_agent=user_agent(1), viewport=(1280, 720)) as page:
        viewer = Viewer(page, demo)
        await viewer.open(query)
        yield viewer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("rendering", ["full", "none"])
async def test_every_key_does_what_it_says_and_nothing_goes_wrong(demo: Demo, rendering: Rendering) -> None:
    async with watching(demo, rendering) as viewer:
        page = viewer.page
        await page.wait_until(READY)
        assert await page.evaluate("document.querySelectorAll('#guide .cell').length") > 10
        assert await page.evaluate(f"{FOCUSED} !== null")

        assert await viewer.costs("ArrowDown", "ArrowDown", "ArrowUp") == 3
        assert await viewer.channel() == 2
        await viewer.press("PageDown")
        assert await viewer.channel() == 12
        await viewer.press("PageUp", "PageUp")
        assert await viewer.channel() == 52, "ten above the second is among the last"
        await viewer.strike("4")
        await viewer.press("2")
        assert await viewer.channel() == 42
        await viewer.press("7")
        assert await viewer.channel() == 7
        assert not await viewer.sees("#dial")

        first = await viewer.text("#hero h2")
        assert first == await page.evaluate(f"{FOCUSED}.querySelector('b').textContent")
        now = await page.evaluate(f"{FOCUSED}.dataset.id")
        assert await viewer.costs("ArrowRight") == 1
        assert await page.evaluate(f"{FOCUSED}.dataset.id") != now
        await viewer.press("ArrowLeft")
        assert await page.evaluate(f"{FOCUSED}.dataset.id") == now

        assert await viewer.costs("Enter") == 1
        assert await viewer.text("#details h2") == first
        assert await page.evaluate("document.querySelectorAll('#details .cast li').length") == 5
        assert await viewer.costs("Escape") == 0
        assert not await viewer.sees("#details")
        await viewer.press("Enter", "Backspace")
        assert not await viewer.sees("#details")

        await viewer.press("s")
        for letter in "night":
            await viewer.strike(letter)
        await page.wait_until(f"{READY} && document.querySelector('#search .hit') !== null")
        assert "night" in (await viewer.text("#search .hit b")).lower()
        await viewer.press("ArrowDown")
        wanted = await viewer.text("#search .hit.focused b")
        await viewer.press("Enter")
        assert not await viewer.sees("#search")
        assert await viewer.text("#hero h2") == wanted
        await viewer.press("s", "x", "Backspace", "Backspace")
        assert not await viewer.sees("#search")

        assert await viewer.costs("o", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft") == 4
        assert (await viewer.text("#settings li:nth-child(2) b")) == "Português"
        await viewer.press("Escape")
        assert not await viewer.sees("#settings")

        assert await viewer.costs("+", "+", "-") == 3
        assert await viewer.sees("#volume")
        assert await viewer.text("#volume b") == "50"
        await page.wait_until("document.querySelector('#volume').hidden")
        await page.wait_until("/^\\d\\d:\\d\\d$/.test(document.querySelector('#clock time').textContent)")
        await page.wait_until("document.querySelector('#viewers').textContent === '1 viewer'")
        assert page.console_errors == []
        await viewer.press("o", "ArrowLeft", "ArrowDown", "ArrowLeft", "ArrowDown", "ArrowRight", "Escape", "-")
    stats = demo.stats()
    assert set(stats.requests.by_status) <= {"200", "204"}
    assert stats.websockets.opened == 1
    assert list(demo.identities().identities) == [key(1)]


async def test_settings_are_there_again_after_a_reload(demo: Demo) -> None:
    async with watching(demo) as viewer:
        await viewer.page.wait_until(READY)
        await viewer.press("+", "+", "+")
        volume = await viewer.text("#volume b")
        await viewer.open()
        await viewer.page.wait_until(READY)
        await viewer.press("o")
        assert await viewer.text("#settings li b") == f"{volume} %"


async def test_the_window_follows_the_focus_through_a_whole_day_and_back(demo: Demo) -> None:
    async with watching(demo, "none") as viewer:
        await viewer.page.wait_until(READY)
        first = await viewer.page.evaluate(f"{FOCUSED}.dataset.id")
        for _ in range(30):
            await viewer.press("ArrowRight")
            assert await viewer.page.evaluate(f"{FOCUSED} !== null")
        for _ in range(40):
            await viewer.press("ArrowLeft")
        assert await viewer.page.evaluate(f"{FOCUSED}.dataset.id") == first
        assert viewer.page.console_errors == []


async def test_the_page_drives_itself_in_its_test_mode(demo: Demo) -> None:
    async with watching(demo, "none", "?profile_test=guide") as viewer:
        await until(lambda: demo.stats().actions.total >= 4)
        assert viewer.page.console_errors == []


async def test_a_desk_browser_says_in_every_request_who_it_is() -> None:
    with start() as demo:
        async with opened_driver("none") as page:
            await page.goto(f"{demo.url}guide/?serial=DESK&mac=7")
            await page.wait_until(READY)
            await page.press("ArrowDown")
            await until(lambda: demo.identities().identities["DESK 7"].websockets_opened == 1)
            assert demo.identities().identities["DESK 7"].requests >= 5


async def test_a_dropped_connection_is_made_again() -> None:
    with start(ill=["dropping-websockets=0.3"]) as demo:
        async with watching(demo, "none") as viewer:
            await until(lambda: demo.stats().websockets.opened >= 3)
            await viewer.page.wait_until("document.body.dataset.online === '1'")
    assert demo.process.returncode == 0


async def test_who_is_not_let_in_is_told_and_comes_in_when_there_is_room() -> None:
    with start(ill=["session-limit=0"]) as demo:
        async with watching(demo, "none") as viewer:
            await viewer.page.wait_until("document.querySelector('#toast').textContent.startsWith('Too many viewers')")
            assert await viewer.page.evaluate("document.body.dataset.ready") == "0"
            await until(lambda: demo.stats().sessions_refused >= 2)


async def test_an_error_is_shown_and_the_guide_goes_on() -> None:
    with start(ill=["errors=35"], seed=3) as demo:
        async with watching(demo, "none") as viewer:
            await viewer.page.wait_until(READY, timeout_s=60)
            await viewer.press(*["ArrowDown"] * 8)
            assert await viewer.channel() == 9
            assert await viewer.page.evaluate("document.querySelector('#toast').textContent") == "Something went wrong."
