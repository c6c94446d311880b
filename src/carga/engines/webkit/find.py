"""Finds the programs of WebKitGTK that carga drives, and the display that they need."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

from carga.errors import BrowserMissing

VERSION_MIN = (2, 50)
"""The first one that the engine was built for; the inspector's protocol changes between versions."""
ENVIRONMENT = "CARGA_WEBKIT"
VERSION_TIMEOUT_S = 20.0
PACKAGES = ("webkit2gtk-driver", "xvfb")
_DRIVER = "WebKitWebDriver"
_DISPLAY = "Xvfb"
_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/libexec")
_BROWSERS = ("*/webkit2gtk-4.1/MiniBrowser", "*/webkitgtk-6.0/MiniBrowser", "webkit2gtk-4.1/MiniBrowser")
_LIBRARIES = ("libwebkit2gtk-4.1.so.0", "libwebkitgtk-6.0.so.4")
_ASK = """
import ctypes, sys
for name in sys.argv[1:]:
    try:
        library = ctypes.CDLL(name)
    except OSError:
        continue
    print(*(getattr(library, f"webkit_get_{part}_version")() for part in ("major", "minor", "micro")), sep=".")
    break
"""


class WebkitInfo(msgspec.Struct, frozen=True):
    path: Path
    """MiniBrowser."""
    driver: Path
    display: Path
    version: str
    """Such as 2.50.6."""


@cache
def find_webkit() -> WebkitInfo:
    """MiniBrowser named by CARGA_WEBKIT, else the one of the package. Raises BrowserMissing, naming what is missing."""
    driver, display, browser = shutil.which(_DRIVER), shutil.which(_DISPLAY), _browser()
    found = {_DRIVER: driver, "MiniBrowser": browser, _DISPLAY: display}
    missing = [name for name, path in found.items() if path is None]
    if missing or not (driver and display and browser):
        raise _missing(f"WebKitGTK cannot be used: {', '.join(missing)} is missing.")
    version = _version()
    if version is None:
        raise _missing("WebKitGTK does not tell its version.")
    if tuple(map(int, version.split(".")[:2])) < VERSION_MIN:
        raise _missing(f"WebKitGTK is version {version}, older than {'.'.join(map(str, VERSION_MIN))}.")
    return WebkitInfo(browser, Path(driver), Path(display), version)


def _missing(problem: str) -> BrowserMissing:
    return BrowserMissing(
        problem,
        "Run `carga browsers install webkit`, on Debian that is"
        f" `apt-get install {' '.join(PACKAGES)}`; {ENVIRONMENT} may name the path of a MiniBrowser.",
    )


def _browser() -> Path | None:
    if named := os.environ.get(ENVIRONMENT):
        return Path(named) if os.access(named, os.X_OK) else None
    for folder in _FOLDERS:
        for pattern in _BROWSERS:
            for path in sorted(Path(folder).glob(pattern)):
                return path
    return None


def _version() -> str | None:
    """MiniBrowser tells it only where there is a display, so the library is asked, in a process of its own."""
    try:
        answer = subprocess.run(
            [sys.executable, "-I", "-c", _ASK, *_LIBRARIES],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
