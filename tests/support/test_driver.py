"""The driver does what tests of the live page and the report rely on."""

import pytest

from tests.support.driver import PageDriver

pytestmark = pytest.mark.e2e

PAGE = """<!doctype html><title>one</title><input id="name" autofocus><button id="go" style="margin:40px">go</button>
<script>
  document.querySelector("#go").addEventListener("click", (e) => { document.title = "clicked " + e.isTrusted; });
  addEventListener("keydown", (event) => { window.last = [event.key, event.ctrlKey, event.shiftKey]; });
</script>"""


async def test_drives_keys_pointer_and_pictures(page_driver: PageDriver) -> None:
    await page_driver.goto("data:text/html," + PAGE.replace("\n", " ").replace("#", "%23"))
    await page_driver.click("#name")
    await page_driver.type("Abc 1!")
    assert await page_driver.evaluate("document.querySelector('#name').value") == "Abc 1!"
    await page_driver.press("ArrowDown")
    await page_driver.wait_until("window.last[0] === 'ArrowDown'")
    await page_driver.click("#go")
    await page_driver.wait_until("document.title === 'clicked true'")
    assert (await page_driver.picture())[:2] == b"\xff\xd8"
    assert page_driver.console_errors == []


async def test_tells_what_went_wrong_in_the_page(page_driver: PageDriver) -> None:
    await page_driver.goto("data:text/html,<script>console.error('one', 2); setTimeout(() => nowhere());</script>")
    await page_driver.wait_until("true")
    await page_driver.evaluate("new Promise((resolve) => setTimeout(resolve, 20))")
    assert page_driver.console_errors[0] == "one 2"
    assert "nowhere is not defined" in page_driver.console_errors[1]
