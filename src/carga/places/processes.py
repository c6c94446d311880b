"""Linux process control: a child that cannot outlive its parent, and descendants that cannot hide.

A browser is a tree of processes, and whoever is killed in the middle of it leaves the rest to others. So a
supervisor becomes a *subreaper*: processes whose parent died become its children instead of those of init, and it
can find and kill them. Each child leads a session of its own, which tells whose descendant an orphan was.
See prctl(2), PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PARENT_GONE_EXIT = 1

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """From now on, orphaned descendants become children of this process."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> Callable[[], None]:
    """To be called in a child between fork and exec: the kernel kills it when the thread that forked it ends.

    So children must be started from the main thread, which lives as long as the process.
    """
    parent = os.getpid()

    def in_child() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(_PARENT_GONE_EXIT)

    return in_child


def children() -> list[int]:
    """Direct children of this process, adopted ones and zombies included."""
    found: list[int] = []
    try:
        for task in Path("/proc/self/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return [child.pid for child in psutil.Process().children()]
    return found


def reap(pid: int) -> bool:
    """Takes the exit status of a child that has ended, so that it stops being a zombie. Whether it had ended."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True


def kill_session(session: int) -> int:
    """Kills every process of a session with all its descendants; returns how many it found."""
    members = [process for process in psutil.process_iter() if _session(process.pid) == session]
    return sum(_kill(process) for process in members)


def kill_orphans(*, keep: Collection[int], live_sessions: Collection[int]) -> int:
    """Kills adopted children, each with its descendants, and reaps them; returns how many were still alive.

    `keep` are children that are not orphans; an orphan of a live session has an owner who cares for it.
    """
    killed = 0
    for pid in children():
        if pid in keep or reap(pid) or _session(pid) in live_sessions:
            continue
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for descendant in process.children(recursive=True):
                killed += _kill(descendant)
            killed += _kill(process)
    return killed


def reap_zombies(*, keep: Collection[int]) -> None:
    """Takes the exit status of adopted children that ended by themselves."""
    for pid in children():
        if pid not in keep:
            reap(pid)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _kill(process: psutil.Process) -> bool:
    """psutil compares the start time first, so a number that was given to another process is not killed."""
    try:
        process.kill()
    except psutil.Error:
        return False
    return True
