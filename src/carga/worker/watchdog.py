"""Kills a worker's browsers when the worker cannot: frozen, swapped out, or killed.

Pages act by themselves once their behaviour runs, so a worker that stands still past the end of its lease would leave
users running whom the coordinator has given to others. A process of its own, with nothing to do but read a pipe,
holds the clock: each line says for how many seconds the browsers may go on, and which they are. When the time is over
without a newer line, or the pipe closes, they are killed.

This file runs by itself (`python -I -S watchdog.py`), so it imports nothing of carga and little else.
"""

import contextlib
import os
import select
import signal
import sys
import time

LINE_BYTES_MAX = 65536


def guard(lines: int) -> None:
    """Reads `SECONDS PID PID …` lines from the file descriptor `lines` until it closes."""
    groups: list[int] = []
    until = float("inf")
    rest = b""
    while True:
        patience_s = max(0.0, until - time.monotonic()) if groups else None
        readable, _, _ = select.select([lines], [], [], patience_s)
        if not readable:
            _kill(groups)
            groups = []
            continue
        data = os.read(lines, LINE_BYTES_MAX)
        if not data:
            _kill(groups)
            return
        *whole, rest = (rest + data).split(b"\n")
        if whole:
            seconds, *pids = whole[-1].split()
            until = time.monotonic() + float(seconds)
            groups = [int(pid) for pid in pids]


def _kill(groups: list[int]) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when its worker does
    guard(sys.stdin.fileno())
