"""The machine that a process runs on, as a report names it."""

import os
import platform
import socket
from pathlib import Path

import msgspec

_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_INFO = Path("/proc/meminfo")
_CPU_NAMES = ("model name", "Hardware", "cpu model")
"""Keys of /proc/cpuinfo that hold a name: x86, Arm, MIPS."""


class Machine(msgspec.Struct, frozen=True):
    """Empty text or 0 where the system does not tell."""

    host: str = ""
    os: str = ""
    kernel: str = ""
    cores: int = 0
    """That this process may use."""
    memory_mb: int = 0
    cpu: str = ""
    """Model name."""
    python: str = ""


def machine() -> Machine:
    return Machine(
        host=socket.gethostname(),
        os=_system_name(),
        kernel=platform.release(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=_memory_mb(_read(_MEMORY_INFO)),
        cpu=_cpu_name(_read(_CPU_INFO)) or platform.machine(),
        python=platform.python_version(),
    )


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_name(cpu_info: str) -> str:
    for line in cpu_info.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in _CPU_NAMES:
            return " ".join(value.split())
    return ""


def _memory_mb(memory_info: str) -> int:
    for line in memory_info.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0
