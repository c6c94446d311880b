"""`carga doctor --measure`: runs real users, more and more of them, and finds how many this machine holds."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import carga
from carga.cli.conduct import Interrupted
from carga.cli.progress import Silent
from carga.cli.session import run_session
from carga.doctor.capacity import kind_name, room_here, usable_cores
from carga.doctor.measured import CacheUnwritable, Measured, origin_of, save
from carga.doctor.steps import (
    IDLE_S,
    Finding,
    Second,
    Step,
    conclude,
    next_to_verify,
    step_of,
    steps_up_to,
)
from carga.doctor.trial_plan import group_of_plan, plain_group, plan_text, ramp_s, windows_of
from carga.engines.catalogue import installed
from carga.errors import CargaError, UsageError
from carga.exitcodes import ExitCode
from carga.model.engines import ENGINES, BrowserKind
from carga.model.plan import Rendering
from carga.model.strain import TIMER_LATE
from carga.places.hosted import PlaceOptions, listen
from carga.plans import LoadedPlan, load_plan, save_inputs
from carga.results.read import read_record
from carga.results.timeline import Timeline
from carga.worker import machine

USERS_MAX = 2000
HOLD_S_MIN = 4.0
BUSY_SHARE = 0.2
"""Of the CPU, that other work may use before a measurement is said to suffer from it."""
VERIFY_TIMES_MAX = 8
"""How many times as many users as asked for the verification may start."""

Say = Callable[[str], None]


class MeasurementFailed(CargaError):
    """No user ran, so there is nothing to conclude from."""

    code = "measurement-failed"
    exit_code = ExitCode.NO_USER


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    url: str
    behaviour: Path | None = None
    plan: Path | None = None
    only: Sequence[str] = ()
    """ENGINE or ENGINE/RENDERING; empty: what the plan uses, or everything that is installed."""
    users: int
    hold_s: float
    limit_s: float
    """For each kind."""


def measure(settings: MeasureSettings, say: Say) -> list[Measured]:
    """Takes a minute or more for each kind. Raises CargaError when no kind could be measured."""
    _check(settings)
    loaded = load_plan(settings.plan) if settings.plan else None
    kinds = _kinds(settings, loaded)
    found: list[Measured] = []
    problems: list[CargaError] = []
    for kind in kinds:
        say(f"measuring  {kind_name(kind)} …")
        try:
            measured = _measure_kind(settings, loaded, kind, say)
        except (UsageError, Interrupted):
            raise
        except CargaError as error:
            say(f"           {error}")
            problems.append(error)
            continue
        found.append(measured)
        try:
            save(measured)
        except CacheUnwritable as error:
            say(f"warning    {error}")
    if not found and problems:
        raise problems[0]
    return found


def _check(settings: MeasureSettings) -> None:
    if not settings.url.startswith(("http://", "https://")):
        raise UsageError(f"{settings.url} is no URL of a web page.", "Say http://… or https://…")
    if settings.behaviour and settings.plan:
        raise UsageError("--behaviour and --plan exclude each other.", "A plan names its behaviours itself.")
    if not 1 <= settings.users <= USERS_MAX:
        raise UsageError(f"--users {settings.users} is not possible.", f"Say 1 to {USERS_MAX}.")
    if settings.hold_s < HOLD_S_MIN:
        raise UsageError(f"--hold {settings.hold_s:g}s is too short.", f"Say {HOLD_S_MIN:g}s or more.")


def _kinds(settings: MeasureSettings, loaded: LoadedPlan | None) -> list[BrowserKind]:
    here = installed()
    if loaded is not None and not settings.only:
        wanted = [BrowserKind(group.engine, group.isolation, group.rendering) for group in loaded.plan.groups]
        wanted += [
            BrowserKind(group.engine, group.isolation, "full") for group in loaded.plan.groups if group.full_sample
        ]
    else:
        wanted = [
            BrowserKind(engine, "context" if "context" in traits.isolations else traits.isolations[0], rendering)
            for engine, traits in ENGINES.items()
            for rendering in traits.renderings
            if engine in here and _is_meant(settings.only, engine, rendering)
        ]
    kinds = list(dict.fromkeys(kind for kind in wanted if kind.engine in here))
    if not kinds:
        raise UsageError(
            f"Nothing of {', '.join(settings.only) or 'the plan'} is installed here.",
            f"Installed: {', '.join(here) or 'no engine'}; `carga doctor` tells more.",
        )
    return kinds


def _is_meant(only: Sequence[str], engine: str, rendering: Rendering) -> bool:
    return not only or engine in only or f"{engine}/{rendering}" in only


def _measure_kind(settings: MeasureSettings, loaded: LoadedPlan | None, kind: BrowserKind, say: Say) -> Measured:
    room, memory_mb = room_here(), machine.memory().total_mb
    if loaded is not None:
        url, group, acts = group_of_plan(loaded, settings.url, kind)
    else:
        url, (group, acts) = settings.url, plain_group(settings.behaviour)

    def run(steps: list[int]) -> tuple[Step, list[Step]]:
        text = plan_text(url, kind, group, steps, hold_s=settings.hold_s)
        return _run(text, steps, hold_s=settings.hold_s)

    idle, steps = run(steps_up_to(settings.users))
    if not any(step.ran for step in steps):
        raise MeasurementFailed(f"No user of {kind_name(kind)} ran at {url}.", "Try one with `carga try`.")
    if idle.cores > room.cores * BUSY_SHARE:
        busy = f"{100 * idle.cores / room.cores:.0f} %"
        say(f"warning    other work used {busy} of the CPU before the first user came; without it, more users fit")
    finding = conclude(kind, idle, steps, room)
    say(f"           up to {steps[-1].ran} users: {_in_words(finding)}")
    if near := _near(settings, finding, tried=steps[-1].users):
        say(f"           verifying with {near} users")
        _, verified = run([near])
        finding = conclude(kind, idle, [*steps, *verified], room)
        say(f"           {_in_words(finding)}")
    return Measured(
        kind=kind,
        origin=origin_of(url),
        users=finding.users,
        limited_by=finding.limited_by,
        cores_per_user=round(finding.cores_per_user, 5),
        memory_mb_per_user=round(finding.memory_mb_per_user, 2),
        base_cores=round(idle.cores, 3),
        held=finding.held,
        timer_late_ms=round(finding.timer_late_ms, 1),
        acts=acts,
        host=socket.gethostname(),
        cores=usable_cores(),
        memory_mb=memory_mb,
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        carga=carga.__version__,
    )


def _near(settings: MeasureSettings, finding: Finding, *, tried: int) -> int | None:
    """As many as come and stay within the limit of time."""
    users_max = settings.users * VERIFY_TIMES_MAX
    while users_max > tried and IDLE_S + ramp_s(users_max) + settings.hold_s > settings.limit_s:
        users_max = users_max * 3 // 4
    return next_to_verify(finding, tried=tried, users_max=users_max)


def _in_words(finding: Finding) -> str:
    return (
        f"about {finding.users:,} ({finding.limited_by}), {finding.cores_per_user * 100:.2g} % of a core and "
        f"{finding.memory_mb_per_user:.0f} MB a user"
    )


def _run(text: str, steps: list[int], *, hold_s: float) -> tuple[Step, list[Step]]:
    """The load of one plan, in a folder that is gone afterwards. Returns what was seen before users came, and then."""
    with tempfile.TemporaryDirectory(prefix="carga-measure-") as folder:
        plan = Path(folder) / "measure.toml"
        plan.write_text(text, encoding="utf-8")
        loaded = load_plan(plan)
        out = Path(folder) / "out"
        out.mkdir()
        options = PlaceOptions(
            plan=save_inputs(loaded, out / "inputs"), out=out, workers=1, users_max=loaded.plan.users
        )
        outcome = asyncio.run(run_session(options, listening=listen("127.0.0.1", 0), progress=Silent()))
        if outcome.interrupted:
            raise Interrupted("The measurement was ended before it had a result.")
        if outcome.summary is None:
            raise outcome.failure or MeasurementFailed(f"The measurement ended: {outcome.last_words}", "Try again.")
        line = read_record(out).timeline
        if not line.second or not max(line.users_running):
            why = next(iter(outcome.summary.causes.get("user", {})), "")
            words = f"No user could run: {why}." if why else " ".join(outcome.summary.reasons)
            raise MeasurementFailed(words, "Try one with `carga try`.")
    seconds = _seconds(line)
    idle = step_of(0, [seconds[second] for second in range(IDLE_S // 2, IDLE_S) if second in seconds])
    found = []
    for users, window in zip(steps, windows_of(steps, hold_s=hold_s), strict=True):
        step = step_of(users, [seconds[second] for second in window if second in seconds])
        found.append(step or Step(users, 0, 0.0, 0.0, 0.0, 0.0, carried=False))
    return idle or Step(0, 0, 0.0, 0.0, 0.0, 0.0, carried=True), found


def _seconds(line: Timeline) -> dict[int, Second]:
    late = line.metrics.get(TIMER_LATE)
    late_ms = dict(zip(late.second, late.p90, strict=True)) if late else {}
    machine_cores = os.cpu_count() or 1
    return {
        second: Second(
            users=line.users_running[i],
            cores=line.cpu_percent[i] / 100 * machine_cores,
            own_cores=line.tree_cpu_percent[i] / 100,
            memory_mb=line.memory_mb[i],
            timer_late_ms=late_ms.get(second, 0.0),
            core_wait=line.core_wait[i],
            core_turn_ms=line.core_turn_ms[i],
            full=line.users_waiting[i] > 0,
        )
        for i, second in enumerate(line.second)
    }
