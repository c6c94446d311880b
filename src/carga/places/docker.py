"""The Docker engine of this machine: each worker in a container of its own, with the browsers of its users.

The coordinator stays outside, because it owns the run folder. Workers join it over a bridge network of the run's own,
so it listens at this machine's address there. Each worker is supervised through its `docker run`, as a process would
be; when this process is killed, a watchdog removes the containers.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

import psutil

from carga.containers import network
from carga.containers.docker import DockerFailed
from carga.containers.limits import confinement
from carga.containers.owner import Owner, labels
from carga.containers.sweep import remove_owned
from carga.images import SECCOMP, worker_image
from carga.places.hosted import ANY, LOOPBACK, WORKER_FINAL_CODES, HostedPlace, PlaceOptions, bracketed
from carga.places.supervisor import ChildSpec, Restarts
from carga.worker.guard import Guard

MEMORY_SHARE = 0.9
"""Of this machine's memory, for all workers together: what one of them takes too much ends it, and nothing else."""
THREADS_PER_USER = 64
"""A page of a usual application has 15 to 30."""
THREADS_RESERVED = 2048
_START = 'docker rm --force "$0" >/dev/null 2>&1; exec docker run --name "$0" "$@"'
"""A worker that is started again takes the name of the one before, of whom something may be left."""


@dataclass(frozen=True)
class Bridge:
    """The network of a run: its name, and this machine's address in it."""

    name: str
    gateway: str

    def host(self, wanted: str) -> str:
        """Where the coordinator listens when `wanted` was asked for; containers do not reach the loopback address."""
        return self.gateway if wanted in LOOPBACK else wanted


@contextlib.contextmanager
def bridge() -> Iterator[Bridge]:
    """There for the length of a run; all containers of this process are removed with it. Raises DockerFailed."""
    owner = Owner.this()
    try:
        yield asyncio.run(_make_bridge(owner))
    finally:
        with contextlib.suppress(DockerFailed):  # the next run sweeps
            asyncio.run(remove_owned(owner))


async def _make_bridge(owner: Owner) -> Bridge:
    name = await network.create(owner)
    return Bridge(name, await network.gateway(name))


class DockerPlace(HostedPlace):
    def __init__(
        self,
        options: PlaceOptions,
        *,
        listening: socket.socket,
        bridge: Bridge,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(options, listening=listening, report=report)
        self._bridge = bridge
        self._owner = Owner.this()

    async def __aenter__(self) -> "DockerPlace":
        self._guard = Guard()  # before the supervisor, which ends all processes that come later
        self._guard.add_containers(str(self._owner))
        await super().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            await asyncio.to_thread(self._guard.end)

    def _worker(self, number: int, restarts: Restarts) -> ChildSpec:
        address = f"{bracketed(self._bridge.gateway if self.host in ANY else self.host)}:{self.port}"
        engine = ("--engine", self.options.engine) if self.options.engine else ()
        memory_mb = int(psutil.virtual_memory().total / 2**20 * MEMORY_SHARE / self.options.workers)
        return ChildSpec(
            name=f"worker-{number}",
            command=(
                *("/bin/sh", "-c", _START, f"{self._bridge.name}-worker-{number}"),
                *("--rm", "--init", *labels(self._owner), f"--network={self._bridge.name}"),
                *confinement(SECCOMP),
                *(f"--memory={memory_mb}m", f"--memory-swap={memory_mb}m"),
                f"--pids-limit={THREADS_RESERVED + THREADS_PER_USER * self.options.users_max}",
                *("--env", "CARGA_TOKEN"),
                worker_image(),
                *("--join", f"ws://{address}/worker", "--users-max", str(self.options.users_max)),
                *engine,
            ),
            environment={"CARGA_TOKEN": self.token},
            final_codes=WORKER_FINAL_CODES,
            restarts=restarts,
        )
