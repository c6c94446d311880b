"""A bridge network of a run's own: each container has its own address there, and none reaches another."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

from carga.containers.docker import DockerFailed, docker
from carga.containers.owner import Owner, labels


class SharedNetwork:
    """There while somebody uses it: the first brings it, the last takes it away."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._lock = asyncio.Lock()
        self._users = 0
        self._name = ""

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[str]:
        """Gives its name. Raises DockerFailed when it cannot be made."""
        async with self._lock:
            if not self._users:
                self._name = await create(self._owner)
            self._users += 1
        try:
            yield self._name
        finally:
            async with self._lock:
                self._users -= 1
                if not self._users:
                    with contextlib.suppress(DockerFailed):  # whoever comes next sweeps
                        await docker("network", "rm", self._name)


async def create(owner: Owner) -> str:
    """Returns the network's name. Raises DockerFailed."""
    name = f"carga-{secrets.token_hex(4)}"
    apart = "--opt=com.docker.network.bridge.enable_icc=false"
    await docker("network", "create", apart, *labels(owner), name)
    return name


async def gateway(name: str) -> str:
    """The address of this machine in the network."""
    return await docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name)
