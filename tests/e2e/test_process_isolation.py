"""With isolation `process` a user's browser is the user's own: a browser that dies takes nobody else with it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from carga.model.engines import ENGINES
from carga.plans import load_plan
from carga.worker.trial import try_user
from tests.support.run import carga_run, write_plan
from tests.support.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

USERS = 3
BEHAVIOUR = """export default async (user) => {
  await user.step("ask", async () => {
    document.cookie = "who=" + user.identity.serial;
    await user.press("Enter");
    await fetch("/json?serial=" + user.identity.serial + "&cookie=" + document.cookie);
  });
  await user.think("0.2s");
}"""
FRAMES = """export default async (user) => {
  await user.step("frame", () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}"""


def plan(url: str, seconds: int, behaviour: str) -> str:
    return f"""
[target]
url = "{url}/"
[[users]]
count = {USERS}
isolation = "process"
behaviour = "{behaviour}.js"
user_agent = "serial={{serial}};"
[users.identity]
serial = "S{{index:03d}}"
[[load]]
users = {USERS}
over = "0s"
[[load]]
users = {USERS}
over = "{seconds}s"
"""


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the run keeps what is for a while only; the browsers' own account must get through to it."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)


async def test_every_user_has_a_browser_and_losing_one_moves_nobody_else(
    site: Site, tmp_path: Path, scratch: Path
) -> None:
    site.page("/", "<h1>alone")
    path = write_plan(tmp_path, plan(site.url, 20, "ask"), ask=BEHAVIOUR)
    async with carga_run(path) as run:
        await run.until_running(USERS)
        browsers = set(run.browsers())
        assert len(browsers) == USERS
        assert len(list(scratch.rglob("carga-browser-*"))) == USERS
        victim = min(browsers)
        os.kill(victim, signal.SIGKILL)
        await run.until(lambda: len(set(run.browsers()) - browsers) == 1)
        await run.until_running(USERS)
        assert browsers - {victim} <= set(run.browsers()), "the others live on"
        summary = await run.finish()
    assert summary["verdict"] == "passed", summary["reasons"]
    assert summary["users"]["browser_crashes"] == 1
    assert summary["users"]["started"] == summary["users"]["peak"] == USERS
    assert summary["metrics"]["step.ask"]["failed"] == 0
    asked = [seen for seen in site.requests if seen.path == "/json"]
    assert {seen.query["serial"] for seen in asked} == {"S000", "S001", "S002"}
    assert all(seen.query["cookie"] == f"who={seen.query['serial']}" for seen in asked)
    assert all(seen.user_agent == f"serial={seen.query['serial']};" for seen in asked)
    assert len(site.seen("/")) == USERS + 1, "the victim alone came again"
    assert list(scratch.iterdir()) == []


async def test_killing_carga_leaves_none_of_the_browsers(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>alone")
    path = write_plan(tmp_path, plan(site.url, 60, "ask"), ask=BEHAVIOUR)
    async with carga_run(path) as run:
        await run.until_running(USERS)
        started = run.tree()
        for worker in run.workers:
            os.kill(worker, signal.SIGKILL)
        run.process.send_signal(signal.SIGKILL)
        _, alive = await asyncio.to_thread(psutil.wait_procs, started, 20)
        assert not alive


async def test_a_trial_runs_in_a_browser_of_its_own_too(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>alone")
    loaded = load_plan(write_plan(tmp_path, plan(site.url, 5, "frames"), frames=FRAMES))
    (group,) = loaded.plan.groups
    assert (group.isolation, group.rendering) == ("process", ENGINES["chromium"].renderings[0])
    out = tmp_path / "pictures"
    out.mkdir()
    assert await try_user(loaded, 1, out, lambda event: None) == 0
    assert len(list(out.glob("*.jpg"))) == 2
