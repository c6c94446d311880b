"""Processes are killed in the middle of a real run. The report must be complete, and nobody may run twice."""

import asyncio
import os
import signal
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.run import Run, carga_run, write_plan
from tests.support.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.quiet, pytest.mark.timeout(180)]

USERS = 8
LEASE_S = 10.0
THINK_S = 0.5
UNSAID_S = 5.0
"""What a killed worker or browser may take along: what its pages had not said yet (2 s), or was not acknowledged."""

PAGE = """<!doctype html><body data-ready="1"><script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
socket.onopen = () => socket.send("hello");
</script>"""
BEHAVIOUR = """export default async function (user) {
  await user.step("act", async () => {
    const answer = await fetch(`/json?act=${user.identity.serial}`);
    if (!answer.ok) user.fail("not ok");
    await answer.text();
  });
  await user.think("0.5s");
}
"""


def plan(url: str, seconds: int) -> str:
    return f"""
[target]
url = "{url}/"
[[users]]
count = {USERS}
behaviour = "act.js"
user_agent = "serial={{serial}};"
[users.identity]
serial = "S{{index:03d}}"
[[load]]
users = {USERS}
over = "0s"
[[load]]
users = {USERS}
over = "{seconds}s"
[[threshold]]
metric = "step.act"
failed = "1%"
"""


async def started(run: Run) -> None:
    await run.until_running(USERS)


def acts(site: Site) -> list[str]:
    return [request.query["act"] for request in site.seen("/json") if "act" in request.query]


def assert_nobody_ran_twice(site: Site) -> None:
    sockets = defaultdict(list)
    for socket in site.sockets:
        if socket.opened_at:
            sockets[socket.user_agent].append((socket.opened_at, socket.closed_at or float("inf")))
    assert len(sockets) == USERS
    for identity, intervals in sockets.items():
        intervals.sort()
        for (_, closed), (opened, _) in pairwise(intervals):
            assert opened >= closed, f"{identity} had two WebSockets at once"


def assert_complete(summary: dict[str, Any], run: Run) -> None:
    assert summary["verdict"] == "passed", summary["reasons"]
    assert summary["process_exit_code"] == 0
    assert summary["users"]["started"] == summary["users"]["peak"] == USERS
    for name in ("report.html", "junit.xml", "run.db"):
        assert (run.out / name).stat().st_size > 0


async def test_a_killed_worker_costs_seconds_and_its_users_go_on_with_another(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path, plan(site.url, 35), act=BEHAVIOUR), "--workers", "2") as run:
        await started(run)
        before = await run.users()
        victim = run.workers[0]
        psutil.Process(victim).kill()
        (lost_worker,) = {worker for _, worker in before.values()} - {
            worker for _, worker in before.values() if f"-{victim}-" not in worker
        }
        orphans = {index for index, (_, worker) in before.items() if worker == lost_worker}
        assert orphans

        async def moved() -> bool:
            users = await run.users()
            return all(users[index][0] == "running" and users[index][1] != lost_worker for index in orphans)

        away_s = await run.until(moved)
        assert away_s < LEASE_S + 8
        known = len(acts(site))
        summary = await run.finish()
    assert_complete(summary, run)
    assert_nobody_ran_twice(site)
    assert summary["users"]["moved"] == len(orphans)
    assert [worker["lost"] for worker in summary["workers"]].count(True) == 1
    counted = summary["metrics"]["step.act"]["count"]
    assert len(acts(site)) - len(orphans) * UNSAID_S / THINK_S <= counted <= len(acts(site))
    assert known < len(acts(site))


async def test_a_killed_browser_gives_its_users_to_a_new_one(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path, plan(site.url, 15), act=BEHAVIOUR)) as run:
        await started(run)
        (victim,) = run.browsers()
        os.killpg(victim, signal.SIGKILL)
        await run.until(lambda: victim not in run.browsers() and run.browsers())
        await run.until_running(USERS)
        summary = await run.finish()
    assert_complete(summary, run)
    assert_nobody_ran_twice(site)
    assert summary["users"]["browser_crashes"] == 1
    assert len(set(acts(site))) == USERS
    counted = summary["metrics"]["step.act"]["count"]
    assert len(acts(site)) - USERS * UNSAID_S / THINK_S <= counted <= len(acts(site))


async def test_a_killed_coordinator_is_picked_up_and_nothing_is_lost(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path, plan(site.url, 25), act=BEHAVIOUR), "--workers", "2") as run:
        await started(run)
        (victim,) = run.coordinators
        opened = len(site.sockets)
        psutil.Process(victim).kill()
        await run.until(lambda: run.coordinators and victim not in run.coordinators)
        await run.until_running(USERS)
        summary = await run.finish()
    assert_complete(summary, run)
    assert_nobody_ran_twice(site)
    assert len(site.sockets) == opened, "users went on without a new page"
    assert summary["users"]["moved"] == 0
    assert summary["metrics"]["step.act"]["count"] == len(acts(site))
    assert summary["counters"]["websockets_opened"] == USERS
    assert summary["duration_s"] == pytest.approx(25, abs=3)


async def test_a_frozen_worker_loses_its_users_before_they_run_elsewhere(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path, plan(site.url, 35), act=BEHAVIOUR), "--workers", "2") as run:
        await started(run)
        victim = psutil.Process(run.workers[0])
        victim.suspend()
        try:

            async def given_away() -> bool:
                users = await run.users()
                return all(state == "running" and f"-{victim.pid}-" not in worker for state, worker in users.values())

            await run.until(given_away)
        finally:
            victim.resume()
        summary = await run.finish()
    assert_nobody_ran_twice(site)
    assert summary["verdict"] == "untrusted", "a worker that stood still has measured nothing true"
    assert summary["users"]["started"] == USERS


async def test_killing_carga_itself_leaves_no_process(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path, plan(site.url, 30), act=BEHAVIOUR)) as run:
        await started(run)
        processes = run.tree()
        assert run.browsers()
        run.process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 15)
        assert not alive
        await site.until(lambda s: all(socket.closed_at for socket in s.sockets))


async def test_ctrl_c_drains_and_a_second_one_aborts_both_with_a_report(site: Site, tmp_path: Path) -> None:
    site.page("/", PAGE)
    async with carga_run(write_plan(tmp_path / "one", plan(site.url, 60), act=BEHAVIOUR)) as run:
        await started(run)
        run.process.send_signal(signal.SIGINT)
        summary = await run.finish(timeout_s=30)
    assert (summary["verdict"], summary["process_exit_code"]) == ("interrupted", 130)
    assert summary["metrics"]["step.act"]["count"] == len(acts(site))
    async with carga_run(write_plan(tmp_path / "two", plan(site.url, 60), act=BEHAVIOUR)) as run:
        await started(run)
        run.process.send_signal(signal.SIGINT)
        run.process.send_signal(signal.SIGINT)
        summary = await run.finish(timeout_s=30)
    assert (summary["verdict"], summary["process_exit_code"]) == ("interrupted", 130)
