"""What stands around every run on this machine: reads and checks the plan, makes the run folder, prints the end."""

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from carga.cli.closing import print_closing
from carga.cli.containers import Place, check_docker, check_reach, has_containers, sweep_containers
from carga.cli.preflight import check_behaviours
from carga.cli.progress import Progress, choose_progress
from carga.cli.room import check_room
from carga.cli.run_folder import make_run_folder, shorten
from carga.cli.session import Outcome, PlaceMaker, run_session
from carga.cli.terminal import clock, counted, to_stdout
from carga.errors import CargaError, UsageError
from carga.exitcodes import ExitCode
from carga.model.plan import Plan
from carga.places.hosted import PlaceOptions, listen
from carga.places.local import LocalPlace
from carga.plans import LoadedPlan, load_plan, save_inputs

CORES_PER_WORKER = 4
"""A worker's Python needs a twentieth of what its browsers use, so one keeps several cores of browsers busy."""
WORKERS_MAX = 64


class Interrupted(CargaError):
    """Ctrl-C before any result."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    plan: Path
    out: Path | None = None
    workers: int | None = None
    port: int | None = None
    host: str = "127.0.0.1"
    as_json: bool = False
    quiet: bool = False
    engine: str = ""
    on: Place = "local"
    force: bool = False
    """Go on with more users than this machine was measured to hold."""
    title: str = ""
    """What the plan is called at the beginning; "": by its path."""


def conduct_run(settings: RunSettings) -> int:
    """Returns the exit code of the run. Raises CargaError when it cannot begin, or when a part of it broke."""
    if settings.workers is not None and not 1 <= settings.workers <= WORKERS_MAX:
        raise UsageError(f"--workers {settings.workers} is not possible.", f"Say 1 to {WORKERS_MAX}.")
    loaded = load_plan(settings.plan)
    check_reach(loaded.plan, on=settings.on)
    check_docker(loaded.plan, on=settings.on)
    forced, warning = ("", "") if settings.engine else check_room(loaded.plan, force=settings.force)
    # Where workers have browsers of their own, this machine may have none.
    unsafe = "" if settings.engine else check_behaviours(loaded, must_have_browser=settings.on == "local")
    warnings = [f"browsers run without their sandbox: {unsafe}. Load only pages that you trust."] if unsafe else []
    warnings += [warning] if warning else []
    with contextlib.ExitStack() as stack:
        make_place, host = _place(settings, stack)
        if has_containers(loaded.plan):
            stack.callback(sweep_containers)
        return _run(settings, loaded, make_place, listen(host, settings.port), forced=forced, warnings=warnings)


def _place(settings: RunSettings, stack: contextlib.ExitStack) -> tuple[PlaceMaker, str]:
    """Where workers run, and the address that the coordinator listens at."""
    if settings.on == "local":
        return LocalPlace, settings.host
    from carga.places.docker import DockerPlace, bridge

    network = stack.enter_context(bridge())
    return partial(DockerPlace, bridge=network), network.host(settings.host)


def _run(
    settings: RunSettings,
    loaded: LoadedPlan,
    make_place: PlaceMaker,
    listening: socket.socket,
    *,
    forced: str,
    warnings: list[str],
) -> int:
    out = make_run_folder(settings.out, loaded.path.stem)
    try:
        plan_copy = save_inputs(loaded, out / "inputs")
    except OSError as error:
        raise CargaError(
            f"{out} cannot be written: {error.strerror}.", "Free some space, or name another --out."
        ) from error
    options = PlaceOptions(
        plan=plan_copy,
        out=out,
        workers=settings.workers or max(1, (os.cpu_count() or 1) // CORES_PER_WORKER),
        users_max=loaded.plan.users,
        engine=settings.engine,
        forced=forced,
    )
    progress = choose_progress(quiet=settings.quiet, duration_s=loaded.plan.duration_s)
    _announce(progress, settings.title or str(loaded.path), loaded.plan, options)
    for warning in [*warnings, *([f"forced: {forced}"] if forced else [])]:
        progress.say(f"warning    {warning}")
    try:
        outcome = asyncio.run(run_session(options, listening=listening, progress=progress, make_place=make_place))
    finally:
        progress.close()
    return _finish(outcome, out, as_json=settings.as_json)


def _announce(progress: Progress, title: str, plan: Plan, options: PlaceOptions) -> None:
    progress.say(
        f"carga run  {title}: {counted(plan.users, 'user')}, {clock(plan.duration_s)}, "
        f"{counted(options.workers, 'worker')}"
    )


def _finish(outcome: Outcome, out: Path, *, as_json: bool) -> int:
    summary = outcome.summary
    if outcome.failure is not None and summary is None:
        raise outcome.failure
    if summary is None:
        if outcome.interrupted:
            raise Interrupted(f"The run was ended before there was anything to report; {out / 'logs'} holds the logs.")
        said = f" The coordinator said:\n{outcome.last_words}\n" if outcome.last_words else ""
        raise CargaError(f"The run ended without a result.{said}", f"The logs are in {out / 'logs'}.")
    if not as_json:
        print_closing(to_stdout(), summary, shorten(out))
    if outcome.failure is not None:
        raise outcome.failure
    if as_json:
        sys.stdout.write((out / "summary.json").read_text())
    return ExitCode.INTERRUPTED if outcome.interrupted and summary.exit_code == ExitCode.PASSED else summary.exit_code
