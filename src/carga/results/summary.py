"""From a record to `summary.json`. Pure: the same record always gives the same summary."""

import msgspec

from carga import __version__
from carga.exitcodes import ExitCode
from carga.model.plan import Plan
from carga.model.profile import LoadProfile, activation_order
from carga.model.summary import Summary, UsersSummary, WorkerSummary
from carga.model.thresholds import evaluate
from carga.model.verdict import generator_summary, judge
from carga.results.groups import groups_of
from carga.results.metrics import metric_summaries
from carga.results.read import Record

SCHEMA = 1
START_PATIENCE_S = 10.0
"""A user that was asked for later than this before the end of the load has not failed to start: it had no time to."""
DAMAGED_SHARE_MAX = 0.01
"""With more windows lost, a passed run cannot be believed."""


def summarize(record: Record) -> Summary:
    totals = record.totals
    thresholds = evaluate(record.plan.thresholds, totals, duration_s=record.duration_s)
    not_admitted = _not_admitted(record)
    users = _users(record, not_admitted)
    generator = generator_summary(
        totals,
        until_s=record.duration_s,
        planned=users.planned,
        not_admitted=not_admitted,
        forced=record.meta.forced,
    )
    ended, ended_detail = record.ended
    judgement = judge(
        totals=totals,
        thresholds=thresholds,
        users=users,
        generator=generator,
        ended=ended,
        ended_detail=ended_detail,
    )
    summary = Summary(
        schema=SCHEMA,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        plan=record.meta.plan_file or record.plan.name,
        started_at=_zulu(record.meta.started_at),
        duration_s=round(record.duration_s, 3),
        users=users,
        metrics=metric_summaries(totals.metrics),
        counters=dict(totals.counters),
        causes={str(area): _most_frequent_first(causes) for area, causes in sorted(totals.causes.items())},
        thresholds=thresholds,
        generator=generator,
        workers=_workers(record),
        groups=groups_of(record, asked_for(record)),
        exit_code=int(judgement.exit_code),
        carga=record.meta.carga or __version__,
    )
    return _with_damage(summary, record)


def _not_admitted(record: Record) -> int:
    """Users that never ran because the machine was full, and for no reason of their own."""
    if not any(worker.full_s for worker in record.totals.workers.values()):
        return 0
    return len(asked_for(record) - record.totals.started - record.users_refused)


def _users(record: Record, not_admitted: int) -> UsersSummary:
    plan, started = record.plan, record.totals.started
    missing = asked_for(record) - started
    return UsersSummary(
        planned=min(plan.users, LoadProfile(plan.stages).peak),
        started=len(started),
        peak=record.timeline.users_peak,
        failed_to_start=len(missing) - not_admitted,
        moved=sum(event.count for event in record.events if event.kind == "users-moved"),
        browser_crashes=record.totals.counters["browser_crashes"],
    )


def asked_for(record: Record) -> set[int]:
    """Users that should have run: the load profile wanted them early enough, or a worker tried."""
    return _wanted(record.plan, record.duration_s) | record.users_refused


def _wanted(plan: Plan, duration_s: float) -> set[int]:
    profile = LoadProfile(plan.stages)
    order = activation_order(plan)
    place = {index: position for position, index in enumerate(order)}
    asked: set[int] = set()
    for group in plan.groups:
        until_s = duration_s - START_PATIENCE_S - group.start_delay_s
        wanted = _peak_until(profile, until_s)
        indexes = range(group.first_index, group.first_index + group.count)
        asked.update(index for index in indexes if place[index] < wanted)
    return asked


def _peak_until(profile: LoadProfile, until_s: float) -> int:
    """Most users that the profile wanted at any time up to `until_s`: lines are highest at their ends."""
    if until_s < 0:
        return 0
    corners = [users for at_s, users in profile.corners() if at_s <= until_s]
    return max(int(max(corners)), profile.users_at(until_s))


def _workers(record: Record) -> list[WorkerSummary]:
    lost = {event.worker for event in record.events if event.kind == "worker-lost"}
    joined = {event.worker for event in record.events if event.kind == "worker-joined"}
    totals = record.totals.workers
    return [
        WorkerSummary(id=worker, users_peak=totals[worker].users_peak if worker in totals else 0, lost=worker in lost)
        for worker in sorted({*totals, *joined, *lost} - {""})
    ]


def _with_damage(summary: Summary, record: Record) -> Summary:
    if not record.windows_damaged:
        return summary
    reasons = [
        *summary.reasons,
        f"{record.windows_damaged} of {record.windows} windows in run.db were damaged and are missing here.",
    ]
    incredible = record.windows_damaged > record.windows * DAMAGED_SHARE_MAX
    if incredible and summary.verdict == "passed":
        return msgspec.structs.replace(summary, verdict="untrusted", reasons=reasons, exit_code=int(ExitCode.UNTRUSTED))
    return msgspec.structs.replace(summary, reasons=reasons)


def _most_frequent_first(causes: dict[str, int]) -> dict[str, int]:
    return dict(sorted(causes.items(), key=lambda item: (-item[1], item[0])))


def _zulu(timestamp: str) -> str:
    return timestamp.removesuffix("+00:00") + "Z" if timestamp.endswith("+00:00") else timestamp
