"""What a process tree costs: CPU seconds and memory (PSS) of a process and everything below it."""

import time
from pathlib import Path

import msgspec
import psutil


class Cost(msgspec.Struct, frozen=True):
    cores: float
    """CPU time of the tree over wall time: 1.0 is one core all the time."""
    python_cores: float
    """The part of it that Python processes used."""
    memory_mb: float
    """Proportional set size, at the end."""
    processes: int

    @property
    def python_share(self) -> float:
        return self.python_cores / self.cores if self.cores else 0.0


class _Sample(msgspec.Struct):
    cpu_s: float
    python: bool


def measure(pid: int, seconds: float) -> Cost:
    """Watches the tree below `pid` for `seconds`. Processes that begin or end meanwhile count for what was seen."""
    first = _sample(pid)
    begun = time.monotonic()
    time.sleep(seconds)
    last = _sample(pid)
    wall_s = time.monotonic() - begun
    used = {one: sample.cpu_s - (first[one].cpu_s if one in first else 0.0) for one, sample in last.items()}
    python = sum(cpu_s for one, cpu_s in used.items() if last[one].python)
    memory = sum(pss_mb(one) for one in last)
    return Cost(sum(used.values()) / wall_s, python / wall_s, memory, len(last))


def _sample(pid: int) -> dict[int, _Sample]:
    root = psutil.Process(pid)
    samples = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            name = Path(process.exe()).name
        except psutil.Error:
            continue
        samples[process.pid] = _Sample(times.user + times.system, name.startswith("python"))
    return samples


def pss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
