"""What is read from /proc and /sys, from files that a test writes, and once from those of this machine."""

import os
from pathlib import Path

from carga.worker import machine
from carga.worker.health import Health

MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_time_that_the_host_took_is_neither_busy_nor_idle(tmp_path: Path) -> None:
    written(tmp_path, stat="cpu  100 10 50 800 20 5 5 10 0 0\ncpu0 1 1 1 1 1 1 1 1\nctxt 1\nprocs_running 7\n")
    assert machine.cpu(tmp_path) == machine.Cpu(busy=170, steal=10, total=1000, processes=7)


def test_pressure_is_the_time_in_which_some_process_waited(tmp_path: Path) -> None:
    written(tmp_path, pressure__cpu="some avg10=4.91 avg60=1.69 avg300=2.43 total=1955\nfull avg10=0.00 total=3\n")
    assert machine.pressure_us("cpu", tmp_path) == 1955
    assert machine.pressure_us("memory", tmp_path) == 0


def test_in_a_container_its_own_limit_counts(tmp_path: Path) -> None:
    proc = written(tmp_path / "proc", meminfo=MEMINFO)
    assert machine.memory(proc, tmp_path / "none") == machine.Memory(16384.0, 8192.0)
    group = written(
        tmp_path / "group",
        memory_dot_max="512000000\n",
        memory_dot_current="400000000\n",
        memory_dot_stat="anon 1\ninactive_file 100000000\n",
    )
    assert machine.memory(proc, group) == machine.Memory(512.0, 212.0)
    written(group, memory_dot_max="max\n")
    assert machine.memory(proc, group) == machine.Memory(16384.0, 8192.0)


def test_a_kernel_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    assert machine.cpu(tmp_path) == machine.Cpu()
    assert machine.memory(tmp_path, tmp_path) == machine.Memory()
    assert machine.turns(1, 1, tmp_path) is None


def test_this_machine_has_a_health_that_can_be_read_every_second() -> None:
    health = Health()
    health.sample([os.getpgrp()])
    gauges = health.sample([os.getpgrp()])
    assert gauges.cores > 0
    assert gauges.memory_mb > 0
    assert 0 < gauges.memory_available_mb <= health.memory.total_mb
    assert gauges.processes_waiting > 0
    assert 0 <= gauges.cpu_percent <= 100
