"""Makes what a live page and a terminal are told out of the coordinator's state."""

import carga
from carga.coordinator.state import Coordinator
from carga.coordinator.timeline import percentiles
from carga.model.thresholds import evaluate
from carga.model.verdict import generator_summary
from carga.model.windows import Metric
from carga.wire.live import (
    USER_STATES,
    CauseCount,
    EvidenceInfo,
    GroupInfo,
    History,
    Live,
    Percentiles,
    Point,
    RunInfo,
    UserCounts,
    UserList,
    WorkerInfo,
)

LATE_S = 3
"""Windows of the second before this one have come by then: a second to fill it, and a commit."""
CHANGED_MAX = 5000
"""Rows in one message; the others follow in the next."""
CAUSES_MAX = 100


class LiveView:
    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._totals: dict[str, tuple[int, Percentiles]] = {}
        """By metric: the attempts at which the percentiles were made, and these."""

    def run_info(self) -> RunInfo:
        coordinator = self._coordinator
        settings, plan = coordinator.settings, coordinator.settings.plan
        return RunInfo(
            run=settings.run,
            plan=plan.name,
            target=plan.target.url,
            state=coordinator.state,
            started_at=coordinator.started_at,
            elapsed_s=self._elapsed_s(),
            duration_s=coordinator.profile.duration_s,
            groups=[
                GroupInfo(
                    group.name,
                    group.count,
                    group.first_index,
                    group.engine,
                    group.rendering,
                    group.isolation,
                    group.behaviour,
                    group.full_sample,
                )
                for group in plan.groups
            ],
            profile=coordinator.profile.corners(),
            thresholds=[threshold.text for threshold in plan.thresholds],
            carga=carga.__version__,
            out=settings.out,
        )

    def user_list(self) -> UserList:
        coordinator = self._coordinator
        return UserList(
            states=USER_STATES,
            workers=[record.id for record in coordinator.roster.records],
            users=coordinator.users.rows(),
        )

    def evidence(self) -> list[EvidenceInfo]:
        return [
            EvidenceInfo(stored.file, stored.user, stored.second, stored.name, stored.message)
            for stored in self._coordinator.evidence.stored
        ]

    def history(self) -> History:
        timeline, profile = self._coordinator.results.timeline, self._coordinator.profile
        points = timeline.points(until=self._second())
        metrics: dict[str, list[Point]] = {}
        for point in points:
            for name, metric in point.metrics.items():
                metrics.setdefault(name, []).append(
                    Point(point.second, metric.p50, metric.p95, metric.p99, metric.count, metric.failed)
                )
        return History(
            step_s=timeline.step_s,
            second=[point.second for point in points],
            users_planned=[float(profile.users_at(point.second)) for point in points],
            users_running=[round(point.users_running) for point in points],
            actions_per_s=[point.actions_per_s for point in points],
            requests_per_s=[point.requests_per_s for point in points],
            failures_per_s=[point.failures_per_s for point in points],
            websockets_open=[round(point.websockets_open) for point in points],
            bytes_per_s=[point.bytes_per_s for point in points],
            timer_late_p99_ms=[point.timer_late_p99_ms for point in points],
            cpu_percent=[point.cpu_percent for point in points],
            metrics=metrics,
        )

    def live(self) -> Live:
        """Takes the changes and messages that it tells of: call it once for all who listen."""
        coordinator = self._coordinator
        totals, end = coordinator.results.totals, coordinator.end
        second = self._second()
        point = coordinator.results.timeline.point(second)
        elapsed_s = self._elapsed_s()
        return Live(
            type="live",
            state=coordinator.state,
            second=second,
            elapsed_s=elapsed_s,
            users=UserCounts(
                planned=coordinator.target,
                total=len(coordinator.users),
                moved=coordinator.moved,
                started=len(totals.started),
                **coordinator.users.counts(),
            ),
            actions_per_s=point.actions_per_s if point else 0.0,
            requests_per_s=point.requests_per_s if point else 0.0,
            bytes_per_s=point.bytes_per_s if point else 0.0,
            websockets_open=round(point.websockets_open) if point else 0,
            metrics=point.metrics if point else {},
            totals={name: self._total(name, metric) for name, metric in totals.metrics.items()},
            counters=totals.counters,
            causes=self._causes(),
            generator=generator_summary(totals),
            workers=self._workers(),
            thresholds=evaluate(coordinator.settings.plan.thresholds, totals, duration_s=elapsed_s),
            changed=coordinator.users.take_changed(CHANGED_MAX),
            messages=coordinator.take_messages(),
            verdict=end.verdict if end else None,
            reasons=end.reasons if end else [],
            exit_code=end.exit_code if end else None,
            report=end.report if end else None,
        )

    def _second(self) -> int:
        """The newest second whose windows have had the time to come; the last one there is when the run is over."""
        coordinator = self._coordinator
        second = int(coordinator.elapsed_s) - LATE_S
        return coordinator.results.timeline.newest if coordinator.state == "finished" else max(second, -1)

    def _elapsed_s(self) -> float:
        duration_s = self._coordinator.duration_s
        return self._coordinator.elapsed_s if duration_s is None else duration_s

    def _total(self, name: str, metric: Metric) -> Percentiles:
        known = self._totals.get(name)
        if known is None or known[0] != metric.attempts:
            known = self._totals[name] = (metric.attempts, percentiles(metric))
        return known[1]

    def _causes(self) -> list[CauseCount]:
        causes = [
            CauseCount(area, cause, count)
            for area, counts in self._coordinator.results.totals.causes.items()
            for cause, count in counts.items()
        ]
        return sorted(causes, key=lambda cause: -cause.count)[:CAUSES_MAX]

    def _workers(self) -> list[WorkerInfo]:
        coordinator = self._coordinator
        return [
            WorkerInfo(
                id=record.id,
                host=record.host,
                state=record.state,
                users=len(coordinator.distribution.leases.users_of(record.position)),
                users_max=record.users_max,
                browsers=record.gauges.browsers,
                cpu_percent=record.gauges.cpu_percent,
                memory_mb=record.gauges.memory_mb,
                loop_lag_ms=record.gauges.loop_lag_ms,
                core_wait=record.gauges.core_wait,
                memory_available_mb=record.gauges.memory_available_mb,
                full=record.full,
                users_waiting=record.gauges.users_waiting,
            )
            for record in coordinator.roster.records
        ]
