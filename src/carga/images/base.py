"""A Debian base for the images where no image registry can be reached: mmdebstrap makes it from packages."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from carga.containers.docker import ImageMissing, docker
from carga.errors import CargaError

MMDEBSTRAP = "mmdebstrap"
SUITE = "bookworm"
BASE_IMAGE = f"carga-base:{SUITE}"
MAKE_TIMEOUT_S = 1800.0
IMPORT_TIMEOUT_S = 300.0
_APT = Path("/etc/apt")
_OS_RELEASE = Path("/etc/os-release")


class BaseFailed(CargaError):
    """mmdebstrap made no base."""

    code = "base-failed"


def make_base(*, say: Callable[[str], None] = lambda _: None, again: bool = True) -> str:
    """Makes BASE_IMAGE, unless it is there and not wanted `again`. Returns its name. Raises BaseFailed, DockerFailed.

    Packages come from where this machine's own come from when it is of the same suite, so it works behind a mirror.
    """
    if not again and asyncio.run(_is_there()):
        return BASE_IMAGE
    program = shutil.which("mmdebstrap")
    if program is None:
        raise BaseFailed("mmdebstrap is not installed.", "Install it; Debian and Ubuntu: apt-get install mmdebstrap.")
    say(f"making {BASE_IMAGE} from packages")
    with tempfile.TemporaryDirectory(prefix="carga-base-") as folder:
        tar = Path(folder) / "base.tar"
        done = subprocess.run(
            [program, "--quiet", "--variant=minbase", SUITE, str(tar), *map(str, own_sources())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAKE_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise BaseFailed(
                f"mmdebstrap failed: {done.stderr.strip()[-500:]}",
                "Be root, or allow user namespaces, and see that apt reaches its mirror: apt-get update.",
            )
        asyncio.run(docker("import", str(tar), BASE_IMAGE, timeout_s=IMPORT_TIMEOUT_S))
    return BASE_IMAGE


async def _is_there() -> bool:
    try:
        await docker("image", "inspect", "--format", "{{.Id}}", BASE_IMAGE)
    except ImageMissing:
        return False
    return True


def own_sources(apt: Path = _APT, os_release: Path = _OS_RELEASE) -> list[Path]:
    """This machine's lists of packages that are about SUITE; none where it runs another system."""
    if not os_release.exists() or f"VERSION_CODENAME={SUITE}" not in os_release.read_text():
        return []
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    return [
        path
        for path in lists
        if path.suffix in {".list", ".sources"} and os.access(path, os.R_OK) and f" {SUITE}" in path.read_text()
    ]
