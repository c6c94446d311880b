"""What `carga run` does when the parts of a run misbehave; stand-ins play these parts."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from carga.cli import session as session_module
from carga.cli.session import Outcome, run_session
from carga.places import hosted, local, supervisor
from carga.places.hosted import PlaceOptions, listen
from carga.wire.live import Live

STAND_IN = Path(__file__).parent / "stand_in.py"
SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")
DIES = (sys.executable, "-c", "raise SystemExit('no browser')")


class Watcher:
    """A progress that interrupts as often as asked, once the run shows life."""

    def __init__(self, *, interrupts: int = 0) -> None:
        self.said: list[str] = []
        self.shown: list[Live] = []
        self._interrupts = interrupts

    def show(self, live: Live) -> None:
        self.shown.append(live)
        self._interrupt()

    def say(self, text: str) -> None:
        self.said.append(text)
        if text.startswith(("stopping", "aborting")):
            asyncio.get_running_loop().call_soon(self._interrupt)

    def close(self) -> None:
        pass

    def _interrupt(self) -> None:
        if self._interrupts:
            self._interrupts -= 1
            os.kill(os.getpid(), signal.SIGINT)


class Parts:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.mode = "stoppable"
        self.worker: tuple[str, ...] = SLEEPS
        self._out = tmp_path
        monkeypatch.setattr(supervisor, "RESTART_DELAY_S_MAX", 0.02)
        monkeypatch.setattr(session_module, "END_WAIT_S", 0.5)
        monkeypatch.setattr(session_module, "ABORT_WAIT_S", 0.2)
        for module in (hosted, local):
            monkeypatch.setattr(module, "carga_command", self._command)

    def _command(self, part: str) -> tuple[str, ...]:
        if part == "worker":
            return self.worker
        return (sys.executable, str(STAND_IN), str(self.listening.fileno()), self.mode)

    async def run(self, watcher: Watcher) -> Outcome:
        self.listening = listen("127.0.0.1", 0)
        options = PlaceOptions(plan=self._out / "plan.toml", out=self._out, workers=1, users_max=1)
        return await run_session(options, listening=self.listening, progress=watcher)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parts:
    return Parts(monkeypatch, tmp_path)


async def test_the_first_interrupt_drains(parts: Parts) -> None:
    watcher = Watcher(interrupts=1)
    outcome = await parts.run(watcher)
    assert outcome.interrupted
    assert outcome.failure is None
    assert [live.state for live in watcher.shown] == ["running", "finished"]


async def test_the_second_interrupt_does_not_wait_for_a_coordinator_that_is_deaf(parts: Parts) -> None:
    parts.mode = "deaf"
    watcher = Watcher(interrupts=2)
    outcome = await asyncio.wait_for(parts.run(watcher), 20)
    assert outcome.interrupted
    assert any(text.startswith("aborting") for text in watcher.said)


async def test_the_third_interrupt_ends_everything_at_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ABORT_WAIT_S", 600)
    parts.mode = "deaf"
    outcome = await asyncio.wait_for(parts.run(Watcher(interrupts=3)), 20)
    assert outcome.interrupted


async def test_a_coordinator_that_always_dies_is_a_failure_with_its_last_words(parts: Parts) -> None:
    parts.mode = "dies"
    watcher = Watcher()
    outcome = await asyncio.wait_for(parts.run(watcher), 60)
    assert outcome.failure is not None
    assert "no space left on device" in outcome.failure.problem
    assert "coordinator.log" in outcome.failure.remedy
    assert sum("started again" in text for text in watcher.said) == hosted.COORDINATOR_RESTARTS_MAX


async def test_a_coordinator_that_gives_up_leaves_its_last_words(parts: Parts) -> None:
    parts.mode = "gives-up"
    outcome = await asyncio.wait_for(parts.run(Watcher()), 20)
    assert outcome.summary is None
    assert outcome.failure is None
    assert outcome.last_words == "a run of another plan"


async def test_workers_that_always_die_end_the_run_in_order(parts: Parts) -> None:
    parts.worker = DIES
    watcher = Watcher()
    outcome = await asyncio.wait_for(parts.run(watcher), 60)
    assert outcome.failure is not None
    assert "no browser" in outcome.failure.problem
    assert watcher.shown[-1].state == "finished"
    assert sum("started again" in text for text in watcher.said) == hosted.WORKER_RESTARTS_MAX
