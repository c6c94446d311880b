"""Docker, for users in containers and for `carga run --on docker`: there, running, and with the images built?"""

import asyncio

from carga.containers.docker import DockerFailed, DockerMissing, ImageMissing, docker
from carga.containers.sweep import sweep
from carga.doctor.checks import Check
from carga.images import browser_image, worker_image

NAME = "docker"


def docker_engine() -> Check:
    """Removes what killed runs have left, too."""
    return asyncio.run(_docker_engine())


async def _docker_engine() -> Check:
    try:
        version = await docker("version", "--format", "{{.Server.Version}}")
        swept = await sweep()
    except DockerMissing as error:
        return Check(NAME, "ok", f"no users in containers here: {error.problem}", error.remedy)
    except DockerFailed as error:
        return Check(NAME, "warning", error.problem, error.remedy)
    finding = f"Docker {version}" + (f", removed what killed runs had left ({swept})" if swept else "")
    missing = [image for image in (browser_image(), worker_image()) if not await _has(image)]
    if missing:
        return Check(NAME, "ok", f"{finding}, without {' and '.join(missing)}", "For containers: carga image build.")
    return Check(NAME, "ok", f"{finding}, {browser_image()} and {worker_image()}")


async def _has(image: str) -> bool:
    try:
        await docker("image", "inspect", "--format", "{{.Id}}", image)
    except ImageMissing:
        return False
    return True
