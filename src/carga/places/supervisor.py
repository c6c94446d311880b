"""Keeps child processes running, and makes sure that none of them nor of their descendants is left at the end.

A child that ends with one of its final codes has done its work. Any other end is an accident: what is left of it is
killed, and it is started again as long as its budget of restarts lasts. When that is used up the supervisor says so in
`failure` and leaves the decision to its owner.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from carga.errors import CargaError
from carga.places.logs import ChildLog
from carga.places.processes import (
    become_subreaper,
    children,
    die_with_parent,
    kill_orphans,
    kill_session,
    reap_zombies,
)

RESTART_DELAY_S = 0.2
"""Doubled with every restart up to the maximum: the first is quick, because users wait for it."""
RESTART_DELAY_S_MAX = 5.0
SWEEP_S = 2.0
"""How often exit statuses of adopted processes are taken."""
KILL_ROUNDS_MAX = 100
"""A tree that forks while it is killed needs more than one round; each kills all that it finds."""
KILL_ROUND_S = 0.02


class ChildFailed(CargaError):
    """A part of the run died more often than it may."""

    code = "child-failed"


@dataclass
class Restarts:
    """How many restarts are left, for one child or for several together."""

    left: int
    used: int = 0

    def take(self) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        self.used += 1
        return True

    def delay_s(self) -> float:
        return min(RESTART_DELAY_S * 2.0 ** (self.used - 1), RESTART_DELAY_S_MAX)


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    name: str
    """Also names its log."""
    command: tuple[str, ...]
    restarts: Restarts
    environment: Mapping[str, str] = field(default_factory=dict)
    """In addition to that of the supervisor."""
    pass_fds: tuple[int, ...] = ()
    final_codes: frozenset[int] = frozenset({0})


class Child:
    """A supervised process through all its restarts. `ended` is set when it will not be started again."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.pid: int | None = None
        self.exit_code: int | None = None
        """Of the last end; negative: the signal that killed it."""
        self.tail = ""
        self.ended = asyncio.Event()


class Supervisor:
    """Use as an async context manager, in the main thread: leaving it kills all that is left."""

    def __init__(self, *, logs: Path, report: Callable[[str], None]) -> None:
        self._logs = logs
        self._report = report
        self._children: list[Child] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._foreign: set[int] = set()
        """Children of this process that are not ours to touch."""
        self._no_restarts = False
        self.failure: ChildFailed | None = None
        self.failed = asyncio.Event()

    async def __aenter__(self) -> "Supervisor":
        become_subreaper()
        self._foreign = set(children())
        self._sweeper = asyncio.create_task(self._sweep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sweeper.cancel()
        self.kill()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await self._kill_left()

    def start(self, spec: ChildSpec) -> Child:
        child = Child(spec)
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._keep_running(child)))
        return child

    def let_end(self) -> None:
        """From now on whatever ends has ended, however it did."""
        self._no_restarts = True

    def kill(self) -> None:
        """Kills all children at once."""
        self.let_end()
        for child in self._children:
            if child.pid is not None:
                kill_session(child.pid)

    async def wait_ended(self, *, timeout_s: float) -> bool:
        """Whether all children ended by themselves within the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for child in self._children:
                    await child.ended.wait()
        return all(child.ended.is_set() for child in self._children)

    async def _keep_running(self, child: Child) -> None:
        spec = child.spec
        try:
            while True:
                try:
                    code = await self._run_once(child)
                except OSError as error:
                    self._fail(child, f"it cannot be started: {error}")
                    return
                if code in spec.final_codes or self._no_restarts:
                    return
                how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
                if not spec.restarts.take():
                    self._fail(child, how)
                    return
                self._report(f"{spec.name} died ({how}) and is started again")
                await asyncio.sleep(spec.restarts.delay_s())
                if self._no_restarts:
                    return
        finally:
            child.ended.set()

    def _fail(self, child: Child, how: str) -> None:
        name = child.spec.name
        said = f" Its last words:\n{child.tail}\n" if child.tail else ""
        self.failure = ChildFailed(
            f"{name} died too often ({how}).{said}", f"The whole log is in {self._logs / name}.log."
        )
        self.failed.set()

    async def _run_once(self, child: Child) -> int:
        """Starts the process and waits for its end; kills what it left behind."""
        spec = child.spec
        log = ChildLog(self._logs / f"{spec.name}.log")
        loop = asyncio.get_running_loop()
        process = subprocess.Popen(  # noqa: ASYNC220 - returns after fork and exec; must be the main thread
            spec.command,
            env={**os.environ, **spec.environment},
            stdin=subprocess.DEVNULL,
            stdout=log.write_end,
            stderr=log.write_end,
            pass_fds=spec.pass_fds,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        child.pid = process.pid
        log.child_started()
        loop.add_reader(log.read_end, lambda: log.pump() or loop.remove_reader(log.read_end))
        try:
            await _exited(process.pid)
        finally:
            kill_session(process.pid)
            child.exit_code = process.wait()
            child.pid = None
            loop.remove_reader(log.read_end)
            log.pump()
            child.tail = log.tail()
            log.close()
        await self._kill_left(process.pid)
        return child.exit_code

    def _live(self) -> set[int]:
        return {child.pid for child in self._children if child.pid is not None}

    def _keep(self) -> set[int]:
        return self._foreign | self._live()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            reap_zombies(keep=self._keep())

    async def _kill_left(self, session: int = 0) -> None:
        """Kills what a dead child (the leader of `session`) left, and every orphan that belongs to no live child.

        Orphans become ours only when their parent is gone, so this takes more than one look.
        """
        for _ in range(KILL_ROUNDS_MAX):
            killed = kill_session(session) if session else 0
            if not killed + kill_orphans(keep=self._keep(), live_sessions=self._live()):
                return
            await asyncio.sleep(KILL_ROUND_S)


async def _exited(pid: int) -> None:
    """Waits for the end of a child, without taking its exit status and without a thread."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(pid)
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
