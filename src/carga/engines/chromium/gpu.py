"""Notices when a browser's GPU process ends. The browser starts another one at once and tells nobody."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Any

from carga.engines.chromium.connection import Connection
from carga.errors import CargaError

LOOK_AGAIN_S = 0.2
LOOKS_MAX = 25
"""A browser that has no GPU process for so long is not going to have one; frames without one are refused."""


class GpuWatch:
    def __init__(self, browser_pid: int, connection: Connection, on_lost: Callable[[], None]) -> None:
        self.pid = 0
        """0 while there is none, or where its number is of no use: in a namespace that is not ours."""
        self._browser_pid = browser_pid
        self._connection = connection
        self._on_lost = on_lost
        self._lost_pid = 0
        """The browser may name it for a moment more."""
        self._pidfd: int | None = None
        self._search: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises BrowserFailed or PageFailed as any command does."""
        if not await self._find():
            self._search = asyncio.create_task(self._find_again())

    async def _find(self) -> bool:
        answer: dict[str, Any] = await self._connection.call("SystemInfo.getProcessInfo")
        pids = [int(one["id"]) for one in answer["processInfo"] if one["type"] == "GPU" and one["id"] != self._lost_pid]
        if not pids:
            return False
        with contextlib.suppress(OSError):
            if os.getpgid(pids[0]) == self._browser_pid:
                self._pidfd = os.pidfd_open(pids[0])
                self.pid = pids[0]
                asyncio.get_running_loop().add_reader(self._pidfd, self._ended)
        return True

    async def _find_again(self) -> None:
        with contextlib.suppress(CargaError):
            for _ in range(LOOKS_MAX):
                if await self._find():
                    return
                await asyncio.sleep(LOOK_AGAIN_S)

    def _ended(self) -> None:
        self._lost_pid = self.pid
        self._forget()
        if self._connection.closed.is_set():
            return
        self._on_lost()
        self._search = asyncio.create_task(self._find_again())

    def _forget(self) -> None:
        self.pid = 0
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def close(self) -> None:
        self._forget()
        if self._search is not None:
            self._search.cancel()
