"""Tiny programs that stand in for the processes of a run, and a way to wait for what they do."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from carga.places.supervisor import ChildSpec, Restarts

WAIT_S = 20.0


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def spec(code: str, *, restarts: int = 0, name: str = "child") -> ChildSpec:
    return ChildSpec(name=name, command=python(code), restarts=Restarts(restarts))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def number_in(path: Path) -> int:
    """The number that a program wrote to a file, 0 until it did."""
    try:
        return int(path.read_text() or 0)
    except (OSError, ValueError):
        return 0


def kill(pid: int, number: int) -> None:
    os.kill(pid, number)


SLEEP = "import time; time.sleep(600)"


def writes_pid(path: Path, then: str = SLEEP) -> str:
    return f"import os, pathlib; pathlib.Path({str(path)!r}).write_text(str(os.getpid()))\n{then}"


def leaves_behind(path: Path, *, detached: bool) -> str:
    """A program with a child of its own that outlives it, in a session of its own when `detached`."""
    return (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {writes_pid(path)!r}], start_new_session={detached})\n"
        f"{SLEEP}"
    )
