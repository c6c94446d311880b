"""Coordinator and workers, served for real with fake pages, on machines that are as full as the test says."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carga.engines.fake import FakeEngine
from carga.model.windows import Gauges
from carga.worker.health import Health
from carga.worker.machine import Memory
from carga.worker.serve import Worker, WorkerOptions
from tests.coordinator.served import TOKEN, Served, served

WAIT_S = 40.0
MEMORY_MB = 16_000.0

pytestmark = pytest.mark.timeout(120)


class ToldHealth(Health):
    """A machine with as much memory as the test says."""

    available_mb = MEMORY_MB / 2

    def sample(self, browsers: list[int]) -> Gauges:
        gauges = super().sample(browsers)
        self.memory = Memory(MEMORY_MB, self.available_mb)
        gauges.memory_available_mb = self.available_mb
        gauges.core_wait = 0.0  # whatever else runs on the machine of the test
        return gauges


@contextlib.asynccontextmanager
async def working(run: Served, name: str, *, available_mb: float = MEMORY_MB / 2) -> AsyncIterator[ToldHealth]:
    health = ToldHealth()
    health.available_mb = available_mb
    options = WorkerOptions(join=f"ws://{run.address}/worker", token=TOKEN, users_max=100, worker_id=name)
    task = asyncio.create_task(Worker(options, FakeEngine(batch_every_s=0.2), health=health).run())
    try:
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def rows(run: Served) -> list[tuple[str, str, str]]:
    """State, worker and detail of each user."""
    answer = (await run.http.get("/api/users")).json()
    names = [*answer["workers"], ""]
    return [(answer["states"][state], names[worker], detail) for _, state, worker, detail in answer["users"]]


async def until_states(run: Served, **wanted: int) -> list[tuple[str, str, str]]:
    """Waits until that many users are in each of these states."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = await rows(run)
            states = [state for state, _, _ in found]
            if all(states.count(state) == count for state, count in wanted.items()):
                return found
            await asyncio.sleep(0.05)


async def test_a_full_machine_leaves_its_users_to_one_that_has_room(tmp_path: Path) -> None:
    async with served(tmp_path, users=8) as run, working(run, "full", available_mb=700.0), working(run, "free"):
        found = await until_states(run, running=8)
        assert {worker for _, worker, _ in found} == {"free"}


async def test_users_wait_with_a_reason_until_the_machine_has_room(tmp_path: Path) -> None:
    async with served(tmp_path, users=4) as run, working(run, "only", available_mb=700.0) as machine:
        async with asyncio.timeout(WAIT_S):
            while not all("only 700 MB of memory are left" in detail for _, _, detail in await rows(run)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not [state for state, _, _ in await rows(run) if state == "running"]
        machine.available_mb = MEMORY_MB / 2
        await until_states(run, running=4)


async def test_a_machine_that_runs_low_on_memory_releases_its_newest_users_and_the_run_is_untrusted(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, users=6, hold="25s") as run, working(run, "only") as machine:
        await until_states(run, running=6)
        machine.available_mb = 100.0
        found = await until_states(run, waiting=2)
        assert [detail for state, _, detail in found if state == "waiting"] == ["only 100 MB of memory are left"] * 2
        assert [state for state, _, _ in found[:4]] == ["running"] * 4, "the newest go first"
        machine.available_mb = MEMORY_MB / 2
        end = await run.until_finished()
    summary = json.loads((run.out / "summary.json").read_text())
    assert end.verdict == summary["verdict"] == "untrusted"
    assert summary["generator"]["released"] == summary["counters"]["users_released"] >= 2
    assert any("ran low on memory" in reason for reason in summary["reasons"])


async def test_users_that_were_never_admitted_are_counted_and_the_run_is_untrusted(tmp_path: Path) -> None:
    plan = """
[target]
url = "http://127.0.0.1:9/"
[[users]]
count = 10
[[load]]
users = 4
over = "0s"
[[load]]
users = 4
over = "4s"
[[load]]
users = 10
over = "0s"
[[load]]
users = 10
over = "16s"
"""
    async with served(tmp_path, plan=plan) as run, working(run, "only") as machine:
        await until_states(run, running=4)
        machine.available_mb = 700.0
        await run.until_finished()
    summary = json.loads((run.out / "summary.json").read_text())
    assert summary["verdict"] == "untrusted"
    assert summary["users"]["failed_to_start"] == 0
    assert summary["generator"]["not_admitted"] == 6
    (reason,) = [reason for reason in summary["reasons"] if "could not be admitted" in reason]
    assert reason.startswith(
        "The machine was full: 6 of 10 users could not be admitted: only 700 MB of memory are left."
    )
