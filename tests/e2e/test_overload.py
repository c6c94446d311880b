"""A machine whose cores are burnt beside the run: the verdict says so and names the interval; on a fair one it says no.

What burns are processes in sessions of their own, so that a kernel which shares its cores between sessions gives the
browsers no more than one share of many, as with the services of a busy server.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from carga.model.strain import STRAINED_S_MIN
from tests.support.run import Run, carga_run, write_plan
from tests.support.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.quiet, pytest.mark.timeout(240)]

USERS = 6
BURNERS_PER_CORE = 24
BURN_S = 20
"""Time of the run. Twice what an interval needs, for machines on which everything is slow."""
TOLERANCE_S = 6
"""A strained page tells of it when it next reports, and the last report may come when the burning is over."""

BEHAVIOUR = """export default async function (user) {
  await user.step("work", async () => {
    await (await fetch("/json?" + user.iteration)).json();
    document.body.textContent = Array.from({ length: 300 }, (_, i) => `${user.iteration}-${i}`).join(" ");
  });
  await user.think("0.2s");
}
"""


def plan(url: str, *, seconds: int) -> str:
    return f"""
[target]
url = "{url}/"
[[users]]
count = {USERS}
behaviour = "work.js"
[[load]]
users = {USERS}
over = "3s"
[[load]]
users = {USERS}
over = "{seconds}s"
"""


@asynccontextmanager
async def burning() -> AsyncIterator[None]:
    """Many more processes that spin than there are cores."""
    burners: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(BURNERS_PER_CORE * len(os.sched_getaffinity(0))):
            burners.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-S", "-c", "while True: pass", start_new_session=True
                )
            )
        yield
    finally:
        for burner in burners:
            burner.kill()
        for burner in burners:
            await burner.wait()


async def second_of(run: Run) -> float:
    return float((await run.get("/api/run"))["elapsed_s"])


async def until_second(run: Run, second: float) -> None:
    async def is_over() -> bool:
        return await second_of(run) >= second

    await run.until(is_over, timeout_s=120.0)


def overlap_s(interval: dict[str, Any], begun: float, ended: float) -> float:
    return min(interval["until_s"], ended) - max(interval["from_s"], begun)


async def test_a_run_on_burnt_cores_is_untrusted_and_names_the_interval(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>hello</h1>")
    async with carga_run(write_plan(tmp_path, plan(site.url, seconds=60), work=BEHAVIOUR)) as run:
        await run.until_running(USERS)
        await until_second(run, 10)
        begun = await second_of(run)
        async with burning():
            await until_second(run, begun + BURN_S)
            ended = await second_of(run)
        summary = await run.finish(timeout_s=150.0)
    generator = summary["generator"]
    assert summary["verdict"] == "untrusted", generator
    assert summary["process_exit_code"] == 5
    longest = max(generator["strained"], key=lambda interval: interval["until_s"] - interval["from_s"])
    assert overlap_s(longest, begun, ended) >= STRAINED_S_MIN
    assert longest["from_s"] >= begun - TOLERANCE_S
    assert longest["until_s"] <= ended + 2 * TOLERANCE_S
    told = f"from 0:{longest['from_s']:02} to "
    assert any(told in reason and "CPU" in reason for reason in summary["reasons"]), summary["reasons"]
    assert told in summary["said"]
    assert told in (run.out / "report.html").read_text()


async def test_a_run_on_a_fair_machine_is_trusted(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>hello</h1>")
    async with carga_run(write_plan(tmp_path, plan(site.url, seconds=20), work=BEHAVIOUR)) as run:
        summary = await run.finish(timeout_s=150.0)
    assert summary["verdict"] == "passed", summary["reasons"]
    assert summary["generator"]["trusted"]
    assert summary["generator"]["strained"] == []
