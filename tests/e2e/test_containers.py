"""Users in Docker containers of their own, with the real engine: apart, confined, and gone when they should be."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from carga.cli import main
from carga.containers.sweep import sweep
from carga.engines.chromium.browser import ChromiumEngine
from carga.engines.engine import PageSettings
from carga.model.engines import ENGINES
from tests.engines.chromium.conftest import Listener
from tests.support.docker_engine import OWN_ADDRESS, OwnEngine, containers, docker, networks, until
from tests.support.run import carga_run, write_plan
from tests.support.site import Site, running_site

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.quiet,
    pytest.mark.timeout(1800),  # the first of a session may install Docker and build images
    pytest.mark.usefixtures("docker_engine"),
]

USERS = 3
BEHAVIOUR = """export default async function (user) {
  await user.step("ask", async () => {
    const answer = await fetch("/json?serial=" + user.identity.serial);
    if (!answer.ok) user.fail(`answered ${answer.status}`);
  });
  await user.think("0.3s");
}
"""
GREEDY = """export default async function (user) {
  await user.step("ask", () => fetch("/json?serial=" + user.identity.serial));
  if (user.index === 0 && !(await (await fetch("/full")).json()).full) {
    window.kept = [];
    for (let number = 0; number < 2000; number++) window.kept.push(new Uint8Array(1 << 20).fill(number));
  }
  await user.think("0.3s");
}
"""


@pytest.fixture
async def open_site() -> AsyncIterator[Site]:
    """A site that containers reach at `url`."""
    async with running_site("0.0.0.0") as site:
        site.url = site.url.replace("127.0.0.1", "host.docker.internal")
        site.page("/", "<h1>here</h1>")
        yield site


def plan(url: str, *, seconds: int, users: int = USERS) -> str:
    return f"""
