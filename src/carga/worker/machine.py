"""What the kernel says of the whole machine, or of the container that the worker runs in. Files of /proc and /sys.

Each reading costs microseconds. What a kernel does not offer (PSI, cgroups) is left out, and reads as 0.
"""

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
SHORT_FILE_BYTES = 4096
_UNLIMITED = 1 << 60
"""Version 1 of cgroups writes a number near 2**63 where there is no limit."""


class Cpu(msgspec.Struct, frozen=True):
    """Since the machine was started."""

    busy: int = 0
    steal: int = 0
    total: int = 0
    """In ticks of all cores."""
    processes: int = 0
    """That run or wait for a core now."""


def cpu(proc: Path = PROC) -> Cpu:
    """Source: proc_stat(5). Guest time is in user time already; steal is time in which a core was somebody else's."""
    processes = 0
    ticks: list[int] = []
    for line in _lines(proc / "stat"):
        if line.startswith("cpu "):
            ticks = [int(number) for number in line.split()[1:9]]
        elif line.startswith("procs_running"):
            processes = int(line.split()[1])
            break
    if len(ticks) < 8:
        return Cpu(processes=processes)
    user, nice, system, idle, iowait, irq, softirq, steal = ticks
    busy = user + nice + system + irq + softirq
    return Cpu(busy, steal, busy + idle + iowait + steal, processes)


def pressure_us(resource: str, proc: Path = PROC) -> int:
    """Microseconds since the start in which some process waited for `resource`: "cpu", "memory". 0: no PSI here."""
    for line in _lines(proc / "pressure" / resource):
        if line.startswith("some "):
            return int(line.rpartition("total=")[2])
    return 0


class Memory(msgspec.Struct, frozen=True):
    """The smaller of what the machine and the container have."""

    total_mb: float = 0.0
    available_mb: float = 0.0


def memory(proc: Path = PROC, cgroup: Path = CGROUP) -> Memory:
    fields = {}
    for line in _lines(proc / "meminfo"):
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            fields[name] = int(rest.split()[0]) * 1024
    total, available = fields.get("MemTotal", 0), fields.get("MemAvailable", 0)
    for limit, used, cache in (
        (cgroup / "memory.max", cgroup / "memory.current", "inactive_file"),
        (cgroup / "memory/memory.limit_in_bytes", cgroup / "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, taken = _number(limit), _number(used)
        if most is not None and taken is not None and most < min(_UNLIMITED, total or _UNLIMITED):
            reclaimable = _stat(limit.parent / "memory.stat", cache)
            total, available = most, min(available or most, max(0, most - taken + reclaimable))
    return Memory(round(total / 1e6, 1), round(available / 1e6, 1))


class Turns(NamedTuple):
    """Of a thread since it began."""

    run_ns: int = 0
    """It had a core."""
    wait_ns: int = 0
    """It waited for one."""
    times: int = 0
    """So many times it got one."""


def turns(pid: int, thread: int, proc: Path = PROC) -> Turns | None:
    """Source: sched-stats.rst of Linux."""
    try:
        run, wait, count = read_quickly(f"{proc}/{pid}/task/{thread}/schedstat").split()
        return Turns(int(run), int(wait), int(count))
    except (OSError, ValueError):
        return None


def read_quickly(path: str) -> bytes:
    """A short file of the kernel's, in a third of the time of `Path.read_bytes`. Raises OSError."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, SHORT_FILE_BYTES)
    finally:
        os.close(file)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max": no limit
        return None


def _stat(path: Path, name: str) -> int:
    for line in _lines(path):
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
