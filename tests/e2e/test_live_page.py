"""The live page of a real run: real users, a real worker's picture, and the verdict when it is over."""

import asyncio
from pathlib import Path

import pytest

from tests.support.driver import PageDriver
from tests.support.run import carga_run, write_plan
from tests.support.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PLAN = """
[target]
url = "{url}/"
[[users]]
count = 4
behaviour = "act.js"
viewport = [640, 360]
rendering = "{rendering}"
[[load]]
users = 4
over = "0s"
[[load]]
users = 4
over = "20s"
"""
ACT = """export default async function (user) {
  await user.step("look", () => user.waitFor("h1"));
  await user.think("0.5s");
}
"""


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
async def test_a_run_is_watched_from_its_first_user_to_its_verdict(
    page_driver: PageDriver, site: Site, tmp_path: Path, rendering: str
) -> None:
    site.page("/", "<body style='background: teal'><h1>the application</h1>")
    path = write_plan(tmp_path, PLAN.format(url=site.url, rendering=rendering), act=ACT)
    async with carga_run(path) as run:
        await run.until_running(4)
        await page_driver.goto(run.url + "/")
        await page_driver.wait_until("document.querySelector('#user-2')")
        await page_driver.click("#user-2")
        width = await page_driver.wait_until("document.querySelector('.screen img')?.naturalWidth")
        assert width == 640
        await page_driver.wait_until("document.querySelector('#steps tbody')?.textContent.includes('look')")
        finished = asyncio.create_task(run.finish())
        await page_driver.wait_until("document.body.textContent.includes('Passed')", timeout_s=60)
        assert page_driver.console_errors == []
        summary = await finished
    assert summary["verdict"] == "passed"
