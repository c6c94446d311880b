"""All processes that a tool started: what they cost, and their end.

Some tools let go of their browsers: a browser that is detached, or whose parent has ended, would drop out of a process
tree. So this process becomes the subreaper: whatever is orphaned below it becomes its child, and everything below it
that is not the server is the tool's.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from benchmarks.tree import pss_mb

PR_SET_CHILD_SUBREAPER = 36
END_TIMEOUT_S = 20.0


class Used(msgspec.Struct):
    """CPU seconds since each process began, and when it was looked."""

    at: float
    cpu_s: float
    """Of all, with what ended children had used: a process that ends hands that to its parent, so nothing is lost."""
    python_s: dict[psutil.Process, float]
    """Of the Python processes, each for itself."""


class Cost(msgspec.Struct, frozen=True):
    cores: float
    """CPU time over wall time: 1.0 is one core all the time."""
    python_cores: float


def become_subreaper() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Family:
    def __init__(self, server: int) -> None:
        self._server = server
        """Its processes are not the tool's."""

    def members(self) -> list[psutil.Process]:
        me = psutil.Process()
        apart = {self._server}
        with suppress(psutil.Error):
            apart |= {one.pid for one in psutil.Process(self._server).children(recursive=True)}
        return [one for one in me.children(recursive=True) if one.pid not in apart]

    def used(self) -> Used:
        used = Used(time.monotonic(), 0.0, {})
        for one in self.members():
            with suppress(psutil.Error):
                times = one.cpu_times()
                used.cpu_s += times.user + times.system + times.children_user + times.children_system
                if Path(one.exe()).name.startswith("python"):
                    used.python_s[one] = times.user + times.system
        return used

    def memory_mb(self) -> float:
        """PSS. Asking costs the kernel a walk over all pages, so not while CPU is measured."""
        return sum(pss_mb(one.pid) for one in self.members())

    def reap(self, known: Iterable[int]) -> None:
        """Takes leave of orphans that ended; `known` are those that somebody else waits for."""
        for one in psutil.Process().children():
            with suppress(psutil.Error, ChildProcessError):
                if one.pid not in known and one.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(one.pid, os.WNOHANG)

    def end(self, known: Iterable[int]) -> None:
        """Kills every member and waits until none is left."""
        deadline = time.monotonic() + END_TIMEOUT_S
        while members := [one for one in self.members() if _alive(one)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"these processes do not end: {members}")
            for one in members:
                with suppress(psutil.Error):
                    one.send_signal(signal.SIGKILL)
            psutil.wait_procs(members, timeout=0.2)
            self.reap(known)
        self.reap(known)


def cost(first: Used, last: Used) -> Cost:
    wall_s = last.at - first.at
    python = sum(cpu_s - first.python_s.get(one, 0.0) for one, cpu_s in last.python_s.items())
    return Cost((last.cpu_s - first.cpu_s) / wall_s, python / wall_s)


def machine_cpu_s() -> float:
    """Of everything on the machine, whoever it belongs to."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
