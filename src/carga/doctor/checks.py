"""The checks of `carga doctor`, one a function. Each looks at one thing and says what to do when it is not well."""

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from carga.doctor.capacity import Capacity, built_in_costs, estimate, file_limits, room_here, usable_cores
from carga.doctor.engines import EngineReport, engines
from carga.engines.chromium.find import find_chromium
from carga.errors import BrowserMissing

FDS_WANTED = 65_536
SHM_MB_WANTED = 64
SHM_NAME = "/dev/shm"  # noqa: S108 - it is what is looked at
SHM = Path(SHM_NAME)
DISK_MB_WANTED = 1024
"""Profiles of the browsers and the journal of a run."""
CORES_WANTED = 2
MEMORY_MB_WANTED = 2048
MEGABYTE = 1024 * 1024


class Check(msgspec.Struct, frozen=True):
    name: str
    state: Literal["ok", "warning", "problem"]
    """`problem`: no user can run here · `warning`: fewer users, or less safely."""
    finding: str
    remedy: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    usable: bool
    checks: list[Check]
    capacity: list[Capacity]
    """Estimates; empty when no user can run."""
    engines: list[EngineReport] = []


def diagnose() -> Diagnosis:
    """Starts a browser once, so it takes a second or two."""
    from carga.doctor.docker import docker_engine

    checks = [browser(), sandbox(), open_files(), shared_memory(), disk(), cores(), memory(), docker_engine()]
    usable = all(check.state != "problem" for check in checks)
    room = room_here()
    capacity = [estimate(cost, cores=room.cores, memory_mb=room.memory_mb, fds=room.fds) for cost in built_in_costs()]
    return Diagnosis(usable, checks, capacity if usable else [], engines())


def browser() -> Check:
    try:
        found = find_chromium()
    except BrowserMissing as error:
        return Check("browser", "problem", error.problem, error.remedy)
    finding = f"Chromium {found.version}, {found.path}"
    if found.kind != "headless-shell":
        return Check(
            "browser",
            "warning",
            f"{finding}: the full browser, which needs up to three times the memory of the headless shell",
            "Install the headless shell (Debian, Ubuntu: apt-get install chromium-headless-shell).",
        )
    return Check("browser", "ok", finding)


def sandbox() -> Check:
    """Starts a browser as a worker does and asks it for a page."""
    from carga.doctor.browser_trial import try_browser

    try:
        chromium = find_chromium()
    except BrowserMissing:
        return Check("sandbox", "warning", "not tried, because there is no browser")
    problem, allowed = asyncio.run(try_browser(chromium))
    if problem:
        return Check("sandbox", "problem", f"the browser does not start: {problem}", "See what it said, and mend that.")
    if not allowed.on:
        return Check(
            "sandbox",
            "warning",
            f"off: {allowed.reason}",
            "Load only pages that you trust, or allow user namespaces: docs/how-to/root-and-sandbox.md tells how.",
        )
    return Check("sandbox", "ok", f"on{f', browsers run as user {allowed.uid}' if allowed.uid else ''}")


def open_files() -> Check:
    soft, hard = file_limits()
    finding = f"{soft:,} open files for a process, up to {hard:,} allowed"
    if hard < FDS_WANTED:
        return Check(
            "open files",
            "warning",
            f"{finding}: about three for each connection",
            f"Raise the hard limit to {FDS_WANTED:,}: `ulimit -Hn {FDS_WANTED}` as root, or limits.conf.",
        )
    return Check("open files", "ok", finding)


def shared_memory() -> Check:
    try:
        size_mb = shutil.disk_usage(SHM).total / MEGABYTE
    except OSError:
        size_mb = 0.0
    if size_mb < SHM_MB_WANTED:
        return Check(
            SHM_NAME,
            "ok",
            f"{size_mb:.0f} MB: small, so browsers use the disk instead (--disable-dev-shm-usage)",
        )
    return Check(SHM_NAME, "ok", f"{size_mb:,.0f} MB")


def disk() -> Check:
    import tempfile

    free_mb = shutil.disk_usage(tempfile.gettempdir()).free / MEGABYTE
    finding = f"{free_mb:,.0f} MB free in {tempfile.gettempdir()}"
    if free_mb < DISK_MB_WANTED:
        return Check("disk", "warning", finding, "Free some, or point TMPDIR to a larger file system.")
    return Check("disk", "ok", finding)


def cores() -> Check:
    count = usable_cores()
    if count < CORES_WANTED:
        return Check(
            "cores", "warning", f"{count}", "Use a machine with at least 2, or carga and browsers disturb each other."
        )
    return Check("cores", "ok", f"{count}")


def memory() -> Check:
    state = psutil.virtual_memory()
    available_mb = state.available / MEGABYTE
    finding = f"{available_mb:,.0f} of {state.total / MEGABYTE:,.0f} MB available"
    if available_mb < MEMORY_MB_WANTED:
        return Check("memory", "warning", finding, "End what is not needed, or use a larger machine.")
    return Check("memory", "ok", finding)
