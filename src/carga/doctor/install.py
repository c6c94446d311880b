"""Installs browsers by the means of the system it runs on."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from carga.engines.chromium.find import ENVIRONMENT, MAJOR_MIN, find_chromium
from carga.engines.firefox import find as firefox
from carga.engines.firefox.find import find_firefox
from carga.engines.webkit import find as webkit
from carga.engines.webkit.find import find_webkit
from carga.errors import BrowserMissing, CargaError
from carga.exitcodes import ExitCode

PACKAGE = "chromium-headless-shell"
OS_RELEASE = Path("/etc/os-release")
INSTALL_TIMEOUT_S = 1200.0
_OWN_BROWSER = f"Or install Chromium {MAJOR_MIN} or newer yourself, and set {ENVIRONMENT} to its path."
_BY_HAND = "Or install it yourself: docs/reference/engines.md tells what each engine needs."
_PLAYWRIGHT = ("install", "--only-shell", "chromium")


class _Finder(Protocol):
    """Remembers what it has found."""

    def __call__(self) -> object: ...

    def cache_clear(self) -> None: ...


class InstallFailed(CargaError):
    """A browser could not be installed."""

    code = "install-failed"
    exit_code = ExitCode.NO_USER


def install_chromium(*, ask: bool) -> None:
    """Does nothing when a usable Chromium is there. Raises InstallFailed, also when what was installed does not run."""
    with contextlib.suppress(BrowserMissing):
        find_chromium()
        return
    if _is_debian() and _has_package(PACKAGE):
        _install_packages((PACKAGE,), ask=ask, otherwise=_OWN_BROWSER)
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


def install_firefox(*, ask: bool) -> None:
    """As `install_chromium`, from the distribution's packages alone."""
    _install_from_packages("Firefox", find_firefox, (firefox.PACKAGE,), ask=ask)


def install_webkit(*, ask: bool) -> None:
    """As `install_firefox`, with the display that it needs."""
    _install_from_packages("WebKitGTK", find_webkit, webkit.PACKAGES, ask=ask)


def _install_from_packages(title: str, find: "_Finder", packages: tuple[str, ...], *, ask: bool) -> None:
    with contextlib.suppress(BrowserMissing):
        find()
        return
    if not (_is_debian() and all(_has_package(package) for package in packages)):
        raise InstallFailed(f"This system has no package of {title} that carga knows.", _BY_HAND)
    _install_packages(packages, ask=ask, otherwise=_BY_HAND)
    find.cache_clear()
    try:
        find()
    except BrowserMissing as error:
        raise InstallFailed(f"{title} was installed, but is of no use: {error.problem}", _BY_HAND) from error


def _is_debian() -> bool:
    return is_debian_like(OS_RELEASE.read_text() if OS_RELEASE.exists() else "")


def is_debian_like(os_release: str) -> bool:
    """By the text of /etc/os-release."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in names or "ubuntu" in names


def _has_package(package: str) -> bool:
    """Ubuntu has only a snap of Chromium, which nobody can drive through a pipe."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], must=False)
    return _run(["apt-cache", "show", package], must=False)


def _install_packages(packages: tuple[str, ...], *, ask: bool, otherwise: str) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    names = " and ".join(packages)
    if os.geteuid() != 0:
        raise InstallFailed("Only root can install packages.", f"Run: sudo {' '.join(command)}")
    _confirm(f"Install {names}?", ask=ask, otherwise=otherwise)
    _say(f"installing {names}")
    _run(command, otherwise=otherwise)


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
    _confirm(f"Download the headless shell by `{' '.join(command)}`?", ask=ask, otherwise=_OWN_BROWSER)
    _say("downloading Chromium's headless shell")
    _run(command)


def _confirm(question: str, *, ask: bool, otherwise: str) -> None:
    if not ask or not sys.stdin.isatty():
        return
    _say(f"{question} [Y/n] ", end="")
    if sys.stdin.readline().strip().lower() not in {"", "y", "yes"}:
        raise InstallFailed("Nothing was installed.", f"A browser is needed to run users. {otherwise}")


def _run(command: list[str], *, must: bool = True, otherwise: str = _OWN_BROWSER) -> bool:
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
        raise InstallFailed(f"`{' '.join(command)}` did not run: {error}.", f"Try it by hand. {otherwise}") from error
    if must and done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InstallFailed(
            f"`{' '.join(command)}` failed: {' '.join(last) or 'no message'}.",
            f"Try it by hand, then run this again. {otherwise}",
        )
    return done.returncode == 0


def _say(text: str, end: str = "\n") -> None:
    print(text, file=sys.stderr, end=end, flush=True)
