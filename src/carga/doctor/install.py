"""Installs Chromium by the means of the system it runs on."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from carga.engines.chromium.find import ENVIRONMENT, MAJOR_MIN, find_chromium
from carga.errors import BrowserMissing, CargaError
from carga.exitcodes import ExitCode

PACKAGE = "chromium-headless-shell"
OS_RELEASE = Path("/etc/os-release")
INSTALL_TIMEOUT_S = 1200.0
_OWN_BROWSER = f"Or install Chromium {MAJOR_MIN} or newer yourself, and set {ENVIRONMENT} to its path."
_PLAYWRIGHT = ("install", "--only-shell", "chromium")


class InstallFailed(CargaError):
    """A browser could not be installed."""

    code = "install-failed"
    exit_code = ExitCode.NO_USER


def install_chromium(*, ask: bool) -> None:
    """Does nothing when a usable Chromium is there. Raises InstallFailed, also when what was installed does not run."""
    with contextlib.suppress(BrowserMissing):
        find_chromium()
        return
    if is_debian_like(OS_RELEASE.read_text() if OS_RELEASE.exists() else "") and _has_package():
        _install_package(ask=ask)
    else:
        _download(ask=ask)
    find_chromium.cache_clear()
    try:
        find_chromium()
    except BrowserMissing as error:
        raise InstallFailed(
            f"The browser was installed, but is of no use: {error.problem}",
            "If it does not tell its version, libraries of the system are missing: on Debian and Ubuntu, "
            f"`playwright install-deps chromium` as root installs them. {_OWN_BROWSER}",
        ) from error


def is_debian_like(os_release: str) -> bool:
    """By the text of /etc/os-release."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in names or "ubuntu" in names


def _has_package() -> bool:
    """Ubuntu has only a snap of Chromium, which nobody can drive through a pipe."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], must=False)
    return _run(["apt-cache", "show", PACKAGE], must=False)


def _install_package(*, ask: bool) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", PACKAGE]
    if os.geteuid() != 0:
        raise InstallFailed("Only root can install packages.", f"Run: sudo {' '.join(command)}")
    _confirm(f"Install the package {PACKAGE}?", ask=ask)
    _say(f"installing {PACKAGE}")
    _run(command)


def _download(*, ask: bool) -> None:
    """Playwright's own installer, in Python or by Node, whichever is there."""
    beside = Path(sys.executable).with_name("playwright")
    if playwright := str(beside) if beside.exists() else shutil.which("playwright"):
        command = [playwright, *_PLAYWRIGHT]
    elif npx := shutil.which("npx"):
        command = [npx, "--yes", "playwright", *_PLAYWRIGHT]
    else:
        raise InstallFailed(
            "This system has no package of Chromium that carga knows, and no Playwright to download one.",
            f"Run `{sys.executable} -m pip install playwright`, then this again. {_OWN_BROWSER}",
        )
    _confirm(f"Download the headless shell by `{' '.join(command)}`?", ask=ask)
    _say("downloading Chromium's headless shell")
    _run(command)


def _confirm(question: str, *, ask: bool) -> None:
    if not ask or not sys.stdin.isatty():
        return
    _say(f"{question} [Y/n] ", end="")
    if sys.stdin.readline().strip().lower() not in {"", "y", "yes"}:
        raise InstallFailed("Nothing was installed.", f"A browser is needed to run users. {_OWN_BROWSER}")


def _run(command: list[str], *, must: bool = True) -> bool:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(
            f"`{' '.join(command)}` did not run: {error}.", f"Try it by hand. {_OWN_BROWSER}"
        ) from error
    if must and done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InstallFailed(
            f"`{' '.join(command)}` failed: {' '.join(last) or 'no message'}.",
            f"Try it by hand, then run this again. {_OWN_BROWSER}",
        )
    return done.returncode == 0


def _say(text: str, end: str = "\n") -> None:
    print(text, file=sys.stderr, end=end, flush=True)
