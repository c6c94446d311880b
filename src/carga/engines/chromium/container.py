"""A browser in a Docker container of its own, for one user.

The DevTools pipe is a pair of named pipes in a folder that is mounted into the container, read-only: no port is
opened, no byte goes through Docker, and the browser ends when the worker does, however that happens, even while
Docker is gone (docs/decisions/0005-containers.md). Docker starts the container, tells how it ended, and removes it.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping

from carga.containers.docker import DockerFailed, ImageMissing, docker
from carga.containers.limits import Limits, confinement
from carga.containers.network import SharedNetwork
from carga.containers.owner import Owner, labels
from carga.containers.sweep import sweep
from carga.engines.chromium.browser import ChromiumBrowser
from carga.engines.chromium.page import ChromiumPage
from carga.engines.chromium.sandbox import refused
from carga.engines.engine import PageListener, PageSettings
from carga.engines.profile import Profile
from carga.errors import BrowserFailed, BrowserMissing
from carga.images import SECCOMP, browser_image
from carga.model.plan import Rendering

START_TIMEOUT_S = 60.0
"""For Docker to start a container; many start at once on a busy machine."""
ASK_TIMEOUT_S = 10.0
"""How long a browser that is gone is not reported, at most, because Docker is asked how it ended."""
KILL_WAIT_S = 10.0
GRACE_S_MIN = 1.0
"""The pipe ends before the browser does, and its own exit status says more than that of a killed one."""
REMOVING_MAX = 4
"""Containers that are removed at the same time; each takes Docker a tenth of a second of CPU."""
SAID_LINES = 20
_WORLD = 0o755
_PIPE_MODE = 0o666
"""The user in the container is nobody here. Others do not reach the pipes: the folder around theirs is closed."""


class Containers:
    """Opens browsers in containers, in a network that is there as long as one of them."""

    def __init__(self) -> None:
        """Raises UsageError when the limits in the environment are none."""
        self._owner = Owner.this()
        self._limits = Limits.from_environment()
        self._network = SharedNetwork(self._owner)
        self._removing = asyncio.Semaphore(REMOVING_MAX)
        self._swept = False

    async def open(self, flags: list[str], rendering: Rendering, environment: Mapping[str, str]) -> "ContainerBrowser":
        """Raises BrowserMissing when there is no Docker or no image, BrowserFailed when it does not start."""
        try:
            if not self._swept:
                await sweep()
                self._swept = True
            process = ContainerProcess(self._limits, self._removing)
            try:
                await process.start(self._owner, self._network, flags, environment)
            except BaseException:
                process.close_pipes()
                await process.end(grace_s=0)
                raise
        except ImageMissing as error:
            raise BrowserMissing(error.problem, error.remedy) from error
        except (DockerFailed, OSError) as error:
            raise BrowserFailed(getattr(error, "problem", str(error)), getattr(error, "remedy", "")) from error
        browser = ContainerBrowser(process, rendering)
        try:
            await browser.start()
        except BaseException:
            await browser.close()
            raise
        return browser


class ContainerProcess:
    """A container and its first process, which is the browser's. `ended` is set when it is known how it ended."""

    def __init__(self, limits: Limits, removing: asyncio.Semaphore) -> None:
        """Raises OSError when no folder or pipe can be made."""
        self.name = f"carga-{secrets.token_hex(6)}"
        self.pid = 0
        """As this machine counts; it leads a process group of the same number. 0: not started."""
        self.ended = asyncio.Event()
        self.exit_status: int | None = None
        self.hit_memory_limit = False
        self.limits = limits
        self._said = ""
        self._removing = removing
        self._profile = Profile()
        self._pipes = self._profile.path / "pipes"
        self._pipes.mkdir()
        self._pipes.chmod(_WORLD)
        for name in ("commands", "answers"):
            os.mkfifo(self._pipes / name)
            (self._pipes / name).chmod(_PIPE_MODE)
        # Reading too: whoever only writes has to wait for the reader.
        self.command_fd = os.open(self._pipes / "commands", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.answer_fd = os.open(self._pipes / "answers", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._pidfd = -1
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = contextlib.AsyncExitStack()
        self._created = False

    async def start(
        self, owner: Owner, network: SharedNetwork, flags: list[str], environment: Mapping[str, str]
    ) -> None:
        """Raises DockerFailed, or BrowserFailed when the container ends at once."""
        name = await self._held.enter_async_context(network.used())
        self._created = True
        await docker(
            *("run", "--detach", f"--name={self.name}", *labels(owner), f"--network={name}"),
            *confinement(SECCOMP),
            *self.limits.options(),
            f"--mount=type=bind,source={self._pipes},target=/carga,readonly",
            # By name only: the values are in the command's environment, where `ps` does not show them.
            *(option for variable in environment for option in ("--env", variable)),
            *(browser_image(), *flags),
            timeout_s=START_TIMEOUT_S,
            environment=environment,
        )
        self.pid = int(await docker("inspect", "--format={{.State.Pid}}", self.name))
        try:
            if not self.pid:
                raise ProcessLookupError
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            await self._ask()
            raise BrowserFailed(
                f"The browser's container ended at once: {self.how()}. {self._said}", "See `carga doctor`."
            ) from None
        asyncio.get_running_loop().add_reader(self._pidfd, self._gone)

    def how(self) -> str:
        """How it ended, for people."""
        if self.hit_memory_limit:
            return f"the container hit its memory limit of {self.limits.memory_mb} MB"
        if self.exit_status is None:
            return "nobody knows how, because Docker does not answer"
        return f"the container ended with status {self.exit_status}"

    def stderr_tail(self) -> str:
        return self._said

    def kill(self) -> None:
        """Ends all its processes at once; `ended` follows. When its first process goes, the kernel kills the others."""
        if self._pidfd < 0:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except PermissionError:  # it belongs to another user, and we are not root
            self._spawn(self._kill_by_docker())
        except ProcessLookupError:
            pass

    async def end(self, *, grace_s: float) -> None:
        """Waits `grace_s` for the browser to end by itself, then kills it. Container and folder are removed."""
        if self.pid:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(grace_s, GRACE_S_MIN)):
                    await self.ended.wait()
            self.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_WAIT_S + ASK_TIMEOUT_S):
                    await self.ended.wait()
        self.ended.set()
        if self._created:
            with contextlib.suppress(DockerFailed):  # whoever comes next sweeps
                async with self._removing:
                    await docker("rm", "--force", "--volumes", self.name)
        await self._held.aclose()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._profile.remove)

    def close_pipes(self) -> None:
        """For one that never got a connection, which closes them otherwise."""
        for fd in (self.command_fd, self.answer_fd):
            os.close(fd)

    def _gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._spawn(self._ask())

    async def _ask(self) -> None:
        """How it ended and what it said last."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await docker("wait", self.name, timeout_s=ASK_TIMEOUT_S)
                state = await docker("inspect", "--format={{.State.OOMKilled}} {{.State.ExitCode}}", self.name)
                killed, status = state.split()
                self.hit_memory_limit, self.exit_status = killed == "true", int(status)
                self._said = await docker("logs", f"--tail={SAID_LINES}", self.name, merged=True)
        except (DockerFailed, TimeoutError):
            pass  # Docker is gone too; how() says so
        finally:
            self.ended.set()

    async def _kill_by_docker(self) -> None:
        with contextlib.suppress(DockerFailed):
            await docker("kill", self.name, timeout_s=KILL_WAIT_S)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ContainerBrowser(ChromiumBrowser):
    """Its only page takes the container along when it is lost, so that the user goes on in a new one."""

    _process: ContainerProcess

    def __init__(self, process: ContainerProcess, rendering: Rendering) -> None:
        super().__init__(process, rendering)
        self._page_lost = ""

    @property
    def reason(self) -> str:
        if self._expected or not self.closed.is_set():
            return ""
        if self._page_lost and not self._process.hit_memory_limit:
            return self._page_lost
        how = self._process.how()
        return f"{how[0].upper()}{how[1:]}."

    async def start(self) -> None:
        try:
            await super().start()
        except BrowserFailed as error:
            if self._connection.closed.is_set():
                await self.closed.wait()
            said = self._process.stderr_tail()
            if refused(said):
                raise BrowserFailed(
                    "Chromium may not have its sandbox in a container here.",
                    "Allow user namespaces; Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0.",
                ) from error
            how = f"{self._process.how()}. {said[-500:]}" if self.closed.is_set() else error.problem
            raise BrowserFailed(
                f"Chromium did not start in its container: {how}", "Run `carga doctor` to see what is wrong."
            ) from error

    async def open_page(self, settings: PageSettings, listener: PageListener) -> ChromiumPage:
        return await super().open_page(settings, _LosesAll(listener, self._lose))

    def _lose(self, reason: str) -> None:
        """Chromium's other processes live on when one of them is killed, also for want of memory."""
        self._page_lost = reason
        self._process.kill()


class _LosesAll:
    """Passes everything on, but for the loss of the page."""

    def __init__(self, listener: PageListener, lose: Callable[[str], None]) -> None:
        self.on_batch = listener.on_batch
        self.on_network_error = listener.on_network_error
        self.on_count = listener.on_count
        self.on_lost = lose
