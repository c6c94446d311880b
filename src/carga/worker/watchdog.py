"""Kills a worker's browsers when the worker cannot: frozen, swapped out, or killed.

Pages act by themselves once their behaviour runs, so a worker that stands still past the end of its lease would leave
users running whom the coordinator has given to others. A process of its own, with nothing to do but read a pipe,
holds the clock: each line says for how many seconds the browsers may go on, and which they are. When the time is over
without a newer line, or the pipe closes, they are killed. A line `containers OWNER` says that Docker containers with
that label are the worker's too: they are removed with the browsers.

This file runs by itself (`python -I -S watchdog.py`), so it imports nothing of carga and little else.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

LINE_BYTES_MAX = 65536
CONTAINERS = b"containers"
DOCKER_TIMEOUT_S = 30.0


def guard(lines: int) -> None:
    """Reads `SECONDS PID PID …` and `containers OWNER` lines from the file descriptor `lines` until it closes."""
    owner = ""
    groups: list[int] = []
    until = float("inf")
    rest = b""
    while True:
        patience_s = max(0.0, until - time.monotonic()) if groups else None
        readable, _, _ = select.select([lines], [], [], patience_s)
        if not readable:
            _kill(groups)
            _remove_containers(owner)
            groups = []
            until = float("inf")
            continue
        data = os.read(lines, LINE_BYTES_MAX)
        if not data:
            _kill(groups)
            _remove_containers(owner)
            return
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            if line.startswith(CONTAINERS):
                owner = line.split()[1].decode()
        if whole := [line for line in whole if not line.startswith(CONTAINERS)]:
            seconds, *pids = whole[-1].split()
            until = time.monotonic() + float(seconds)
            groups = [int(pid) for pid in pids]


def _kill(groups: list[int]) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _remove_containers(owner: str) -> None:
    """And their networks. Does what it can: the next run removes the rest."""
    if not owner:
        return
    mine = ("--quiet", "--filter", f"label=carga.owner={owner}")
    _remove(("ps", "--all", *mine), ("rm", "--force", "--volumes"))
    _remove(("network", "ls", *mine), ("network", "rm"))


def _remove(listing: tuple[str, ...], removing: tuple[str, ...]) -> None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = _docker(*listing).split()
        if found:
            _docker(*removing, *found)


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ("docker", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=DOCKER_TIMEOUT_S,
        check=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when its worker does
    guard(sys.stdin.fileno())
