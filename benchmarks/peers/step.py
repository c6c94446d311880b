"""One step: one tool, one number of users, a fresh server, one window of time."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from benchmarks.peers.family import Family, cost, machine_cpu_s
from benchmarks.peers.install import Installed
from benchmarks.peers.serverlog import ServerLog
from benchmarks.peers.tools import Tool
from carga.model.histogram import Histogram

SETTLE_S = 3.0
LOOK_EVERY_S = 0.25
END_GRACE_S = 20.0
"""For the tool to end by itself after an interrupt; carga writes its report then."""
PEER_END_GRACE_S = 2.0
"""A peer's sessions never end, so there is nothing to wait for."""
WORDS_MAX = 400
"""Of what a tool said first, and as much of what it said last, kept with a step that failed."""


class Timing(msgspec.Struct, frozen=True):
    seconds: float
    """The window that is measured."""
    start_s: float = 40.0
    start_user_s: float = 0.5
    start_max_s: float = 180.0

    def start_limit_s(self, users: int) -> float:
        """By then all users must act."""
        return min(self.start_s + self.start_user_s * users, self.start_max_s)


class Step(msgspec.Struct, kw_only=True):
    tool: str
    users: int
    round: int
    at: str
    """When, UTC."""
    error: str = ""
    """Why there is nothing measured below, or not all."""
    ended: bool = False
    """Whether the tool ended by itself, too early."""
    tries: int = 1
    """2: the tool ended by itself the first time."""
    started_users: int = 0
    """How many of the users ever acted."""
    start_s: float | None = None
    """From starting the tool to the first action of the last user."""
    seconds: float = 0.0
    actions_per_s: float = 0.0
    """That the server saw."""
    acting_users: int = 0
    """Different users that acted within the window."""
    sockets_min: int = 0
    """The fewest WebSockets that were open at any moment of the window."""
    page_p50_ms: float | None = None
    page_p95_ms: float | None = None
    """From the key's event to the changed DOM, as the pages told the server."""
    own_count: int = 0
    own_p50_ms: float | None = None
    own_p95_ms: float | None = None
    """As the tool measured it."""
    cores: float = 0.0
    python_cores: float = 0.0
    memory_mb: float = 0.0
    processes: int = 0
    server_cores: float = 0.0
    other_cores: float = 0.0
    """Used by whatever else ran on the machine."""


class Server:
    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.url = f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        self.log = ServerLog(folder / "server.log")

    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.peers.server", "--log", str(folder / "server.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(folder, process)
        finally:
            process.terminate()


def run_step(tool: Tool, users: int, number: int, timing: Timing, installed: Installed) -> Step:
    """Never raises for what the tool does: a step that fails says why."""
    step = Step(tool=tool.name, users=users, round=number, at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    with tempfile.TemporaryDirectory(prefix="carga-peers-", ignore_cleanup_errors=True) as directory:
        folder = Path(directory)
        with server(folder) as site:
            family = Family(site.process.pid)
            command, added = tool.command(folder, site.url, users, installed)
            environment = {**os.environ, **added, **({"TMPDIR": directory} if tool.peer else {})}
            with (folder / "said").open("w") as said:
                begun = time.time()
                process = subprocess.Popen(
                    command, cwd=_project() if not tool.peer else folder, env=environment, stdin=subprocess.DEVNULL,
                    stdout=said, stderr=said, start_new_session=True,
                )  # fmt: skip
            try:
                window = _watch(step, process, site, family, timing, begun)
            finally:
                _end(process, family, site, PEER_END_GRACE_S if tool.peer else END_GRACE_S)
            if window is not None:
                _durations(step, tool, folder, *window)
            elif words := (folder / "said").read_text(errors="replace").strip():
                step.error += f"; it said: {words[:WORDS_MAX]} … {words[WORDS_MAX:][-WORDS_MAX:]}"
    return step


def _watch(
    step: Step, process: subprocess.Popen[bytes], site: Server, family: Family, timing: Timing, begun: float
) -> tuple[float, float] | None:
    """Waits for the users, measures a window, fills `step`. The window; None when there was none."""
    limit_s = timing.start_limit_s(step.users)
    while len(site.log.first_acts) < step.users:
        site.log.read()
        step.started_users = len(site.log.first_acts)
        family.reap((process.pid, site.process.pid))
        if process.poll() is not None:
            step.error, step.ended = f"the tool ended with code {process.returncode}", True
            return None
        if time.time() - begun > limit_s:
            step.error = f"after {limit_s:.0f} s only {step.started_users} of {step.users} users had acted"
            return None
        time.sleep(LOOK_EVERY_S)
    step.start_s = max(site.log.first_acts.values()) - begun
    time.sleep(SETTLE_S)
    first, machine, server_s, begin = family.used(), machine_cpu_s(), site.cpu_s(), time.time()
    time.sleep(timing.seconds)
    last, end = family.used(), time.time()
    machine, server_s = machine_cpu_s() - machine, site.cpu_s() - server_s
    step.seconds = wall_s = end - begin
    used = cost(first, last)
    step.cores, step.python_cores = used.cores, used.python_cores
    step.server_cores = server_s / wall_s
    step.other_cores = max(0.0, machine / wall_s - step.cores - step.server_cores)
    step.memory_mb, step.processes = family.memory_mb(), len(family.members())
    site.log.read()
    step.actions_per_s = site.log.acts_between(begin, end) / wall_s
    step.acting_users = site.log.users_between(begin, end)
    step.sockets_min = site.log.sockets_min(begin, end)
    step.page_p50_ms, step.page_p95_ms = quantiles(site.log.latencies_between(begin, end))
    if process.poll() is not None:
        step.error, step.ended = f"the tool ended with code {process.returncode} while it was measured", True
    return begin, end


def _durations(step: Step, tool: Tool, folder: Path, begin: float, end: float) -> None:
    try:
        own = tool.durations_ms(folder, begin, end)
    except Exception as problem:  # whatever the tool left behind
        step.error = f"what the tool measured cannot be read: {problem!r}"
        return
    step.own_count = own.count if isinstance(own, Histogram) else len(own)
    step.own_p50_ms, step.own_p95_ms = quantiles(own)


def quantiles(values: list[float] | Histogram) -> tuple[float | None, float | None]:
    """p50 and p95."""
    if isinstance(values, Histogram):
        return (values.quantile(0.5), values.quantile(0.95)) if values.count else (None, None)
    ordered = sorted(values)
    if not ordered:
        return None, None
    return ordered[int(0.5 * (len(ordered) - 1))], ordered[int(0.95 * (len(ordered) - 1))]


def _end(process: subprocess.Popen[bytes], family: Family, site: Server, grace_s: float) -> None:
    known = (process.pid, site.process.pid)
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(grace_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        family.end(known)
        process.wait()


def _project() -> Path:
    return Path(__file__).parents[2]
