"""Finds a Firefox that carga can drive."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import msgspec

from carga.errors import BrowserMissing

MAJOR_MIN = 153
"""The first ESR with every BiDi command that the engine uses: identities, headers and cache for each user context."""
ENVIRONMENT = "CARGA_FIREFOX"
VERSION_TIMEOUT_S = 20.0
PACKAGE = "firefox-esr"
_NAMES = ("firefox-esr", "firefox")


class FirefoxInfo(msgspec.Struct, frozen=True):
    path: Path
    version: str
    """Such as 153.7.0esr."""


@cache
def find_firefox() -> FirefoxInfo:
    """The browser named by CARGA_FIREFOX, else the one installed. Raises BrowserMissing when none is new enough."""
    rejected: list[str] = []
    for path in _candidates():
        version = _version(path)
        if version is None:
            rejected.append(f"{path} does not tell its version")
        elif int(version.split(".", 1)[0]) < MAJOR_MIN:
            rejected.append(f"{path} is version {version}, older than {MAJOR_MIN}")
        else:
            return FirefoxInfo(path, version)
    looked = f" ({'; '.join(rejected)})" if rejected else ""
    raise BrowserMissing(
        f"No usable Firefox was found{looked}.",
        f"Run `carga browsers install firefox`, on Debian that is `apt-get install {PACKAGE}`; or set {ENVIRONMENT} to"
        " the path of one.",
    )


def _candidates() -> list[Path]:
    if named := os.environ.get(ENVIRONMENT):
        return [Path(named)]
    return [Path(path) for name in _NAMES if (path := shutil.which(name))]


def _version(path: Path) -> str | None:
    told = path.resolve().with_name("application.ini")  # quicker than asking the browser
    if told.is_file() and (match := re.search(r"^Version=(\d+\.\S+)", told.read_text(encoding="utf-8"), re.MULTILINE)):
        return match[1]
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"Firefox (\d+\.\S+)", answer.stdout)
    return match[1] if match else None
