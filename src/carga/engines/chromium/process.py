"""Starts and ends one Chromium process with a DevTools pipe.

The browser reads commands on file descriptor 3 and writes answers on 4, NUL-separated JSON: no port is opened, and
the browser ends itself when the pipe closes, that is when its controller dies in whatever way. It leads a process
group of its own, which is killed as a whole, because renderers may outlive a browser that was killed alone.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
from typing import Protocol

from carga.engines.chromium.find import BrowserInfo
from carga.engines.chromium.sandbox import Sandbox
from carga.engines.profile import Profile
from carga.errors import BrowserFailed

_SAFE_FD_MIN = 10
"""Pipe ends are moved above the numbers 3 and 4, or giving them to the child could overwrite one with the other."""
STDERR_TAIL_BYTES = 4096
END_GRACE_S = 2.0
KILL_WAIT_S = 10.0


class Controlled(Protocol):
    """What a browser's pages and owner need of its process, wherever that runs."""

    pid: int
    command_fd: int
    answer_fd: int
    ended: asyncio.Event
    exit_status: int | None

    def stderr_tail(self) -> str: ...

    def kill(self) -> None: ...

    async def end(self, *, grace_s: float) -> None: ...


class BrowserProcess:
    """A running browser. `ended` is set once the process is gone."""

    def __init__(self, pid: int, command_fd: int, answer_fd: int, profile: Profile) -> None:
        self.pid = pid
        self.command_fd = command_fd
        self.answer_fd = answer_fd
        self.ended = asyncio.Event()
        self.exit_status: int | None = None
        self._profile = profile
        self._pidfd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(self.pid, os.WNOHANG)
            self.exit_status = os.waitstatus_to_exitcode(status)
        self._kill_group()  # renderers that outlived the browser
        self.ended.set()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def stderr_tail(self) -> str:
        """The end of what the browser said on stderr."""
        try:
            with (self._profile.path / "stderr.log").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - STDERR_TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def kill(self) -> None:
        """Ends all processes of the browser at once; `ended` follows."""
        if not self.ended.is_set():
            self._kill_group()

    async def end(self, *, grace_s: float = END_GRACE_S) -> None:
        """Waits `grace_s` for the browser to end by itself, then kills it. The profile is removed."""
        try:
            async with asyncio.timeout(grace_s):
                await self.ended.wait()
        except TimeoutError:
            self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_WAIT_S):
                await self.ended.wait()
        await asyncio.to_thread(self._profile.remove)


def start_process(browser: BrowserInfo, sandbox: Sandbox, flags: list[str]) -> BrowserProcess:
    """Starts `browser` with the pipe and `flags`. Raises BrowserFailed when the program cannot be executed."""
    profile = Profile()
    folder = profile.path
    sandbox.give(folder)
    child_reads, parent_writes = _pipe()
    parent_reads, child_writes = _pipe()
    stderr = os.open(folder / "stderr.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    command = [
        *sandbox.launcher(),
        str(browser.path),
        "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}",
        *sandbox.flags(),
        *flags,
        "about:blank",
    ]
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
    }
    executable = shutil.which(command[0]) or command[0]
    try:
        pid = os.posix_spawn(
            executable,
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
                (os.POSIX_SPAWN_DUP2, child_reads, 3),
                (os.POSIX_SPAWN_DUP2, child_writes, 4),
            ],
            setpgroup=0,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM],
        )
    except OSError as error:
        os.close(parent_writes)
        os.close(parent_reads)
        profile.remove()
        raise BrowserFailed(
            f"{executable} could not be started: {error.strerror}.", "Run `carga doctor` to see what is wrong."
        ) from error
    finally:
        for fd in (child_reads, child_writes, stderr, null):
            os.close(fd)
    return BrowserProcess(pid, parent_writes, parent_reads, profile)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    moved = (
        fcntl.fcntl(read, fcntl.F_DUPFD_CLOEXEC, _SAFE_FD_MIN),
        fcntl.fcntl(write, fcntl.F_DUPFD_CLOEXEC, _SAFE_FD_MIN),
    )
    os.close(read)
    os.close(write)
    return moved
