"""The demo as a child process of whoever wants to load it: tests, benchmarks."""

import contextlib
import select
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from carga.demo.stats import IdentitiesReport, StatsReport
from carga.errors import CargaError

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
ASK_TIMEOUT_S = 10.0


class _Ready(msgspec.Struct):
    url: str
    pid: int


class Demo:
    """A running demo. A context manager: leaving stops it. `url` is that of the guide's server, with a slash."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            ready = self._read_ready()
        except BaseException:
            self.stop()
            raise
        self.url = ready.url
        self.pid = ready.pid

    def __enter__(self) -> "Demo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stats(self) -> StatsReport:
        """What the server counted. Raises OSError when it does not answer."""
        return msgspec.json.decode(self._ask("_stats"), type=StatsReport)

    def identities(self) -> IdentitiesReport:
        """Who was seen, and when their WebSockets were open. Raises OSError when it does not answer."""
        return msgspec.json.decode(self._ask("_identities"), type=IdentitiesReport)

    def reset(self) -> None:
        """Lets the server count anew."""
        self._ask("_stats/reset", method="POST")

    def stop(self) -> None:
        """Ends the server, if need be with SIGKILL. Safe to call again."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def _ask(self, path: str, *, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310 - the URL is our child's
        with contextlib.closing(urllib.request.urlopen(request, timeout=ASK_TIMEOUT_S)) as answer:  # noqa: S310
            return bytes(answer.read())

    def _read_ready(self) -> _Ready:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], START_TIMEOUT_S)[0]:
            raise CargaError("The demo application did not start in time.", "This machine may be too busy.")
        try:
            return msgspec.json.decode(self.process.stdout.readline(), type=_Ready)
        except msgspec.MsgspecError:
            raise CargaError("The demo application did not start.", "It said why on stderr.") from None


def start(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ill: Sequence[str] = (),
    access_log: Path | None = None,
    data: Path | None = None,
    seed: int = 1,
    clock_s: float = 5.0,
    leak_cap_mb: int = 1024,
    require_identity: bool = False,
) -> Demo:
    """Starts the demo and waits until it serves. `ill` as for `--ill`. Raises CargaError when it does not start."""
    command = [sys.executable, "-m", "carga.demo", "--host", host, "--port", str(port)]
    command += ["--seed", str(seed), "--clock", f"{clock_s:g}"]
    command += ["--leak-cap-mb", str(leak_cap_mb)]
    for name in ill:
        command += ["--ill", name]
    if access_log is not None:
        command += ["--access-log", str(access_log)]
    if data is not None:
        command += ["--data", str(data)]
    if require_identity:
        command.append("--require-identity")
    return Demo(command)
