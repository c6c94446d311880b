"""The coordinator's core: events in, actions out. No I/O and no clock, so whole runs replay in a test.

The run goes `starting` (no worker yet) -> `running` -> `draining` (workers stop their users and send what is left)
-> `finished` (results are written). This file is that life; `conversation.py` is the talk with the workers.
"""

from collections.abc import Callable
from typing import Any

from carga.coordinator.conversation import FINISH_GRACE_S, Conversation
from carga.coordinator.distribution import Step
from carga.coordinator.events import (
    Action,
    Event,
    EvidenceStored,
    JournalFailed,
    JournalRecovered,
    ResultsWritten,
    StopRequested,
    Tick,
    WindowsDropped,
    WriteResults,
)
from carga.coordinator.past import Past
from carga.coordinator.run import Run, counted
from carga.coordinator.settings import RunSettings
from carga.model.identity import fill_user
from carga.wire.messages import Assign, Finish, Release, Running, UserSpec

NO_WORKER_S_MAX = 60.0
NO_USER_S_MAX = 30.0
"""From the first assignment. A browser that takes longer to show its first page will not do better later."""
DRAIN_S_MAX = 20.0
"""Since the last user was ended: workers with thousands of users take longer, and are given the time."""
DRAIN_TOTAL_S_MAX = 300.0
WORKERS_SETTLE_S = 1.0
"""Workers that are started together connect within this time: without it the first would get the users of all when
a profile begins with a jump."""
CAPACITY_SETTLES_S = 5.0
"""Workers do not all connect in the same moment: before, missing capacity is not worth a message."""
META_EVERY_S = 1.0
ASSIGN_USERS_MAX = 200
"""In one message, far below the limit of its size."""


