"""The live page in a real browser, played to by tests/dashboard/feed.py."""

import json

import pytest

from tests.dashboard.fake_run import FakeRun
from tests.dashboard.feed import served
from tests.support.driver import PageDriver

pytestmark = pytest.mark.e2e

CONNECTED = "document.querySelector('.pill')?.textContent === 'Running' && document.querySelectorAll('.row').length > 5"
ROWS_MAX = 60
FILTER_MS_MAX = 250
"""From the key to the new rows, with a shared CPU in mind; below it an answer feels immediate."""


def text_of(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"


async def test_shows_the_run_without_an_error_in_the_console(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    body = await page_driver.evaluate("document.body.innerText")
    for words in (
        "guide.toml",
        "Holding 5,000 users",
        "open guide",
        "HTTP 503",
        "worker-6",
        "1 of 4 thresholds does not",
    ):
        assert words in body, words
    assert await page_driver.evaluate("document.querySelectorAll('.plot canvas').length") == 5
    assert await page_driver.evaluate(text_of("#users .note")) == "5,000 of 5,000"
    assert page_driver.console_errors == []


async def test_numbers_move_on_with_the_messages(page_driver: PageDriver, run: FakeRun, address: str) -> None:
    run.speed = 10
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    clock = await page_driver.evaluate(text_of(".time b"))
    await page_driver.wait_until(f"({text_of('.time b')}) !== {json.dumps(clock)}")
    await page_driver.wait_until("/[1-9]/.test(document.querySelectorAll('#websockets .fact dd')[4].textContent)")
    assert page_driver.console_errors == []


async def test_a_full_machine_is_told_with_its_reason(page_driver: PageDriver) -> None:
    async with served(FakeRun(elapsed_s=300, full="timers in the pages are 250 ms late")) as address:
        await page_driver.goto(address)
        await page_driver.wait_until(CONNECTED)
        words = "The machine is full, users wait: timers in the pages are 250 ms late."
        await page_driver.wait_until(f"({text_of('#generator')}).includes({json.dumps(words)})")
        assert page_driver.console_errors == []


async def test_the_token_leaves_the_address_bar(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address + "?token=secret&kept=1")
    assert await page_driver.evaluate("location.search") == "?kept=1"


@pytest.mark.parametrize("users", [5_000, 100_000])
async def test_a_long_list_scrolls_and_filters_quickly(page_driver: PageDriver, users: int) -> None:
    async with served(FakeRun(users=users, elapsed_s=300)) as address:
        await page_driver.goto(address)
        await page_driver.wait_until(CONNECTED)
        await page_driver.evaluate("document.querySelector('#user-list').scrollTop = 1e9")
        await page_driver.wait_until(f"!!document.querySelector('#user-{users - 1}')")
        assert await page_driver.evaluate("document.querySelectorAll('.row').length") < ROWS_MAX
        took = await page_driver.evaluate(
            """new Promise((resolve) => {
              const input = document.querySelector("#users input");
              const note = document.querySelector("#users .note");
              const started = performance.now();
              new MutationObserver(() => resolve(performance.now() - started))
                .observe(note, { characterData: true, subtree: true, childList: true });
              input.value = "49";
              input.dispatchEvent(new InputEvent("input", { bubbles: true }));
            })"""
        )
        assert took < FILTER_MS_MAX
        await page_driver.wait_until("document.querySelector('.row .index').textContent.startsWith('49')")
        assert await page_driver.evaluate("document.querySelectorAll('.row').length") < ROWS_MAX
        assert page_driver.console_errors == []


async def test_keys_alone_find_a_user_and_show_the_screen(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    await page_driver.press("/")
    await page_driver.wait_until("document.activeElement.type === 'search'")
    await page_driver.type("100-199")
    await page_driver.wait_until(f"({text_of('#users .note')}) === '100 of 5,000'")
    await page_driver.evaluate("document.querySelector('#user-list').focus()")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        await page_driver.press(key)
    await page_driver.wait_until(f"({text_of('.drawer h2')}) === 'User 102'")
    await page_driver.wait_until("document.querySelector('.screen img')?.naturalWidth === 320")
    await page_driver.press("ArrowDown")
    await page_driver.wait_until("document.querySelector('.screen img')?.alt.startsWith('Screen of user 103')")
    await page_driver.press("Escape")
    await page_driver.wait_until("!document.querySelector('.drawer') && document.activeElement.id === 'user-list'")
    assert page_driver.console_errors == []


async def test_a_click_shows_the_screen_and_says_why_there_is_none(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    await page_driver.click("#user-3")
    first = await page_driver.wait_until("document.querySelector('.screen img')?.src")
    await page_driver.wait_until(f"document.querySelector('.screen img').src !== {json.dumps(first)}")
    await page_driver.press("Escape")
    assert page_driver.console_errors == []
    await page_driver.click(".chips .failed")
    await page_driver.click(".row")
    await page_driver.wait_until(
        f"({text_of('.screen .problem')}).includes('does not run now. Choose a user that runs.')"
    )


async def test_comes_back_after_the_coordinator_was_gone(page_driver: PageDriver, run: FakeRun) -> None:
    async with served(run) as address:
        await page_driver.goto(address)
        await page_driver.wait_until(CONNECTED)
    await page_driver.wait_until("document.querySelector('.toast')?.textContent.includes('Connection lost')")
    assert await page_driver.evaluate("document.querySelector('.stop').disabled") is True
    run.elapsed_s += 60
    async with served(run, port=int(address.rstrip("/").rsplit(":", 1)[1])):
        await page_driver.wait_until(f"({CONNECTED}) && !document.querySelector('.toast')")
        seconds = await page_driver.evaluate("import('/static/store.js').then((store) => store.series.value.second)")
        assert seconds == list(range(seconds[-1] + 1)), "the seconds of the gap are there"


async def test_says_that_a_token_is_missing_and_does_not_try_for_ever(page_driver: PageDriver, run: FakeRun) -> None:
    run.access_denied = True
    async with served(run) as address:
        await page_driver.goto(address)
        await page_driver.wait_until("document.querySelector('.toast')?.textContent.includes('access token')")
        state = "import('/static/store.js').then((store) => store.connection.value.state)"
        assert await page_driver.evaluate(state) == "refused"


async def test_the_end_shows_verdict_reasons_and_report(page_driver: PageDriver) -> None:
    run = FakeRun(elapsed_s=300, interval_s=0.1)
    async with served(run) as address:
        await page_driver.goto(address)
        await page_driver.wait_until(CONNECTED)
        run.elapsed_s = 700
        await page_driver.wait_until(f"({text_of('.verdict-title')}).includes('Failed')")
        verdict = await page_driver.evaluate(text_of(".verdict.done"))
        assert "step.search p95 was 1.31 s" in verdict
        assert "report.html" in verdict
        assert "Verdict: failed" in await page_driver.evaluate(text_of("[aria-live=polite]"))
        assert await page_driver.evaluate("document.querySelector('.stop').disabled") is True
        await page_driver.click("#user-3")
        await page_driver.wait_until(f"({text_of('.screen .problem')}).includes('The run is over')")
        assert page_driver.console_errors == []
    await page_driver.wait_until("document.querySelector('.toast')?.textContent.includes('The run is over')")
    assert "Failed" in await page_driver.evaluate(text_of(".verdict-title"))


async def test_stop_asks_first_and_then_drains(page_driver: PageDriver, run: FakeRun, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    await page_driver.click(".stop")
    await page_driver.wait_until("document.querySelector('dialog.confirm').open")
    await page_driver.press("Enter")
    await page_driver.wait_until("!document.querySelector('dialog.confirm').open")
    assert run.stopped_at is None, "the first button, which has the focus, keeps the run"
    await page_driver.click(".stop")
    await page_driver.click("dialog.confirm .danger")
    await page_driver.wait_until("/Draining|Finished/.test(document.querySelector('.pill').textContent)")
    assert page_driver.console_errors == []


async def test_a_run_without_anything_yet_says_so(page_driver: PageDriver) -> None:
    async with served(FakeRun(empty=True)) as address:
        await page_driver.goto(address)
        await page_driver.wait_until("document.querySelectorAll('.row').length > 5")
        body = await page_driver.evaluate("document.body.innerText")
        for words in ("Starting: workers are joining", "No worker has joined yet", "Nothing has failed so far"):
            assert words in body, words
        assert page_driver.console_errors == []


async def test_fits_wide_and_narrow_screens_in_both_colours(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    grounds = set()
    for scheme in ("light", "dark"):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        await page_driver.command("Emulation.setEmulatedMedia", features=feature)
        grounds.add(await page_driver.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1280, 400):
            await page_driver.command(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
            )
            await page_driver.wait_until(f"innerWidth === {width}")
            assert await page_driver.evaluate("document.documentElement.scrollWidth") <= width
    assert len(grounds) == 2
    await page_driver.click(".theme")
    assert await page_driver.evaluate("document.documentElement.dataset.theme") == "light"
    assert await page_driver.evaluate("getComputedStyle(document.body).backgroundColor") in grounds


async def test_steps_and_percentile_of_the_chart_can_be_chosen(page_driver: PageDriver, address: str) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until(CONNECTED)
    legend = "[...document.querySelectorAll('#steps .legend-name')].map((name) => name.textContent)"
    assert await page_driver.evaluate(legend) == ["open guide", "open menu", "programme details", "search", "zap"]
    await page_driver.click("#steps tbody tr:nth-child(4) input")
    await page_driver.wait_until(f"!({legend}).includes('search')")
    before = await page_driver.evaluate(text_of("#steps .legend b"))
    await page_driver.click("#steps .segmented button:first-child")
    await page_driver.wait_until(f"({text_of('#steps .legend b')}) !== {json.dumps(before)}")
    assert page_driver.console_errors == []


async def test_every_group_is_named_with_what_it_runs_in_and_how_its_users_are(
    page_driver: PageDriver, address: str
) -> None:
    await page_driver.goto(address)
    await page_driver.wait_until("document.querySelectorAll('#groups tbody tr').length === 2")
    rows = await page_driver.wait_until(
        "((rows) => rows[0].endsWith(' 0') && rows)([...document.querySelectorAll('#groups tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent).join(' ')))"
    )
    assert rows[0].startswith("viewers chromium, own context, frames none, full for 2% zapper.js ")
    assert rows[1].startswith("zappers chromium, own context, frames none zapper.js ")
