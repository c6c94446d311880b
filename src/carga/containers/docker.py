"""Asks the Docker engine through its command, `docker`, which knows contexts, DOCKER_HOST and who may do what.

Every call has a time limit, because an engine that stops in mid-run leaves its callers waiting.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping

from carga.errors import CargaError
from carga.exitcodes import ExitCode

CALL_TIMEOUT_S = 30.0
WORDS_MAX = 400
"""Of what `docker` says, in an error."""
_GONE = ("Cannot connect to the Docker daemon", "error during connect", "failed to connect to the docker API")


class DockerFailed(CargaError):
    """The Docker engine did not do what it was asked to do."""

    code = "docker-failed"
    exit_code = ExitCode.NO_USER


class DockerMissing(DockerFailed):
    """There is no Docker here, it does not run, or this user may not use it."""

    code = "docker-missing"


class ImageMissing(DockerFailed):
    """An image is to be built first."""

    code = "image-missing"


async def docker(
    *arguments: str,
    timeout_s: float = CALL_TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
    merged: bool = False,
) -> str:
    """What `docker ARGUMENTS` prints, when `merged` on stderr too. Raises DockerFailed.

    `environment` is added to that of the command.
    """
    process = await _start(*arguments, environment=environment or {}, merged=merged)
    try:
        async with asyncio.timeout(timeout_s):
            said, error = await process.communicate()
    except TimeoutError:
        raise DockerFailed(
            f"Docker did not answer `docker {arguments[0]}` within {timeout_s:g} s.",
            "See whether the engine is well: `docker info`.",
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise _failure(arguments[0], (error or said).decode(errors="replace").strip())
    return said.decode(errors="replace").strip()


async def _start(*arguments: str, environment: Mapping[str, str], merged: bool) -> asyncio.subprocess.Process:
    command = shutil.which("docker")
    if command is None:
        raise DockerMissing("Docker is not installed.", "Install it; Debian and Ubuntu: apt-get install docker.io.")
    return await asyncio.create_subprocess_exec(
        command,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT if merged else asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )


def _failure(what: str, said: str) -> DockerFailed:
    if any(words in said for words in _GONE):
        return DockerMissing("The Docker engine does not run.", "Start it: `systemctl start docker`, or `dockerd`.")
    if "permission denied" in said and "sock" in said:
        return DockerMissing("You may not use Docker.", "Join the group docker, or be root.")
    if "No such image" in said or "Unable to find image" in said:
        name = said.rpartition("image: ")[2].split()[0] if "image: " in said else "wanted"
        return ImageMissing(f"The image {name} is not there.", "Run `carga image build`.")
    said = said.partition("\n\nRun 'docker")[0]
    return DockerFailed(f"`docker {what}` failed: {said[-WORDS_MAX:] or 'it said nothing'}.")
