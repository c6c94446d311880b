"""How the worker and its machine are, cheaply: a look at /proc every few seconds."""

import os
import time
from pathlib import Path

import psutil

from carga.model.windows import Gauges

MEMORY_EVERY_S = 10.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


class Health:
    """`sample` gives the gauges of the second that has passed."""

    def __init__(self) -> None:
        self._memory_at = -MEMORY_EVERY_S
        self._memory_mb = 0.0
        self._worker_cpu_s = time.process_time()
        self._at = time.monotonic()
        self.loop_lag_ms = 0.0
        psutil.cpu_percent()

    def sample(self, browsers: list[int]) -> Gauges:
        """`browsers`: process ids, which are their process groups too."""
        now = time.monotonic()
        if now - self._memory_at >= MEMORY_EVERY_S:
            self._memory_at = now
            self._memory_mb = memory_mb({os.getpgrp(), *browsers})
        cpu_s = time.process_time()
        gauges = Gauges(
            cpu_percent=psutil.cpu_percent(),
            worker_cpu_percent=round(100 * (cpu_s - self._worker_cpu_s) / max(now - self._at, 0.001), 1),
            memory_mb=self._memory_mb,
            memory_available_mb=round(psutil.virtual_memory().available / 1e6, 1),
            loop_lag_ms=round(self.loop_lag_ms, 1),
            browsers=len(browsers),
        )
        self._worker_cpu_s, self._at, self.loop_lag_ms = cpu_s, now, 0.0
        return gauges


def memory_mb(groups: set[int]) -> float:
    """Memory of all processes of these process groups: what is private to each, and the largest shared part once.

    The kernel's exact account (PSS) costs milliseconds a process; this costs microseconds and is a few percent off.
    """
    private = shared_max = 0
    for directory in _PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            # Field 5 of stat is the process group; the name before it may hold anything, so count from its end.
            group = int((directory / "stat").read_bytes().rpartition(b")")[2].split(None, 3)[2])
            if group not in groups:
                continue
            _, resident, shared, *_ = map(int, (directory / "statm").read_bytes().split())
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
        private += resident - shared
        shared_max = max(shared_max, shared)
    return round((private + shared_max) * _PAGE_BYTES / 1e6, 1)