[target]
url = "{url}/"
[[users]]
count = {users}
isolation = "container"
behaviour = "ask.js"
user_agent = "serial={{serial}};"
[users.identity]
serial = "S{{index:03d}}"
[[load]]
users = {users}
over = "0s"
[[load]]
users = {users}
over = "{seconds}s"
"""


def assert_nothing_is_left() -> None:
    assert not containers()
    assert not networks()


def inside(name: str, command: str) -> str:
    return docker("exec", name, "sh", "-c", command)


async def test_each_user_has_an_address_and_an_environment_of_its_own(open_site: Site) -> None:
    engine = ChromiumEngine()
    browsers = [
        await engine.open_browser("none", isolation="container", environment={"CARGA_SERIAL": f"S {number}\n$x"})
        for number in range(2)
    ]
    try:
        for browser in browsers:
            page = await browser.open_page(PageSettings(script="", binding="say"), Listener())
            assert await page.navigate(open_site.url + "/") == ""
            assert await page.picture()
            own = Path(f"/proc/{browser.pid}/environ").read_bytes().split(b"\0")
            assert f"CARGA_SERIAL=S {browsers.index(browser)}\n$x".encode() in own
        clients = {seen.client for seen in open_site.seen("/")}
        assert len(clients) == 2
        assert not clients & {one.address for found in psutil.net_if_addrs().values() for one in found}
        assert len(containers()) == 2
        assert len(networks()) == 1
    finally:
        await asyncio.gather(*(browser.close() for browser in browsers))
    assert not any(browser.reason for browser in browsers)
    assert_nothing_is_left()


async def test_it_has_no_privileges_and_chromiums_own_sandbox_is_on(open_site: Site) -> None:
    browser = await ChromiumEngine().open_browser("none", isolation="container")
    try:
        page = await browser.open_page(PageSettings(script="", binding="say"), Listener())
        await page.navigate(open_site.url + "/")
        (name,) = containers()
        status = dict(line.split(":\t", 1) for line in inside(name, "cat /proc/1/status").splitlines())
        assert (status["CapEff"], status["CapBnd"]) == ("0" * 16, "0" * 16)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert status["Uid"].split() == ["61417"] * 4
        with pytest.raises(AssertionError, match="Read-only file system"):
            inside(name, "echo > /somewhere")
        with pytest.raises(AssertionError, match="Operation not permitted"):
            inside(name, "unshare --map-root-user --mount mount -t tmpfs none /mnt")
        tree = [psutil.Process(browser.pid), *psutil.Process(browser.pid).children(recursive=True)]
        main_one = next(one for one in tree if not any("--type=" in word for word in one.cmdline()))
        renderers = [one for one in tree if "--type=renderer" in one.cmdline()]
        assert renderers
        for kind in ("user", "pid", "net"):
            of_main = Path(f"/proc/{main_one.pid}/ns/{kind}").readlink()
            assert all(Path(f"/proc/{one.pid}/ns/{kind}").readlink() != of_main for one in renderers), kind
        filters = [_seccomp_filters(one.pid) for one in (main_one, *renderers)]
        assert min(filters[1:]) > filters[0], "renderers have a filter of Chromium's own"
        assert not any("--no-sandbox" in one.cmdline() for one in tree)
    finally:
        await browser.close()


def _seccomp_filters(pid: int) -> int:
    found = re.search(r"Seccomp_filters:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.parametrize("rendering", ENGINES["chromium"].renderings)
async def test_a_run_reports_what_the_server_counted_and_leaves_nothing(
    open_site: Site, tmp_path: Path, rendering: str
) -> None:
    text = plan(open_site.url, seconds=8).replace("behaviour", f'rendering = "{rendering}"\nbehaviour')
    async with carga_run(write_plan(tmp_path, text, ask=BEHAVIOUR)) as run:
        await run.until_running(USERS, timeout_s=90)
        assert len(containers()) == USERS
        assert containers(f"label=carga.run={run.out.name}")
        summary = await run.finish()
    assert summary["verdict"] in ("passed", "untrusted"), summary["reasons"]
    asked = open_site.seen("/json")
    assert summary["metrics"]["step.ask"]["count"] == pytest.approx(len(asked), abs=USERS)
    assert {seen.query["serial"] for seen in asked} == {f"S{index:03d}" for index in range(USERS)}
    assert len({seen.client for seen in asked}) == USERS
    assert {seen.user_agent for seen in asked} == {f"serial=S{index:03d};" for index in range(USERS)}
    assert summary["users"]["browser_crashes"] == 0
    assert_nothing_is_left()


async def test_a_user_whose_container_hits_its_memory_limit_is_moved_to_a_new_one(
    open_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARGA_CONTAINER_MEMORY_MB", "300")
    full: list[str] = []

    def answer(_: Any) -> Any:
        from starlette.responses import JSONResponse

        full.append("asked")
        return JSONResponse({"full": len(full) > 1})

    open_site.answer("/full", answer)
    text = plan(open_site.url, seconds=40, users=2)
    async with carga_run(write_plan(tmp_path, text, ask=GREEDY)) as run:
        await open_site.until(lambda _: len(full) == 1, timeout_s=90)
        before = set(containers())
        await open_site.until(lambda _: len(full) > 2, timeout_s=90)
        assert len(set(containers()) - before) == 1, "the other user's is still there"
        run.process.send_signal(signal.SIGINT)
        summary = await run.finish()
    assert summary["causes"]["browser"] == {"The container hit its memory limit of 300 MB.": 1}
    assert summary["users"]["browser_crashes"] == 1
    assert_nothing_is_left()


async def test_a_killed_worker_takes_its_containers_along_and_users_go_on(open_site: Site, tmp_path: Path) -> None:
    async with carga_run(write_plan(tmp_path, plan(open_site.url, seconds=40), ask=BEHAVIOUR)) as run:
        await run.until_running(USERS, timeout_s=90)
        before = set(containers())
        (victim,) = run.workers
        os.kill(victim, signal.SIGKILL)
        await run.until(lambda: not before & set(containers()), timeout_s=60)
        await run.until_running(USERS, timeout_s=90)
        run.process.send_signal(signal.SIGINT)
        summary = await run.finish()
    assert summary["users"]["started"] == USERS
    assert_nothing_is_left()


async def test_killing_carga_leaves_no_container(open_site: Site, tmp_path: Path) -> None:
    async with carga_run(write_plan(tmp_path, plan(open_site.url, seconds=60), ask=BEHAVIOUR)) as run:
        await run.until_running(USERS, timeout_s=90)
        run.process.kill()
        await asyncio.to_thread(until, lambda: not containers() and not networks())


async def test_when_everything_is_killed_browsers_end_and_the_next_run_removes_the_rest(
    open_site: Site, tmp_path: Path
) -> None:
    async with carga_run(write_plan(tmp_path, plan(open_site.url, seconds=60), ask=BEHAVIOUR)) as run:
        await run.until_running(USERS, timeout_s=90)
        for process in [psutil.Process(run.process.pid), *run.tree()]:
            process.suspend()  # or one would clean up after another
        for process in [*run.tree(), psutil.Process(run.process.pid)]:
            process.kill()
        await asyncio.to_thread(until, lambda: not containers("status=running"))
        assert len(containers()) == USERS
        assert await sweep() == USERS
    assert_nothing_is_left()


async def test_a_frozen_workers_containers_are_removed_before_its_users_run_elsewhere(
    open_site: Site, tmp_path: Path
) -> None:
    async with carga_run(write_plan(tmp_path, plan(open_site.url, seconds=60), ask=BEHAVIOUR), "--workers", "2") as run:
        await run.until_running(USERS, timeout_s=90)
        before = set(containers())
        for pid in run.workers:
            psutil.Process(pid).suspend()
        await run.until(lambda: not before & set(containers()), timeout_s=60)
        for pid in run.workers:
            psutil.Process(pid).resume()
        await run.until_running(USERS, timeout_s=90)
        run.process.send_signal(signal.SIGINT)
        await run.finish()
    assert_nothing_is_left()


async def test_a_docker_that_stops_in_mid_run_takes_no_user_that_runs_and_the_run_ends_in_words(
    open_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OwnEngine() as engine:
        with engine.running() as daemon:
            engine.take_image(docker("images", "--format", "{{.Repository}}:{{.Tag}}", "carga-browser"))
            monkeypatch.setenv("DOCKER_HOST", engine.host)
            url = open_site.url.replace("host.docker.internal", OWN_ADDRESS)
            path = write_plan(tmp_path / "run", plan(url, seconds=45), ask=BEHAVIOUR)
            async with carga_run(path) as run:
                await run.until_running(USERS, timeout_s=90)
                victim = psutil.Process(int(docker("inspect", "--format={{.State.Pid}}", containers()[0])))
                daemon.kill()
                daemon.wait(30)
                asked = len(open_site.seen("/json"))
                await open_site.until(lambda site: len(site.seen("/json")) > asked + 3 * USERS)
                victim.kill()

                async def one_is_tried_again() -> bool:
                    return sorted(state for state, _ in (await run.users()).values()) != ["running"] * USERS

                await run.until(one_is_tried_again, timeout_s=60)
                summary = await run.finish(timeout_s=120)
            assert summary["users"]["started"] == USERS
            assert "The Docker engine does not run." in summary["causes"]["browser"]
            assert not _chromium_of(engine), "browsers end with their worker, with or without Docker"
        with engine.running():  # takes up what it left, and stops it
            await sweep()
            assert_nothing_is_left()


def _chromium_of(engine: OwnEngine) -> list[int]:
    shims = [
        one for one in psutil.process_iter(["cmdline"]) if str(engine.folder) in " ".join(one.info["cmdline"] or [])
    ]
    children = [child for shim in shims for child in shim.children(recursive=True)]
    return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]


def test_one_user_is_tried_in_a_container(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def tried() -> int:
        async with running_site("0.0.0.0") as site:
            site.page("/", "<h1>here</h1>")
            url = site.url.replace("127.0.0.1", "host.docker.internal")
            path = write_plan(tmp_path, plan(url, seconds=5), ask=BEHAVIOUR)
            return await asyncio.to_thread(main, ["try", str(path), "--out", str(tmp_path / "out")])

    assert asyncio.run(tried()) == 0
    assert list((tmp_path / "out").iterdir())
    assert_nothing_is_left()


def test_without_the_image_or_the_engine_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_plan(tmp_path, plan("http://host.docker.internal:1", seconds=5), ask=BEHAVIOUR))
    monkeypatch.setenv("CARGA_IMAGE_TAG", "nowhere")
    assert main(["run", path, "--out", str(tmp_path / "out")]) == 4
    assert "carga image build" in capsys.readouterr().err
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    assert main(["run", path, "--out", str(tmp_path / "out")]) == 4
    assert "The Docker engine does not run." in capsys.readouterr().err
