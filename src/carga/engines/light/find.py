"""Finds Lightpanda: the program in the wheel that the extra `light` installs."""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path

import msgspec

from carga.engines.account import browser_uid
from carga.errors import BrowserMissing

VERSION_MIN = (1, 0)
"""Older ones have no Unix socket, no resource timing and no limit of connections that could be raised."""
ENVIRONMENT = "CARGA_LIGHT"
VERSION_TIMEOUT_S = 20.0
REMEDY = f"Run `pip install 'carga[light]'`, or set {ENVIRONMENT} to the path of a Lightpanda."


class LightInfo(msgspec.Struct, frozen=True):
    path: Path
    version: str
    """Such as 1.0.2."""


@cache
def find_light() -> LightInfo:
    """The program named by CARGA_LIGHT, else that of the package `lightpanda`. Raises BrowserMissing."""
    path = _candidate()
    if path is None:
        raise BrowserMissing("Lightpanda is not installed.", REMEDY)
    version = _version(path)
    if version is None:
        raise BrowserMissing(f"{path} does not tell its version, so it is no Lightpanda that runs here.", REMEDY)
    if tuple(map(int, version.split(".")[:2])) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        raise BrowserMissing(f"{path} is Lightpanda {version}, older than {wanted}.", REMEDY)
    _check_access(path)
    return LightInfo(path, version)


def _candidate() -> Path | None:
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    package = importlib.util.find_spec("lightpanda")
    if package is not None and package.origin:
        return Path(package.origin).with_name("lightpanda")
    found = shutil.which("lightpanda")
    return Path(found) if found else None


def _version(path: Path) -> str | None:
    try:
        answer = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+\.\d+(?:\.\d+)?)", answer.stdout + answer.stderr)
    return match[1] if match else None


def _check_access(path: Path) -> None:
    """Lightpanda has no sandbox, so root starts it as somebody who owns nothing, and who must be able to reach it."""
    if browser_uid() is None:
        return
    real = path.resolve()
    for one in (real, *real.parents):
        if not one.stat().st_mode & stat.S_IXOTH:
            raise BrowserMissing(
                f"{real} cannot be run by an unprivileged user, since {one} is closed to others, and root is too much"
                " for a browser that has no sandbox.",
                "Run carga as an ordinary user, or install it where everybody may read.",
            )
