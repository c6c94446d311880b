"""Builds the images from the Dockerfile beside this file, with what this machine has: its packages' indexes for Python
are pip's as configured here, so the build itself needs none, and nothing of the configuration is left in an image."""

import asyncio
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

import carga
from carga.containers.docker import DockerFailed, docker
from carga.errors import CargaError, UsageError
from carga.images import FILES, browser_image, worker_image
from carga.images.base import MMDEBSTRAP, make_base

DEFAULT_BASE = "debian:bookworm-slim"
BUILD_TIMEOUT_S = 1800.0
PIP_TIMEOUT_S = 600.0
CONTENT_LABEL = "carga.content"
"""What of carga is in the worker image: `content()` when it was built."""
_GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
"""Wheels that run on Debian 12 and newer."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PACKAGE = Path(carga.__file__).parent


class BuildFailed(CargaError):
    """An image could not be built."""

    code = "build-failed"


def build(
    *,
    base: str = DEFAULT_BASE,
    apt: Path | None = None,
    engine: str = "chromium",
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Builds the browser's and the worker's image. `base` is a Debian image, or `mmdebstrap` to make one.

    `apt` is an apt configuration (such as /etc/apt) to build with. Raises DockerFailed, BuildFailed or UsageError.
    """
    if engine != "chromium":
        raise UsageError(f"No image has the engine {engine}.", "Leave --engine out: containers run chromium.")
    if apt is not None and not apt.is_dir():
        raise UsageError(f"{apt} is no folder.", "Name a folder like /etc/apt with --apt.")
    if base == MMDEBSTRAP:
        base = make_base(say=say, again=False)
    with tempfile.TemporaryDirectory(prefix="carga-image-") as folder:
        context = Path(folder)
        for name in ("Dockerfile", "browser.sh"):
            shutil.copyfile(FILES / name, context / name)
        (context / "apt").mkdir()
        (context / "site").mkdir()
        if apt is not None:
            shutil.copytree(apt, context / "apt", dirs_exist_ok=True)
        asyncio.run(_build(context, base, say))


async def _build(context: Path, base: str, say: Callable[[str], None]) -> None:
    say(f"building {browser_image()} from {base}")
    await _tagged(context, base, "browser", browser_image())
    say(f"building {worker_image()}")
    python = await _target(context, base, "python")
    version = await docker(
        "run",
        "--rm",
        "--network=none",
        "--entrypoint=python3",
        python,
        "-c",
        "import sys; print(sys.version.split()[0])",
    )
    await asyncio.to_thread(_fill_site, context / "site", version.rpartition(".")[0])
    await _tagged(context, base, "worker", worker_image(), f"--label={CONTENT_LABEL}={content()}")


async def _tagged(context: Path, base: str, target: str, name: str, *options: str) -> None:
    """The image that had the name before is removed, unless something still uses it: it is half a gigabyte."""
    before = await docker("images", "--quiet", "--no-trunc", name)
    after = await _target(context, base, target, "--tag", name, *options)
    if before and before != after:
        with contextlib.suppress(DockerFailed):
            await docker("rmi", before)


async def _target(context: Path, base: str, target: str, *options: str) -> str:
    """Returns the image's id."""
    # The host's network, as this machine's own resolver and mirrors may listen on its loopback address.
    proxies = [option for name in _PROXIES if name in os.environ for option in ("--build-arg", name)]
    try:
        said = await docker(
            *("build", "--quiet", "--network=host", f"--target={target}", f"--build-arg=BASE={base}"),
            *proxies,
            *options,
            str(context),
            timeout_s=BUILD_TIMEOUT_S,
        )
    except DockerFailed as error:
        if type(error) is not DockerFailed:
            raise
        remedy = (
            "Behind a mirror, name its apt configuration: --apt /etc/apt. Where no image registry can be reached: "
            f"--base {MMDEBSTRAP}."
        )
        raise BuildFailed(f"The image's part {target} was not built. {error.problem}", remedy) from error
    return said.splitlines()[-1]


def _fill_site(site: Path, version: str) -> None:
    """Puts carga and what it depends on, in the versions of this environment, into `site` for Python `version`."""
    have = "\n".join(sorted(f"{one.name}=={one.version}" for one in distributions() if one.name != "carga"))
    constraints = site.with_name("constraints.txt")
    constraints.write_text(have)
    wheels = [option for glibc in _GLIBC for option in ("--platform", f"{glibc}_{platform.machine()}")]
    command = [
        *_pip(),
        *("install", "--quiet", "--no-compile", "--only-binary=:all:", "--target", str(site)),
        *("--implementation=cp", f"--python-version={version}", *wheels, "--constraint", str(constraints)),
        *_requirements(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    constraints.unlink()
    if done.returncode != 0:
        raise BuildFailed(
            f"pip could not get what the worker needs: {done.stderr.strip()[-500:]}",
            "See that pip reaches its index: `pip download msgspec`.",
        )
    shutil.copytree(_PACKAGE, site / "carga", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (site / "bin", site / "__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)


def _requirements() -> list[str]:
    try:
        wanted = requires("carga") or []
    except PackageNotFoundError as error:
        raise BuildFailed("carga is not installed as a package.", "Install it: pip install carga.") from error
    return [one for one in wanted if "extra ==" not in one]


def _pip() -> list[str]:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found]
    raise BuildFailed("There is no pip here.", "Install it; Debian and Ubuntu: apt-get install python3-pip.")


def content() -> str:
    """A digest of carga's own files, which tells whether an image has the same ones."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(_PACKAGE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
