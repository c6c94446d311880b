"""What a container may use at most, and how it is kept from everything else."""

import os

import msgspec

from carga.errors import UsageError

USER = "61417:61417"
"""The numeric user of the images, who owns nothing."""
MEMORY_VARIABLE = "CARGA_CONTAINER_MEMORY_MB"
CPUS_VARIABLE = "CARGA_CONTAINER_CPUS"
MEMORY_MB = 512
"""A browser with one page of a usual application needs 200 to 300."""
PIDS_MAX = 512
"""Threads count too, and a browser with one page of a usual application has about 70."""
LOG_BYTES_MAX = "256k"


class Limits(msgspec.Struct, frozen=True):
    """Of one user's container."""

    memory_mb: int = MEMORY_MB
    cpus: float | None = None
    """None: as many as there are."""
    pids: int = PIDS_MAX

    @classmethod
    def from_environment(cls) -> "Limits":
        """Raises UsageError."""
        memory, cpus = os.environ.get(MEMORY_VARIABLE, ""), os.environ.get(CPUS_VARIABLE, "")
        try:
            limits = cls(memory_mb=int(memory or MEMORY_MB), cpus=float(cpus) if cpus else None)
        except ValueError:
            limits = cls(memory_mb=0)
        if limits.memory_mb <= 0 or (limits.cpus is not None and not limits.cpus > 0):
            raise UsageError(
                f"{MEMORY_VARIABLE}={memory!r} or {CPUS_VARIABLE}={cpus!r} is no limit.",
                f"Write {MEMORY_VARIABLE}={MEMORY_MB} (megabytes) and {CPUS_VARIABLE}=0.5 (cores), or leave them out.",
            )
        return limits

    def options(self) -> list[str]:
        """Of `docker run`. Memory is all there is: no swap, which would only make a browser late."""
        memory = [f"--memory={self.memory_mb}m", f"--memory-swap={self.memory_mb}m"]
        cpus = [f"--cpus={self.cpus:g}"] if self.cpus else []
        return [*memory, *cpus, f"--pids-limit={self.pids}"]


def confinement(seccomp: os.PathLike[str]) -> list[str]:
    """Options of `docker run`: no privileges, a read-only root, and the system calls of the profile `seccomp`."""
    return [
        f"--user={USER}",
        "--read-only",
        "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--security-opt=seccomp={os.fspath(seccomp)}",
        "--add-host=host.docker.internal:host-gateway",
        "--log-driver=local",
        f"--log-opt=max-size={LOG_BYTES_MAX}",
        "--log-opt=max-file=1",
        "--log-opt=compress=false",
        "--pull=never",
    ]
