"""Notices that a process in which pages run has ended, of which neither the driver nor the inspector says a word."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

_NAME = "WebKitWebProces"
"""As the kernel cuts it."""
_PROC = Path("/proc")


class CrashWatch:
    """`on_end` is called for each of these processes of the group `group` that ends."""

    def __init__(self, group: int, on_end: Callable[[], None]) -> None:
        self._group = group
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._watched: dict[int, int] = {}
        """Process to its file descriptor."""

    def look(self) -> None:
        """Takes those that have come since the last time."""
        for directory in _PROC.iterdir():
            if not directory.name.isdigit() or int(directory.name) in self._watched:
                continue
            try:
                if (directory / "comm").read_text().strip() != _NAME:
                    continue
                pid = int(directory.name)
                if os.getpgid(pid) == self._group:
                    self._watched[pid] = watched = os.pidfd_open(pid)
                    self._loop.add_reader(watched, self._ended, pid)
            except OSError:
                continue  # ended meanwhile

    def _ended(self, pid: int) -> None:
        self._forget(pid)
        self._on_end()

    def _forget(self, pid: int) -> None:
        watched = self._watched.pop(pid)
        self._loop.remove_reader(watched)
        os.close(watched)

    def close(self) -> None:
        for pid in list(self._watched):
            self._forget(pid)
