"""Finds a Chromium that carga can drive."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from carga.errors import BrowserMissing

MAJOR_MIN = 120
"""Older ones lack the new headless mode's DevTools commands that the engine uses."""
ENVIRONMENT = "CARGA_CHROMIUM"
VERSION_TIMEOUT_S = 20.0

_NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
_PLAYWRIGHT_SHELL = "chromium_headless_shell-*/*/*headless*shell"


class BrowserInfo(msgspec.Struct, frozen=True):
    path: Path
    version: str
    """Such as 156.0.8078.79."""
    kind: Literal["headless-shell", "chromium"]

    @property
    def major(self) -> int:
        return int(self.version.split(".", 1)[0])


@cache
def find_chromium() -> BrowserInfo:
    """The browser named by CARGA_CHROMIUM, else the best one installed: a headless shell before a full browser.

    Raises BrowserMissing when there is none that is new enough, naming those that were looked at.
    """
    rejected: list[str] = []
    for path in _candidates():
        version = _version(path)
        if version is None:
            rejected.append(f"{path} does not tell its version")
            continue
        info = BrowserInfo(path, version, "headless-shell" if "headless" in path.name else "chromium")
        if info.major >= MAJOR_MIN:
            return info
        rejected.append(f"{path} is version {version}, older than {MAJOR_MIN}")
    looked = f" ({'; '.join(rejected)})" if rejected else ""
    raise BrowserMissing(
        f"No usable Chromium was found{looked}.",
        f"Run `carga browsers install`, or set {ENVIRONMENT} to the path of one.",
    )


def _candidates() -> list[Path]:
    if named := os.environ.get(ENVIRONMENT):
        return [Path(named)]
    found = [Path(path) for name in _NAMES if (path := shutil.which(name))]
    cache_directory = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    downloads = sorted(cache_directory.glob(_PLAYWRIGHT_SHELL), reverse=True)
    return [*found[:1], *downloads, *found[1:]] if found and "headless" in found[0].name else [*downloads, *found]


def _version(path: Path) -> str | None:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+\.\d+\.\d+\.\d+)", answer.stdout)
    return match[1] if match else None
