"""Whose a container is, written on it as labels, so that whoever comes later knows whether its owner still lives."""

import os
from pathlib import Path

import msgspec

OWNER_LABEL = "carga.owner"
RUN_LABEL = "carga.run"
RUN_ENVIRONMENT = "CARGA_RUN"
"""Names the run to the workers, for RUN_LABEL."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD = 19
"""Of what follows the name in /proc/PID/stat: when the process started, in ticks since the boot."""


class Owner(msgspec.Struct, frozen=True):
    """A process, told apart from a later one with the same number."""

    boot: str
    namespace: str
    """Process numbers mean nothing in another one."""
    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.boot}.{self.namespace}.{self.pid}.{self.started}"

    @classmethod
    def this(cls) -> "Owner":
        pid = os.getpid()
        return cls(_boot(), _namespace(), pid, _started(pid) or 0)

    @classmethod
    def read(cls, text: str) -> "Owner | None":
        """None when the label says something else."""
        try:
            boot, namespace, pid, started = text.split(".")
            return cls(boot, namespace, int(pid), int(started))
        except ValueError:
            return None

    def is_gone(self) -> bool:
        """False also where nobody can tell: on another machine, or in a container of its own."""
        if (self.boot, self.namespace) != (_boot(), _namespace()):
            return False
        return _started(self.pid) != self.started

    def is_of_another_boot(self) -> bool:
        return self.boot != _boot()


def labels(owner: Owner) -> list[str]:
    """Options of `docker run` and `docker network create`."""
    run = os.environ.get(RUN_ENVIRONMENT, "")
    return ["--label", f"{OWNER_LABEL}={owner}", "--label", f"{RUN_LABEL}={run}"]


def _boot() -> str:
    return _BOOT.read_text().replace("-", "").strip()[:12]


def _namespace() -> str:
    return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")


def _started(pid: int) -> int | None:
    """None when there is no such process. A zombie has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[_START_FIELD])
