"""How the worker and its machine are, second by second and cheaply: a few files of /proc."""

import os
import random
import time
from pathlib import Path
from typing import NamedTuple

from carga.model.windows import Gauges
from carga.worker import machine

WALK_S_MIN = 2.0
"""Between two looks at all processes of the machine, which tell the memory and which threads there are."""
WALK_SHARE_MAX = 0.002
"""Of the time: with thousands of processes a look costs tens of milliseconds, so there are fewer of them."""
PROCESSES_SAMPLED = 40
THREADS_SAMPLED = 120
"""Of all browsers: what they wait for a core is read each second, for a thousandth of a core's time."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class Health:
    """`sample` gives the gauges of the second that has passed."""

    def __init__(self) -> None:
        self._walk_at = 0.0
        self._walked_at = 0.0
        self._memory_mb = 0.0
        self._tree_cpu_percent = 0.0
        self._ticks: dict[int, int] = {}
        """CPU time of each process of the tree so far."""
        self._threads: dict[tuple[int, int], machine.Turns] = {}
        """(process, thread) of a sample."""
        self._worker_cpu_s = time.process_time()
        self._at = time.monotonic()
        self._cpu = machine.cpu()
        self._pressure_us = _pressures()
        self._cores = len(os.sched_getaffinity(0))
        self._random = random.Random(1)  # noqa: S311 - no secret
        self.memory = machine.memory()
        self.loop_lag_ms = 0.0

    def sample(self, browsers: list[int]) -> Gauges:
        """`browsers`: process ids, which are their process groups too."""
        now = time.monotonic()
        elapsed_s = max(now - self._at, 0.001)
        cpu_s, cpu, pressure_us = time.process_time(), machine.cpu(), _pressures()
        self.memory = machine.memory()
        core_wait, core_turn_ms = self._core_wait()
        ticks = max(cpu.total - self._cpu.total, 1)
        gauges = Gauges(
            cpu_percent=round(100 * (cpu.busy - self._cpu.busy) / ticks, 1),
            worker_cpu_percent=round(100 * (cpu_s - self._worker_cpu_s) / elapsed_s, 1),
            memory_available_mb=self.memory.available_mb,
            loop_lag_ms=round(self.loop_lag_ms, 1),
            browsers=len(browsers),
            cores=self._cores,
            core_wait=core_wait,
            core_turn_ms=core_turn_ms,
            cpu_steal_percent=round(100 * (cpu.steal - self._cpu.steal) / ticks, 1),
            cpu_pressure_percent=_percent(pressure_us[0] - self._pressure_us[0], elapsed_s),
            memory_pressure_percent=_percent(pressure_us[1] - self._pressure_us[1], elapsed_s),
            processes_waiting=cpu.processes,
        )
        if now >= self._walk_at:
            self._walk(browsers)
            took_s = time.monotonic() - now
            self._walk_at = now + max(WALK_S_MIN, took_s / WALK_SHARE_MAX)
        gauges.memory_mb, gauges.tree_cpu_percent = self._memory_mb, self._tree_cpu_percent
        self._worker_cpu_s, self._at, self._cpu, self._pressure_us = cpu_s, now, cpu, pressure_us
        self.loop_lag_ms = 0.0
        return gauges

    def _core_wait(self) -> tuple[float, float]:
        """What the sampled threads waited for a core: for each second in which they had one, and ms each time."""
        run_ns = wait_ns = count = 0
        for (pid, thread), before in list(self._threads.items()):
            now = machine.turns(pid, thread)
            if now is None:
                del self._threads[pid, thread]
                continue
            self._threads[pid, thread] = now
            run_ns += now.run_ns - before.run_ns
            wait_ns += now.wait_ns - before.wait_ns
            count += now.times - before.times
        return (round(wait_ns / run_ns, 2), round(wait_ns / 1e6 / max(count, 1), 3)) if run_ns > 0 else (0.0, 0.0)

    def _take_ticks(self, ticks: dict[int, int]) -> None:
        now = time.monotonic()
        if self._ticks:  # what ended in between is left out
            used = sum(count - self._ticks.get(pid, 0) for pid, count in ticks.items())
            self._tree_cpu_percent = round(100 * max(0, used) / _TICKS_PER_S / max(now - self._walked_at, 0.001), 1)
        self._ticks, self._walked_at = ticks, now

    def _walk(self, browsers: list[int]) -> None:
        groups = {os.getpgrp(), *browsers}
        found = processes_of(groups)
        self._memory_mb = memory_mb(found)
        self._take_ticks({process.pid: process.ticks for process in found})
        pids = [process.pid for process in found if process.group in browsers]
        threads: list[tuple[int, int]] = []
        for pid in self._random.sample(pids, min(len(pids), PROCESSES_SAMPLED)):
            threads += [(pid, thread) for thread in _threads_of(pid)]
        self._threads = {}
        for pid, thread in self._random.sample(threads, min(len(threads), THREADS_SAMPLED)):
            if (now := machine.turns(pid, thread)) is not None:
                self._threads[pid, thread] = now


class Process(NamedTuple):
    pid: int
    group: int
    ticks: int
    """CPU time so far."""
    resident: int
    shared: int
    """Pages."""


def processes_of(groups: set[int]) -> list[Process]:
    """All processes of these process groups."""
    found = []
    for name in os.listdir(_PROC):  # noqa: PTH208 - names are all it needs
        if not name.isdigit():
            continue
        try:
            # Fields 5, 14 and 15 of proc_stat(5); the name before them may hold anything, so count from its end.
            fields = machine.read_quickly(f"{_PROC}/{name}/stat").rpartition(b")")[2].split(None, 14)
            group = int(fields[2])
            if group not in groups:
                continue
            ticks = int(fields[11]) + int(fields[12])
            _, resident, shared, *_ = map(int, machine.read_quickly(f"{_PROC}/{name}/statm").split())
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
        found.append(Process(int(name), group, ticks, resident, shared))
    return found


def memory_mb(processes: list[Process]) -> float:
    """Memory of these processes: what is private to each, and the largest shared part once.

    The kernel's exact account (PSS) costs milliseconds a process; this costs microseconds and is a few percent off.
    """
    private = sum(process.resident - process.shared for process in processes)
    shared_max = max((process.shared for process in processes), default=0)
    return round((private + shared_max) * _PAGE_BYTES / 1e6, 1)


def _threads_of(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC / str(pid) / "task")]  # noqa: PTH208 - names are all it needs
    except OSError:
        return []


def _pressures() -> tuple[int, int]:
    return machine.pressure_us("cpu"), machine.pressure_us("memory")


def _percent(us: int, elapsed_s: float) -> float:
    return round(min(100.0, max(0.0, us / 1e4 / elapsed_s)), 1)
