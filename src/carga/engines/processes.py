"""The processes of one browser: started together in a process group of their own, and ended together.

The first process leads the group, and its id is the browser's: whoever kills the group (the worker's watchdog, when the
worker is frozen or dead) reaches all of them. When one ends, the others are killed, since a browser without its
display or its driver is of no use.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

from carga.engines import account
from carga.engines.profile import Profile
from carga.errors import BrowserFailed

SAID_BYTES_MAX = 8192
READ_BYTES = 65536
KILL_WAIT_S = 10.0


class Processes:
    """`ended` is set as soon as one of them is gone; the rest is killed by then."""

    def __init__(self) -> None:
        """Makes the folder of the browser. Raises BrowserFailed when that is impossible."""
        self.pid = 0
        self.ended = asyncio.Event()
        self.ending = asyncio.Event()
        """Set when one has ended or is asked to."""
        self.how = ""
        """Which process ended first, and how."""
        self._loop = asyncio.get_running_loop()
        self._uid = account.browser_uid()
        try:
            self._profile = Profile()
        except OSError as error:
            raise BrowserFailed(f"No folder for a browser could be made: {error}.", "Free space in TMPDIR.") from error
        self.folder = self._profile.path
        self._running: dict[int, str] = {}
        self._stopped: set[int] = set()
        self._all_gone = asyncio.Event()
        self._said: dict[str, bytes] = {}
        self._heard: dict[str, tuple[re.Pattern[str], asyncio.Future[re.Match[str]]]] = {}

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Raises BrowserFailed when the program cannot be executed."""
        account.give(self.folder, self._uid)
        command = [*account.launcher(self._uid), *command]
        executable = shutil.which(command[0]) or command[0]
        said, says = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        usual = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        }
        try:
            pid = os.posix_spawn(
                executable,
                command,
                {**usual, **environment},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, says, 1),
                    (os.POSIX_SPAWN_DUP2, says, 2),
                ],
                setpgroup=self.pid,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM],
            )
        except OSError as error:
            os.close(said)
            raise BrowserFailed(
                f"{executable} could not be started: {error.strerror}.", "Run `carga doctor` to see what is wrong."
            ) from error
        finally:
            os.close(says)
            os.close(null)
        self.pid = self.pid or pid
        self._running[pid] = name
        os.set_blocking(said, False)
        self._said[name] = b""
        self._loop.add_reader(said, self._hear, name, said)
        watched = os.pidfd_open(pid)
        self._loop.add_reader(watched, self._reap, pid, watched)

    # --- what they say ---------------------------------------------------------------------------------

    async def hear(self, name: str, pattern: str) -> re.Match[str]:
        """Waits until process `name` has written what matches. Raises BrowserFailed when it ends before."""
        wanted = re.compile(pattern, re.MULTILINE)
        future: asyncio.Future[re.Match[str]] = self._loop.create_future()
        self._heard[name] = wanted, future
        self._look(name)
        gone = asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait((future, gone), return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
        finally:
            gone.cancel()
            future.cancel()
            self._heard.pop(name, None)
        raise BrowserFailed(f"The browser's {self.how}.")

    async def while_alive(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work`, and gives it up with BrowserFailed when one of them ends meanwhile."""
        task = asyncio.create_task(work)
        gone = asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            gone.cancel()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise BrowserFailed(f"The browser's {self.how}.")

    def said(self) -> str:
        """The end of what all of them said."""
        return "\n".join(text for data in self._said.values() if (text := data.decode(errors="replace").strip()))

    def _hear(self, name: str, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(fd)
            os.close(fd)
            return
        self._said[name] = (self._said[name] + data)[-SAID_BYTES_MAX:]
        self._look(name)

    def _look(self, name: str) -> None:
        if name not in self._heard:
            return
        wanted, future = self._heard[name]
        match = wanted.search(self._said[name].decode(errors="replace"))
        if match and not future.done():
            future.set_result(match)

    # --- the end ---------------------------------------------------------------------------------------

    def _reap(self, pid: int, watched: int) -> None:
        self._loop.remove_reader(watched)
        os.close(watched)
        status = None
        with contextlib.suppress(ChildProcessError):
            _, word = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(word)
        name = self._running.pop(pid)
        if not self.ended.is_set() and pid not in self._stopped:
            killed = status is not None and status < 0
            self.how = f"{name} was killed by signal {-(status or 0)}" if killed else f"{name} ended with {status}"
            self._kill_group()
            self.ended.set()
            self.ending.set()
        if not self._running:
            self._kill_group()  # what has outlived them
            self._all_gone.set()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def stop(self, name: str) -> None:
        """Ends one of them, but not the first, and none of the others."""
        for pid, known in self._running.items():
            if known == name and pid not in self._stopped:
                self._stopped.add(pid)
                os.kill(pid, signal.SIGKILL)

    def ask(self) -> None:
        """Asks the first one to end, with which the others end too; `end` sees to it."""
        if self.pid in self._running:
            os.kill(self.pid, signal.SIGTERM)
        self.ending.set()

    def kill(self) -> None:
        """Ends all of them at once; `ended` follows."""
        if self._running:
            self._kill_group()

    async def end(self, *, grace_s: float) -> None:
        """Waits `grace_s` for one to end by itself, then kills them all. The folder is removed. Never raises."""
        if self._running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self.ended.wait()
            self.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_WAIT_S):
                    await self._all_gone.wait()
        self.ended.set()
        await asyncio.to_thread(self._profile.remove)