class Coordinator(Run):
    """`now` is a clock in seconds that goes on while the machine sleeps; it must not go back, and if it does it is
    held still."""

    def __init__(self, settings: RunSettings, *, now: float, past: Past | None = None) -> None:
        super().__init__(settings, now=now, past=past)
        self.duration_s: float | None = None
        """Set when the run begins to end."""
        self._made_at = now
        self._meta_at = now
        self._first_assigned_at: float | None = None
        self._said_capacity = False
        self._stops = 0
        self._drain_from = now
        self._conversation = Conversation(self, on_first_worker=self._start_clock, on_goodbye=self._check_drained)
        self._handlers: dict[type, Callable[[Any], object]] = {
            Tick: lambda _: self._tick(),
            WindowsDropped: lambda event: self.results.dropped(event.keys),
            EvidenceStored: lambda event: self.evidence.stored.append(event),
            JournalFailed: self._journal_failed,
            JournalRecovered: lambda _: self.say("The run folder can be written again; results are kept up."),
            StopRequested: self._stop,
            ResultsWritten: self._written,
            **self._conversation.handlers,
        }
        if past:
            self._pick_up(past)

    def handle(self, event: Event, now: float) -> list[Action]:
        self.now = max(self.now, now)
        self._handlers[type(event)](event)
        return self.take_actions()

    @property
    def target(self) -> int:
        """Users that the plan wants now."""
        return self.profile.users_at(self.elapsed_s) if self.state == "running" else 0

    # --- time -------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self.over:
            return
        self._end_leases()
        if self.state == "starting" and self.now - self._made_at >= NO_WORKER_S_MAX:
            self._drain("no-user", f"no worker connected within {NO_WORKER_S_MAX:.0f} s")
        if self.state == "running":
            self._run_step()
        self._check_drained()
        if self.now - self._meta_at >= META_EVERY_S and not self.over:
            self._store_clock()

    def _run_step(self) -> None:
        if self.elapsed_s >= self.profile.duration_s:
            self._drain("", "")
            return
        if self.now < self.grace_until or self.elapsed_s < WORKERS_SETTLE_S:
            return
        if (detail := self._no_user_can_run()) is not None:
            self._drain("no-user", detail or "browsers or pages could not be opened")
            return
        if self.past_users is not None:
            self.distribution.pick_up(self.past_users, self.now)
        target = self.target
        step = self.distribution.step(target, self.elapsed_s, self.now)
        if self.past_users is not None:
            self.past_users = None
            self.distribution.release_surplus(step)
        self._carry_out(step)
        if not self._said_capacity and self.elapsed_s >= CAPACITY_SETTLES_S:
            self._compare_capacity(target)

    def _compare_capacity(self, target: int) -> None:
        """Workers that are only silent count: they come back, or their loss is told anyway."""
        capacity = sum(record.users_max for record in self.roster.active())
        if target > capacity:
            self._said_capacity = True
            self.say(f"The plan wants {target} users now, but the workers take only {capacity}.")

    def _carry_out(self, step: Step) -> None:
        for worker, running in step.released.items():
            self.send(self.roster.records[worker], Release(running))
        for worker, running in step.assigned.items():
            for start in range(0, len(running), ASSIGN_USERS_MAX):
                specs = [self._spec(entry) for entry in running[start : start + ASSIGN_USERS_MAX]]
                self.send(self.roster.records[worker], Assign(specs))
        if step.assigned and self._first_assigned_at is None:
            self._first_assigned_at = self.now
        if step.moved:
            self.moved += step.moved
            words = f"{counted(step.moved, 'user')} moved to other workers after up to {step.away_s_max:.1f} s away."
            self.note("users-moved", count=step.moved, message=words)

    def _spec(self, entry: Running) -> UserSpec:
        filled = fill_user(self.settings.plan, entry.index, self.settings.rows)
        return UserSpec(
            index=filled.index,
            group=filled.group,
            assignment=entry.assignment,
            url=filled.url,
            identity=filled.identity,
            user_agent=filled.user_agent,
            headers=filled.headers,
            cookies=filled.cookies,
        )

    def _no_user_can_run(self) -> str | None:
        """Why, or None when somebody ran or still may."""
        if self.results.someone_ran:
            return None
        asked_at = self._first_assigned_at
        if self.results.failures and asked_at is not None and self.now - asked_at >= NO_USER_S_MAX:
            return self.results.failures.most_common(1)[0][0]
        active = self.roster.active()
        if self.elapsed_s >= NO_USER_S_MAX and active and all(record.full for record in active):
            return f"every machine is full: {active[0].full}"
        return None

    def _end_leases(self) -> None:
        for worker in self.leases.ended(self.now):
            self._conversation.lose(self.roster.records[worker])

    # --- beginning and end ------------------------------------------------------------------------------

    def _pick_up(self, past: Past) -> None:
        """Goes on with a run that another coordinator began."""
        self.restore(past)
        meta = past.meta
        state = meta.get("state", "starting")
        if state != "starting":
            self.clock.resume(meta, self.now)
            self.grace_until = self.now + self.settings.lease_s
            self.state = "running"
        if state in ("draining", "finished"):
            self.state = "draining"
            self.duration_s = float(meta["elapsed_s"])
            self._drain_from = self.freed_at = self.now
            self.over = state == "finished"
        self.note("coordinator-restarted", message="The coordinator was started again and picked the run up.")
        if self.over:
            self.do(WriteResults())

    def _start_clock(self) -> None:
        self.state = "running"
        self.clock.start(self.now)
        self.started_at = self.settings.started_at()
        self.store_meta({"started_at": self.started_at, "state": self.state})
        self._store_clock()

    def _store_clock(self) -> None:
        self._meta_at = self.now
        if self.duration_s is None and self.clock.is_started:
            self.store_meta(self.clock.reading(self.now))

    def _stop(self, event: StopRequested) -> None:
        self._stops += 1
        if self.over:
            return
        self.note("stop-requested", message=event.detail)
        if self.state in ("starting", "running"):
            self._drain("interrupted", event.detail)
        elif self._stops > 1:
            self.ended, self.ended_detail = "interrupted", event.detail
            for record in self.roster.connected():
                self.send(record, Finish(0.0))
            self._finish()

    def _drain(self, ended: str, detail: str) -> None:
        self.state = "draining"
        self.ended, self.ended_detail = ended, detail
        self.duration_s = self.elapsed_s if ended else min(self.elapsed_s, self.profile.duration_s)
        self._drain_from = self.freed_at = self.now
        self.distribution.stop_all()
        self.store_meta(
            {"state": "draining", "ended": ended, "ended_detail": detail, "elapsed_s": repr(self.duration_s)}
        )
        for record in self.roster.connected():
            self.send(record, Finish(FINISH_GRACE_S))
        self._check_drained()

    def _check_drained(self) -> None:
        if self.state != "draining" or self.over:
            return
        if not self.roster.active() or self.now >= self._drain_until():
            self._finish()

    def _drain_until(self) -> float:
        return min(self.freed_at + DRAIN_S_MAX, self._drain_from + DRAIN_TOTAL_S_MAX)

    def _finish(self) -> None:
        for record in self.roster.active():
            self._conversation.end_worker(record, "lost", "the run is over", "the run is over", "did not end in time.")
        self.over = True
        self.store_meta({"state": "finished", "ended": self.ended, "ended_detail": self.ended_detail})
        self.do(WriteResults())

    def _written(self, event: ResultsWritten) -> None:
        self.end = event
        self.state = "finished"

    def _journal_failed(self, event: JournalFailed) -> None:
        self.say(f"The run folder cannot be written ({event.problem}). Workers keep their results until it can.")
