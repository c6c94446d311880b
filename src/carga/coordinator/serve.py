"""The coordinator's process: opens the run folder, serves, and ends with the run's exit code."""

import asyncio
import contextlib
import datetime
import logging
import secrets
import signal
import socket
import sqlite3
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvicorn

import carga
from carga.coordinator.events import Event, ResultsWritten, StopRequested, Tick
from carga.coordinator.http import make_app
from carga.coordinator.hub import Hub, boottime_s
from carga.coordinator.journal import Journal
from carga.coordinator.past import Past
from carga.coordinator.recover import read_meta, read_past
from carga.coordinator.settings import RunSettings
from carga.coordinator.state import Coordinator
from carga.errors import CargaError, JournalError, UsageError
from carga.exitcodes import ExitCode
from carga.plans import LoadedPlan, load_plan
from carga.results.database import SCHEMA_VERSION, open_for_writing
from carga.results.machine import machine
from carga.results.write import write_results
from carga.wire.messages import MESSAGE_BYTES_MAX

TICK_S = 0.25
LIVE_S = 1.0
LINGER_S_MAX = 60.0
"""How long a finished run can still be looked at."""
LINGER_ALONE_S = 5.0
CONNECTIONS_CLOSE_S = 2
BACKLOG = 2048
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CoordinatorOptions:
    plan: Path
    out: Path
    token: str
    """Workers show it."""
    listen_fd: int | None
    """A socket that listens already; else `host` and `port`."""
    host: str
    port: int
    lease_s: float = 10.0
    access_token: str | None = None
    """None: only for the loopback address."""
    forced: str = ""
    """What was known to be too much for the machine, for the report."""


async def serve(options: CoordinatorOptions) -> int:
    """Runs until the run has ended and nobody looks at it any more. Raises PlanError, JournalError."""
    loaded = load_plan(options.plan)
    listening = _listen(options)
    options.out.mkdir(parents=True, exist_ok=True)
    settings, past = open_run(loaded, options)
    loop = asyncio.get_running_loop()
    hub: Hub

    def report(event: Event) -> None:
        loop.call_soon_threadsafe(lambda: hub.feed(event))

    journal = Journal(options.out, report)
    hub = Hub(Coordinator(settings, now=boottime_s(), past=past), journal)
    journal.start()
    server = _Server(
        uvicorn.Config(
            make_app(hub, out=options.out, access_token=options.access_token),
            lifespan="off",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=CONNECTIONS_CLOSE_S,
        )
    )
    with _signals(hub, loop):
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listening]))
            clocks = [tasks.create_task(_tick(hub)), tasks.create_task(_publish(hub))]
            await hub.over.wait()
            hub.feed(await _end(journal, options.out))
            for clock in clocks:
                clock.cancel()
            hub.publish()
            await _linger(hub)
            for client in hub.clients:
                client.close("the run is finished")
            server.should_exit = True
            await serving
    assert hub.coordinator.end is not None
    return hub.coordinator.end.exit_code


def open_run(loaded: LoadedPlan, options: CoordinatorOptions) -> tuple[RunSettings, Past | None]:
    """Begins a run in the folder, or reads what another coordinator left of it."""
    plan_json = msgspec.json.encode(loaded.plan).decode()
    try:
        with contextlib.closing(open_for_writing(options.out / "run.db")) as connection:
            meta = read_meta(connection)
            if not meta:
                meta = _first_meta(loaded, plan_json) | {"forced": options.forced}
                connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", meta.items())
                past = None
            else:
                if meta.get("plan") != plan_json:
                    raise JournalError(
                        f"{options.out} holds a run of another plan.", "Choose another folder with --out."
                    )
                past = read_past(connection)
    except sqlite3.Error as error:
        raise JournalError(
            f"The run folder {options.out} cannot be used: {error}.", "Free space, or choose another with --out."
        ) from error
    settings = RunSettings(
        run=meta["run"],
        plan=loaded.plan,
        behaviours=loaded.behaviours,
        rows=loaded.rows,
        token=options.token,
        lease_s=options.lease_s,
        started_at=_utc_now,
        boot_id=_BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "",
        out=str(options.out.resolve()),
    )
    return settings, past


def _first_meta(loaded: LoadedPlan, plan_json: str) -> dict[str, str]:
    now = _utc_now()
    return {
        "schema": str(SCHEMA_VERSION),
        "run": f"{now[:19].replace(':', '').replace('-', '')}-{secrets.token_hex(3)}",
        "plan_file": loaded.path.name,
        "plan_text": loaded.text,
        "plan": plan_json,
        "behaviours": msgspec.json.encode(loaded.behaviours).decode(),
        "started_at": now,
        "carga": carga.__version__,
        "machine": msgspec.json.encode(machine()).decode(),
        "browsers": "{}",
        "elapsed_s": "0",
        "clock": "{}",
        "state": "starting",
        "ended": "",
        "ended_detail": "",
    }


def _utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """A signal ends the run first, and the server only after it."""
        yield


def _listen(options: CoordinatorOptions) -> socket.socket:
    if options.listen_fd is not None:
        return socket.socket(fileno=options.listen_fd)
    try:
        return socket.create_server((options.host, options.port), backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"Nobody can listen on {options.host} port {options.port}: {error.strerror or error}.",
            "Choose another address with --host and --port.",
        ) from error


@contextlib.contextmanager
def _signals(hub: Hub, loop: asyncio.AbstractEventLoop) -> Generator[None]:
    def stop(name: str) -> None:
        if hub.coordinator.end is not None:
            hub.shutdown.set()
        else:
            hub.feed(StopRequested(f"the coordinator received {name}"))

    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def _tick(hub: Hub) -> None:
    while True:
        hub.feed(Tick())
        await asyncio.sleep(TICK_S)


async def _publish(hub: Hub) -> None:
    while True:
        hub.publish()
        await asyncio.sleep(LIVE_S)


async def _end(journal: Journal, out: Path) -> ResultsWritten:
    """Closes the journal and writes the results; what goes wrong there is the run's end, not this process'."""
    if not await asyncio.to_thread(journal.close):
        _log.error("the last results could not be written to %s", out)
    try:
        summary = await asyncio.to_thread(write_results, out)
    except (CargaError, sqlite3.Error, OSError, ValueError, KeyError) as error:
        _log.exception("the results could not be written")
        words = f"The results could not be written: {error}."
        return ResultsWritten("failed", [words], ExitCode.INTERNAL, None)
    return ResultsWritten(summary.verdict, summary.reasons, summary.exit_code, str((out / "report.html").resolve()))


async def _linger(hub: Hub) -> None:
    """Whoever watches gets the end: until nobody watches for a while, or somebody says it is enough."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S_MAX):
            while not hub.shutdown.is_set():
                watched = bool(hub.clients)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_ALONE_S):
                        await hub.shutdown.wait()
                if not watched and not hub.clients:
                    return
