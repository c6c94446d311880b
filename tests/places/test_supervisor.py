import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from carga.places import supervisor as supervisor_module
from carga.places.supervisor import Supervisor
from tests.places.helpers import SLEEP, WAIT_S, alive, leaves_behind, number_in, spec, until, writes_pid

HERE = Path(__file__)


@pytest.fixture(autouse=True)
def _quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "RESTART_DELAY_S_MAX", 0.02)


def supervisor(tmp_path: Path, said: list[str] | None = None) -> Supervisor:
    return Supervisor(logs=tmp_path / "logs", report=(said if said is not None else []).append)


async def test_a_clean_exit_is_not_restarted(tmp_path: Path) -> None:
    said: list[str] = []
    async with supervisor(tmp_path, said) as watched:
        child = watched.start(spec("pass", restarts=3))
        await asyncio.wait_for(child.ended.wait(), WAIT_S)
    assert child.exit_code == 0
    assert said == []
    assert watched.failure is None


async def test_a_child_that_dies_is_started_again_with_a_message(tmp_path: Path) -> None:
    said: list[str] = []
    marker = tmp_path / "second"
    code = f"import pathlib, sys; p = pathlib.Path({str(marker)!r}); e = p.exists(); p.touch(); sys.exit(0 if e else 7)"
    async with supervisor(tmp_path, said) as watched:
        child = watched.start(spec(code, restarts=3))
        await asyncio.wait_for(child.ended.wait(), WAIT_S)
    assert child.exit_code == 0
    assert said == ["child died (exit code 7) and is started again"]


async def test_restarts_are_bounded_and_the_failure_shows_the_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    async with supervisor(tmp_path, said) as watched:
        child = watched.start(spec("import sys; sys.exit('no disk')", restarts=2))
        await asyncio.wait_for(watched.failed.wait(), WAIT_S)
    assert len(said) == 2
    assert child.ended.is_set()
    assert watched.failure is not None
    assert "died too often (exit code 1)" in watched.failure.problem
    assert "no disk" in watched.failure.problem
    assert "child.log" in watched.failure.remedy


async def test_a_budget_of_restarts_is_shared_by_those_who_hold_it(tmp_path: Path) -> None:
    said: list[str] = []
    first = spec("raise SystemExit(3)", restarts=3, name="first")
    async with supervisor(tmp_path, said) as watched:
        children = [watched.start(first), watched.start(supervisor_spec_like(first, "second"))]
        for child in children:
            await asyncio.wait_for(child.ended.wait(), WAIT_S)
    assert len(said) == 3


def supervisor_spec_like(other: supervisor_module.ChildSpec, name: str) -> supervisor_module.ChildSpec:
    return supervisor_module.ChildSpec(name=name, command=other.command, restarts=other.restarts)


async def test_after_let_end_whatever_ends_has_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with supervisor(tmp_path) as watched:
        child = watched.start(spec(writes_pid(pid), restarts=9))
        await until(lambda: number_in(pid))
        watched.let_end()
        os.kill(number_in(pid), signal.SIGKILL)
        assert await watched.wait_ended(timeout_s=WAIT_S)
    assert child.exit_code == -signal.SIGKILL
    assert watched.failure is None


async def test_leaving_kills_what_still_runs(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with supervisor(tmp_path) as watched:
        watched.start(spec(writes_pid(pid), restarts=9))
        await until(lambda: number_in(pid))
    assert not alive(number_in(pid))


async def test_leaving_by_an_error_kills_what_still_runs(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def run() -> None:
        async with supervisor(tmp_path) as watched:
            watched.start(spec(writes_pid(pid), restarts=9))
            await until(lambda: number_in(pid))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run()
    assert not alive(number_in(pid))


async def test_being_cancelled_kills_what_still_runs(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def run() -> None:
        async with supervisor(tmp_path) as watched:
            watched.start(spec(writes_pid(pid), restarts=9))
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await until(lambda: number_in(pid))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(number_in(pid))


@pytest.mark.parametrize("detached", [False, True])
async def test_what_a_dead_child_left_behind_is_killed_before_it_is_started_again(
    tmp_path: Path, detached: bool
) -> None:
    left = tmp_path / "left"
    survived: list[bool] = []
    watched = Supervisor(logs=tmp_path / "logs", report=lambda _: survived.append(alive(first)))
    async with watched:
        child = watched.start(spec(leaves_behind(left, detached=detached), restarts=1))
        await until(lambda: number_in(left))
        first = number_in(left)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await until(lambda: survived)
        assert survived == [False]
        await until(lambda: number_in(left) != first)
    assert not alive(number_in(left))


async def test_what_another_child_runs_is_left_alone_when_one_dies(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    async with supervisor(tmp_path) as watched:
        dying = watched.start(spec(leaves_behind(one, detached=False), name="one"))
        watched.start(spec(leaves_behind(other, detached=False), name="other"))
        await until(lambda: number_in(one) and number_in(other))
        assert dying.pid is not None
        os.kill(dying.pid, signal.SIGKILL)
        await asyncio.wait_for(dying.ended.wait(), WAIT_S)
        assert not alive(number_in(one))
        assert alive(number_in(other))


async def test_children_that_were_there_before_are_not_touched(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])  # noqa: ASYNC220
    try:
        async with supervisor(tmp_path) as watched:
            child = watched.start(spec("raise SystemExit(1)"))
            await asyncio.wait_for(child.ended.wait(), WAIT_S)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = f"""
import asyncio, pathlib
from carga.places.supervisor import Supervisor
from tests.places.helpers import *
async def main():
    async with Supervisor(logs=pathlib.Path({str(tmp_path)!r}), report=print) as watched:
        watched.start(spec(writes_pid(pathlib.Path({str(child)!r}))))
        await asyncio.Event().wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=HERE.parents[2])  # noqa: ASYNC220
    try:
        await until(lambda: number_in(child))
        assert alive(number_in(child))
    finally:
        process.kill()
        process.wait()
    await until(lambda: not alive(number_in(child)))


async def test_what_a_child_says_is_in_its_log_and_its_environment_is_what_was_given(tmp_path: Path) -> None:
    one = spec("import os, sys; print(os.environ['WORD']); print('oh', file=sys.stderr)")
    given = supervisor_module.ChildSpec(
        name="child", command=one.command, restarts=one.restarts, environment={"WORD": "xyzzy"}
    )
    async with supervisor(tmp_path) as watched:
        child = watched.start(given)
        await asyncio.wait_for(child.ended.wait(), WAIT_S)
    assert sorted((tmp_path / "logs" / "child.log").read_text().split()) == ["oh", "xyzzy"]
