"""Removes containers and networks whose owner is gone, after whatever end it had."""

from carga.containers.docker import docker
from carga.containers.owner import OWNER_LABEL, Owner

REMOVE_TIMEOUT_S = 60.0
AT_ONCE_MAX = 100
"""Names on one command line."""
_EXITED = ("exited", "created", "dead")


async def sweep() -> int:
    """Returns how many containers it removed. Raises DockerFailed."""
    removed = 0
    owned = f"label={OWNER_LABEL}"
    label = f'{{{{.ID}}}} {{{{.Label "{OWNER_LABEL}"}}}}'
    listed = await docker("ps", "--all", "--filter", owned, "--format", label + " {{.State}}")
    gone = [
        name for name, owner, state in map(str.split, listed.splitlines()) if _is_left(owner, ended=state in _EXITED)
    ]
    for start in range(0, len(gone), AT_ONCE_MAX):
        await docker("rm", "--force", *gone[start : start + AT_ONCE_MAX], timeout_s=REMOVE_TIMEOUT_S)
        removed += len(gone[start : start + AT_ONCE_MAX])
    listed = await docker("network", "ls", "--filter", owned, "--format", label)
    networks = [name for name, owner in map(str.split, listed.splitlines()) if _is_left(owner, ended=True)]
    for start in range(0, len(networks), AT_ONCE_MAX):
        await docker("network", "rm", *networks[start : start + AT_ONCE_MAX], timeout_s=REMOVE_TIMEOUT_S)
    return removed


def _is_left(label: str, *, ended: bool) -> bool:
    owner = Owner.read(label)
    return owner is not None and (owner.is_gone() or (ended and owner.is_of_another_boot()))


async def remove_owned(owner: Owner) -> None:
    """Removes all that `owner` has. Raises DockerFailed."""
    mine = f"label={OWNER_LABEL}={owner}"
    for things, remove in (("ps", ("rm", "--force")), ("network", ("network", "rm"))):
        listing = ("ps", "--all") if things == "ps" else ("network", "ls")
        if found := (await docker(*listing, "--quiet", "--filter", mine)).split():
            await docker(*remove, *found, timeout_s=REMOVE_TIMEOUT_S)
