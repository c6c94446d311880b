"""The report in a real browser: charts are drawn under its own policy, and keys work.

The browser sees nothing of this machine's files, so a site serves the report; that it loads nothing more is checked.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from carga.results.compare import write_comparison
from carga.results.write import write_results
from tests.results.makers import make_run
from tests.results.test_report import hostile_run
from tests.support.driver import PageDriver
from tests.support.site import Site

pytestmark = pytest.mark.e2e

Open = Callable[[Path], Awaitable[int]]


@pytest.fixture
def opened(page_driver: PageDriver, site: Site) -> Open:
    """Opens a page and returns how many charts it drew."""

    async def open_page(path: Path) -> int:
        site.page("/report", path.read_bytes())
        await page_driver.goto(f"{site.url}/report")
        await page_driver.wait_until("document.querySelectorAll('figure.chart .u-over').length")
        return int(await page_driver.evaluate("document.querySelectorAll('figure.chart canvas').length"))

    return open_page


@pytest.fixture
def report(ill_run: Path) -> Path:
    write_results(ill_run)
    return ill_run / "report.html"


async def test_all_charts_are_drawn_and_nothing_else_is_loaded(
    page_driver: PageDriver, opened: Open, report: Path, site: Site
) -> None:
    assert await opened(report) == 7
    assert {request.path for request in site.requests} <= {"/report", "/favicon.ico"}
    assert page_driver.console_errors == []


async def test_another_metric_can_be_chosen_and_walked_through_with_keys(
    page_driver: PageDriver, opened: Open, report: Path
) -> None:
    await opened(report)
    await page_driver.evaluate(
        "(() => { const s = document.querySelector('#chart-percentiles select'); s.value = '2';"
        " s.dispatchEvent(new Event('change')); document.querySelector('#chart-percentiles').focus(); })()"
    )
    for _ in range(3):
        await page_driver.press("ArrowRight")
    at = "document.querySelector('#chart-{} .u-value').textContent"
    await page_driver.wait_until(f"{at.format('percentiles')} === '0:02'")
    await page_driver.wait_until(f"{at.format('users')} === '0:02'")  # all charts show the same moment
    assert page_driver.console_errors == []


async def test_light_and_dark_can_be_switched(page_driver: PageDriver, opened: Open, report: Path) -> None:
    await opened(report)
    colour = "getComputedStyle(document.body).backgroundColor"
    before = await page_driver.evaluate(colour)
    await page_driver.click(".tools button")
    await page_driver.wait_until(f"{colour} !== {before!r}")
    assert page_driver.console_errors == []


async def test_hostile_text_runs_nothing(page_driver: PageDriver, opened: Open, tmp_path: Path) -> None:
    out = hostile_run().write(tmp_path / "run")
    write_results(out)
    await opened(out / "report.html")
    assert await page_driver.evaluate("document.querySelectorAll('script').length") == 2
    assert page_driver.console_errors == []


async def test_two_runs_are_drawn_over_each_other(
    page_driver: PageDriver, opened: Open, ill_run: Path, tmp_path: Path
) -> None:
    good = make_run(slowness=0.7).write(tmp_path / "good")
    write_comparison(good, ill_run, tmp_path / "comparison.html")
    assert await opened(tmp_path / "comparison.html") == 5
    assert page_driver.console_errors == []


async def test_nothing_is_wider_than_a_narrow_screen(page_driver: PageDriver, opened: Open, report: Path) -> None:
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    await page_driver.command("Emulation.setDeviceMetricsOverride", **size)
    await opened(report)
    assert await page_driver.evaluate("document.documentElement.scrollWidth") <= 400
