"""What the two halves of the coordinator share: the run's tables, its clock, and the actions that they ask for."""

from collections import deque
from typing import Any

import msgspec

from carga.coordinator.distribution import Distribution
from carga.coordinator.events import Action, ResultsWritten, Send, StoreEvent, StoreMeta
from carga.coordinator.evidence import EvidenceIntake
from carga.coordinator.intake import SeqLog
from carga.coordinator.leases import NOBODY, Leases
from carga.coordinator.past import Past
from carga.coordinator.results import Results
from carga.coordinator.roster import Roster, WorkerRecord
from carga.coordinator.run_clock import RunClock
from carga.coordinator.schedule import Schedule
from carga.coordinator.settings import RunSettings
from carga.coordinator.timeline import Timeline
from carga.coordinator.users import Users
from carga.model.plan import Plan
from carga.model.profile import LoadProfile, activation_order
from carga.model.totals import Totals
from carga.wire.live import RunState

MESSAGES_MAX = 100
"""For people, between two live messages; the oldest go first."""
ASSIGNMENTS_PER_RESTART = 1 << 40
"""Numbers of assignments grow over restarts too: each restart has a range of its own."""


class Run:
    """`now` is a clock in seconds that goes on while the machine sleeps."""

    def __init__(self, settings: RunSettings, *, now: float, past: Past | None = None) -> None:
        plan = settings.plan
        self.settings = settings
        self.now = now
        self.profile = LoadProfile(plan.stages)
        self.roster = Roster()
        self.users = Users(plan.users)
        restarts = past.restarts + 1 if past else 0
        first_assignment = restarts * ASSIGNMENTS_PER_RESTART + 1
        self.leases = Leases(plan.users, lease_s=settings.lease_s, first_assignment=first_assignment)
        schedule = Schedule(activation_order(plan), _delays_s(plan))
        self.distribution = Distribution(self.leases, schedule, self.users)
        self.results = Results(
            self.roster,
            self.distribution,
            past.totals if past else Totals(),
            past.timeline if past else Timeline(),
        )
        self.evidence = EvidenceIntake()
        self.clock = RunClock(settings.boot_id)
        self.state: RunState = "starting"
        self.started_at = settings.started_at()
        self.ended = ""
        self.ended_detail = ""
        self.over = False
        """Results are being written, or are written."""
        self.end: ResultsWritten | None = None
        self.moved = past.moved if past else 0
        self.browsers: dict[str, str] = {}
        """Engine to version, of all workers."""
        self.messages: deque[str] = deque(maxlen=MESSAGES_MAX)
        self.grace_until = now
        """After a restart: until then workers that were there may come back."""
        self.past_users: dict[int, int] | None = None
        """After a restart until the grace is over: users that ran, and their worker."""
        self.freed_at = now
        """When a worker last said that users do not run there any more."""
        self._actions: list[Action] = []

    @property
    def elapsed_s(self) -> float:
        """Time of the run, also while it drains."""
        return self.clock.elapsed_s(self.now)

    def take_messages(self) -> list[str]:
        messages = list(self.messages)
        self.messages.clear()
        return messages

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    # --- asking for actions -----------------------------------------------------------------------------

    def do(self, action: Action) -> None:
        self._actions.append(action)

    def send(self, record: WorkerRecord, message: Any) -> None:
        if record.connection is not None:
            self.do(Send(record.connection, message))

    def store_meta(self, values: dict[str, str]) -> None:
        self.do(StoreMeta(values))

    def say(self, message: str) -> None:
        """For people, kept with the run."""
        self.note("message", message=message)

    def note(self, kind: str, record: WorkerRecord | None = None, count: int = 0, message: str = "") -> None:
        self.do(StoreEvent(self.elapsed_s, kind, record.id if record else "", count, message))
        self.messages.append(message)

    # --- after a restart --------------------------------------------------------------------------------

    def restore(self, past: Past) -> None:
        """Takes over workers, users and evidence of a coordinator that died."""
        self.started_at = past.meta.get("started_at", self.started_at)
        self.browsers = msgspec.json.decode(past.meta.get("browsers", "{}"), type=dict[str, str])
        self.ended, self.ended_detail = past.meta.get("ended", ""), past.meta.get("ended_detail", "")
        for worker in (*past.active, *past.ended):
            record = self.roster.add(worker)
            record.log = SeqLog(sorted(past.seqs.get(worker, ())))
            record.applied_seq = record.log.contiguous
            if worker in past.ended:
                record.state = "gone" if past.ended[worker] == "gone" else "lost"
            else:
                self.leases.renew(record.position, self.now)
        self.evidence.restore(past.evidence)
        self.past_users = {}
        for user, (user_state, worker, detail) in past.users.items():
            if 0 <= user < len(self.users):
                known = self.roster.get(worker)
                self.users.set(user, user_state, known.position if known else NOBODY, detail)
                if user_state not in ("stopped", "waiting"):
                    self.past_users[user] = known.position if known else NOBODY


def _delays_s(plan: Plan) -> dict[int, float]:
    return {
        user: group.start_delay_s
        for group in plan.groups
        if group.start_delay_s > 0
        for user in range(group.first_index, group.first_index + group.count)
    }


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
