"""What places have in common whose coordinator runs on this machine: it and the workers are processes of their own,
watched and started again when they die. Where the workers are is for each place to say.

The listening socket belongs to this process and is handed to the coordinator, so a coordinator that is started
again has the same address, and a connection made in between waits instead of being refused.
"""

import errno
import secrets
import socket
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from carga.errors import UsageError
from carga.exitcodes import ExitCode
from carga.places.supervisor import Child, ChildSpec, Restarts, Supervisor

PORT = 8911
PORTS_TRIED = 50
BACKLOG = 512
"""Workers and live pages that connect while the coordinator is started again."""
COORDINATOR_RESTARTS_MAX = 5
WORKER_RESTARTS_MAX = 10
"""In one run, of all workers together."""
TOKEN_BYTES = 24
_RUN_ENDED = frozenset(int(code) for code in ExitCode if code is not ExitCode.INTERNAL)
"""Exit codes with which a coordinator tells the verdict. All else is an accident."""
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to connect to when this machine listens everywhere
WORKER_FINAL_CODES = frozenset({ExitCode.PASSED, ExitCode.USAGE, ExitCode.INTERRUPTED})
_PASSABLE = 0o711
"""Browsers run as a user of their own, who must get through to what is theirs."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class PortTaken(UsageError):
    """Somebody else listens there."""

    code = "port-taken"


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    plan: Path
    """The copy in the run folder, with its behaviours and CSVs."""
    out: Path
    workers: int
    users_max: int
    """Of each worker: all users of the plan, so that the last worker alive can take everybody."""
    engine: str = ""
    """Instead of the plan's engines: "fake" in tests."""
    forced: str = ""
    """What is too much for the machine and done all the same, for the report."""


class HostedPlace(ABC):
    """Use as an async context manager; nothing that it started is left afterwards."""

    def __init__(
        self, options: PlaceOptions, *, listening: socket.socket, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self.options = options
        self._socket = listening
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.host, self.port = listening.getsockname()[:2]
        self.access_token = None if self.host in LOOPBACK else secrets.token_urlsafe(TOKEN_BYTES)
        self.supervisor = Supervisor(logs=options.out / "logs", report=report)
        self.workers: list[Child] = []
        self.scratch = tempfile.TemporaryDirectory(prefix="carga-", ignore_cleanup_errors=True)
        """Holds the profiles of browsers whose worker was killed before it could remove them."""
        Path(self.scratch.name).chmod(_PASSABLE)

    @property
    def address(self) -> str:
        """HOST:PORT to reach the coordinator from this machine."""
        return f"{bracketed(ANY.get(self.host, self.host))}:{self.port}"

    @property
    def page(self) -> str:
        """URL of the live page, as other machines know it when they may see it."""
        if self.access_token is None:
            return f"http://{self.address}/"
        host = socket.gethostname() if self.host in ANY else self.host
        return f"http://{bracketed(host)}:{self.port}/?token={self.access_token}"

    async def __aenter__(self) -> "HostedPlace":
        await self.supervisor.__aenter__()
        self.coordinator = self.supervisor.start(self._coordinator())
        restarts = Restarts(WORKER_RESTARTS_MAX)
        self.workers = [
            self.supervisor.start(self._worker(number, restarts)) for number in range(1, self.options.workers + 1)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.supervisor.__aexit__(kind, error, trace)
        finally:
            self._socket.close()
            self.scratch.cleanup()

    def _coordinator(self) -> ChildSpec:
        fd = self._socket.fileno()
        environment = {"CARGA_TOKEN": self.token}
        if self.access_token:
            environment["CARGA_ACCESS_TOKEN"] = self.access_token
        return ChildSpec(
            name="coordinator",
            command=(
                *carga_command("coordinator"),
                *("--plan", str(self.options.plan), "--out", str(self.options.out)),
                *("--fd", str(fd), "--host", self.host, "--port", str(self.port)),
                *(("--forced", self.options.forced) if self.options.forced else ()),
            ),
            environment=environment,
            pass_fds=(fd,),
            final_codes=_RUN_ENDED,
            restarts=Restarts(COORDINATOR_RESTARTS_MAX),
        )

    @abstractmethod
    def _worker(self, number: int, restarts: Restarts) -> ChildSpec:
        """How worker `number` of this place is started."""


def listen(host: str, port: int | None) -> socket.socket:
    """A listening socket on `port`, or on the first free one from 8911 when it is None. Raises UsageError."""
    wanted = range(PORT, PORT + PORTS_TRIED) if port is None else [port]
    for candidate in wanted:
        try:
            return _bind(host, candidate)
        except PermissionError as error:
            raise UsageError(
                f"Port {candidate} is not allowed for you.", "Choose one above 1023 with --port."
            ) from error
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno != errno.EADDRINUSE:
                raise UsageError(
                    f"Nobody can listen on {host}: {error.strerror or error}.",
                    "Name an address of this machine with --host.",
                ) from error
    if port is not None:
        raise PortTaken(f"Port {port} of {host} is taken.", "Choose another with --port, or leave it out.")
    raise PortTaken(f"Ports {PORT} to {PORT + PORTS_TRIED - 1} of {host} are all taken.", "Choose another with --port.")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def carga_command(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "carga", command)
