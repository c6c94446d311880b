"""What a run in containers needs: users that can reach the target, Docker, and the images."""

import asyncio
import re
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from carga.containers.docker import ImageMissing, docker
from carga.containers.limits import Limits
from carga.containers.sweep import sweep
from carga.errors import UsageError
from carga.model.plan import Plan

Place = Literal["local", "docker"]

_PLACEHOLDER = re.compile(r"\{[^}]*\}")


def has_containers(plan: Plan) -> bool:
    return any(group.isolation == "container" for group in plan.groups)


def check_reach(plan: Plan, *, on: Place = "local") -> None:
    """Raises UsageError when the plan cannot work in containers, by the plan alone."""
    if on == "docker" and has_containers(plan):
        raise UsageError(
            "With --on docker the workers run in containers, where users cannot have containers of their own.",
            'Run it without --on docker, or leave out isolation = "container".',
        )
    if on == "docker" and (others := sorted({group.engine for group in plan.groups} - {"chromium"})):
        raise UsageError(
            f"The worker's image has Chromium only, and the plan wants {', '.join(others)}.",
            "Run it without --on docker.",
        )
    for group in plan.groups:
        url = group.url or plan.target.url
        if (on == "docker" or group.isolation == "container") and _is_loopback(url):
            raise UsageError(
                f"Users in containers cannot reach {url}: inside a container, that is the container itself.",
                "Write an address of this machine, or http://host.docker.internal:PORT/, and see that the server "
                "listens on more than the loopback address.",
            )


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(_PLACEHOLDER.sub("0", url)).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def check_docker(plan: Plan, *, on: Place = "local") -> None:
    """Removes what earlier runs have left. Raises DockerFailed or UsageError when containers cannot run here."""
    if has_containers(plan) or on == "docker":
        Limits.from_environment()
        asyncio.run(_check_docker(for_workers=on == "docker"))


async def _check_docker(*, for_workers: bool) -> None:
    from carga.images import browser_image, worker_image
    from carga.images.build import CONTENT_LABEL, content

    await sweep()
    image = worker_image() if for_workers else browser_image()
    has = await docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{CONTENT_LABEL}"}}}}', image)
    if for_workers and has != content():
        raise ImageMissing(f"The image {image} has another carga than this one.", "Run `carga image build`.")


def sweep_containers() -> None:
    """At the end of a run, whatever that end was. What Docker does not do now, the next run does."""
    import contextlib

    from carga.errors import CargaError

    with contextlib.suppress(CargaError):
        asyncio.run(sweep())
