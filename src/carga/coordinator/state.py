"""The coordinator's core: events in, actions out. No I/O and no clock, so whole runs replay in a test.

The run goes `starting` (no worker yet) -> `running` -> `draining` (workers stop their users and send what is left)
-> `finished` (results are written).
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from carga.coordinator.admission import objection
from carga.coordinator.distribution import Distribution, Step
from carga.coordinator.events import (
    Action,
    Close,
    Event,
    EvidenceStored,
    JournalFailed,
    JournalRecovered,
    PictureExpired,
    PictureTaken,
    PictureWanted,
    ResultsWritten,
    Send,
    StopRequested,
    StoreEvent,
    StoreMeta,
    Tick,
    WindowsDropped,
    WindowsStored,
    WorkerBroke,
    WorkerLeft,
    WorkerSaid,
    WriteResults,
)
from carga.coordinator.evidence import EvidenceIntake
from carga.coordinator.intake import SECONDS_AHEAD_MAX, SeqLog
from carga.coordinator.leases import NOBODY, Leases
from carga.coordinator.past import Past
from carga.coordinator.pictures import Pictures
from carga.coordinator.results import Results, WindowRefused
from carga.coordinator.roster import Roster, WorkerRecord
from carga.coordinator.run_clock import RunClock
from carga.coordinator.schedule import Schedule
from carga.coordinator.settings import RunSettings
from carga.coordinator.timeline import Timeline
from carga.coordinator.users import Users
from carga.model.identity import fill_user
from carga.model.profile import LoadProfile, activation_order
from carga.model.totals import Totals
from carga.model.windows import Window
from carga.wire.live import RunState
from carga.wire.messages import (
    PROTOCOL,
    Ack,
    Assign,
    Evidence,
    Finish,
    Freed,
    Goodbye,
    Granted,
    Hello,
    Picture,
    Refuse,
    Release,
    Renew,
    Running,
    TakePicture,
    UserSpec,
    Welcome,
    WindowMessage,
)

NO_WORKER_S_MAX = 60.0
NO_USER_S_MAX = 30.0
"""From the first assignment. A browser that takes longer to show its first page will not do better later."""
FINISH_GRACE_S = 10.0
"""What workers get to stop their users."""
DRAIN_S_MAX = 20.0
WORKERS_SETTLE_S = 1.0
"""Workers that are started together connect within this time: without it the first would get the users of all when
a profile begins with a jump."""
CAPACITY_SETTLES_S = 5.0
"""Workers do not all connect in the same moment: before, missing capacity is not worth a message."""
META_EVERY_S = 1.0
ASSIGN_USERS_MAX = 200
"""In one message, far below the limit of its size."""
MESSAGES_MAX = 100
"""For people, between two live messages; the oldest go first."""
ASSIGNMENTS_PER_RESTART = 1 << 40
"""Numbers of assignments grow over restarts too: each restart has a range of its own."""


class Coordinator:
    """`now` is a clock in seconds that goes on while the machine sleeps; it must not go back, and if it does it is
    held still."""

    def __init__(self, settings: RunSettings, *, now: float, past: Past | None = None) -> None:
        plan = settings.plan
        self.settings = settings
        self.profile = LoadProfile(plan.stages)
        self.roster = Roster()
        self.users = Users(plan.users)
        restarts = past.restarts + 1 if past else 0
        leases = Leases(plan.users, lease_s=settings.lease_s, first_assignment=restarts * ASSIGNMENTS_PER_RESTART + 1)
        delay_s = {
            user: group.start_delay_s
            for group in plan.groups
            if group.start_delay_s > 0
            for user in range(group.first_index, group.first_index + group.count)
        }
        self.distribution = Distribution(leases, Schedule(activation_order(plan), delay_s), self.users)
        self.results = Results(
            self.roster,
            self.distribution,
            past.totals if past else Totals(),
            past.timeline if past else Timeline(),
        )
        self.state: RunState = "starting"
        self.started_at = settings.started_at()
        self.ended = ""
        self.ended_detail = ""
        self.duration_s: float | None = None
        """Set when the run begins to end."""
        self.moved = past.moved if past else 0
        self.messages: deque[str] = deque(maxlen=MESSAGES_MAX)
        self.end: ResultsWritten | None = None
        self.evidence = EvidenceIntake()
        self.browsers: dict[str, str] = {}
        self._leases = leases
        self._now = now
        self._made_at = now
        self._clock = RunClock(settings.boot_id)
        self._meta_at = now
        self._actions: list[Action] = []
        self._closed: set[int] = set()
        """Connections that are closed here and not yet gone."""
        self._pictures = Pictures()
        self._first_assigned_at: float | None = None
        self._said_capacity = False
        self._stops = 0
        self._drain_until = now
        self._over = False
        self._grace_until = now
        self._past_users: dict[int, int] | None = None
        """After a restart until the grace is over: users that ran, and their worker."""
        if past:
            self._pick_up(past)
        self._handlers: dict[type, Callable[[Any], object]] = {
            Tick: lambda _: self._tick(),
            WorkerSaid: self._said,
            WorkerBroke: self._broke,
            WorkerLeft: self._left,
            WindowsStored: self._stored,
            WindowsDropped: lambda event: self.results.dropped(event.keys),
            EvidenceStored: lambda event: self.evidence.stored.append(event),
            JournalFailed: self._journal_failed,
            JournalRecovered: lambda _: self._say("The run folder can be written again; results are kept up."),
            StopRequested: self._stop,
            PictureWanted: self._picture_wanted,
            PictureExpired: lambda event: self._pictures.forget(event.request),
            ResultsWritten: self._written,
        }
        self._messages: dict[type, Callable[[WorkerRecord, Any], None]] = {
            Renew: self._renew,
            WindowMessage: lambda record, message: self._window(record, message.window),
            Freed: self._freed,
            Picture: self._picture,
            Evidence: self._evidence,
            Goodbye: lambda record, _: self._goodbye(record),
        }

    def handle(self, event: Event, now: float) -> list[Action]:
        self._now = max(self._now, now)
        self._handlers[type(event)](event)
        actions, self._actions = self._actions, []
        return actions

    @property
    def elapsed_s(self) -> float:
        """Time of the run, also while it drains."""
        return self._clock.elapsed_s(self._now)

    @property
    def target(self) -> int:
        """Users that the plan wants now."""
        return self.profile.users_at(self.elapsed_s) if self.state == "running" else 0

    def take_messages(self) -> list[str]:
        messages = list(self.messages)
        self.messages.clear()
        return messages

    # --- time -------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._over:
            return
        self._end_leases()
        if self.state == "starting" and self._now - self._made_at >= NO_WORKER_S_MAX:
            self._drain("no-user", f"no worker connected within {NO_WORKER_S_MAX:.0f} s")
        if self.state == "running":
            self._run_step()
        if self.state == "draining":
            self._check_drained()
        if self._now - self._meta_at >= META_EVERY_S and not self._over:
            self._store_clock()

    def _run_step(self) -> None:
        if self.elapsed_s >= self.profile.duration_s:
            self._drain("", "")
            return
        if self._now < self._grace_until or self.elapsed_s < WORKERS_SETTLE_S:
            return
        if self._no_user_can_run():
            detail = self.results.failures.most_common(1)[0][0]
            self._drain("no-user", detail or "browsers or pages could not be opened")
            return
        if self._past_users is not None:
            self.distribution.pick_up(self._past_users, self._now)
        target = self.target
        step = self.distribution.step(target, self.elapsed_s, self._now)
        if self._past_users is not None:
            self._past_users = None
            self.distribution.release_surplus(step)
        self._carry_out(step)
        if not self._said_capacity and self.elapsed_s >= CAPACITY_SETTLES_S:
            self._compare_capacity(target)

    def _compare_capacity(self, target: int) -> None:
        """Workers that are only silent count: they come back, or their loss is told anyway."""
        capacity = sum(record.users_max for record in self.roster.active())
        if target > capacity:
            self._said_capacity = True
            self._say(f"The plan wants {target} users now, but the workers take only {capacity}.")

    def _carry_out(self, step: Step) -> None:
        for worker, running in step.released.items():
            self._send(self.roster.records[worker], Release(running))
        for worker, running in step.assigned.items():
            for start in range(0, len(running), ASSIGN_USERS_MAX):
                specs = [self._spec(entry) for entry in running[start : start + ASSIGN_USERS_MAX]]
                self._send(self.roster.records[worker], Assign(specs))
        if step.assigned and self._first_assigned_at is None:
            self._first_assigned_at = self._now
        if step.moved:
            self.moved += step.moved
            words = f"{_counted(step.moved, 'user')} moved to other workers after up to {step.away_s_max:.1f} s away."
            self._note("users-moved", count=step.moved, message=words)

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

    def _no_user_can_run(self) -> bool:
        return (
            not self.results.someone_ran
            and self._first_assigned_at is not None
            and self._now - self._first_assigned_at >= NO_USER_S_MAX
            and bool(self.results.failures)
        )

    def _end_leases(self) -> None:
        for worker in self._leases.ended(self._now):
            self._lose(self.roster.records[worker])

    def _lose(self, record: WorkerRecord) -> None:
        record.state = "lost"
        self._part(record, "the lease ended")
        count = self.distribution.lose(record.position, record.heard_at, f"worker {record.id} was lost")
        self._note("worker-lost", record, count, f"Worker {record.name} was lost with {_counted(count, 'user')}.")

    # --- beginning and end ------------------------------------------------------------------------------

    def _pick_up(self, past: Past) -> None:
        """Goes on with a run that another coordinator began."""
        meta = past.meta
        self.started_at = meta.get("started_at", self.started_at)
        self.browsers = msgspec.json.decode(meta.get("browsers", "{}"), type=dict[str, str])
        self.ended, self.ended_detail = meta.get("ended", ""), meta.get("ended_detail", "")
        state = meta.get("state", "starting")
        for worker in (*past.active, *past.ended):
            record = self.roster.add(worker)
            record.log = SeqLog(sorted(past.seqs.get(worker, ())))
            record.applied_seq = record.log.contiguous
            if worker in past.ended:
                record.state = "gone" if past.ended[worker] == "gone" else "lost"
            else:
                self._leases.renew(record.position, self._now)
        self.evidence.restore(past.evidence)
        self._past_users = {}
        for user, (user_state, worker, detail) in past.users.items():
            if 0 <= user < len(self.users):
                known = self.roster.get(worker)
                self.users.set(user, user_state, known.position if known else NOBODY, detail)
                if user_state not in ("stopped", "waiting"):
                    self._past_users[user] = known.position if known else NOBODY
        if state != "starting":
            self._clock.resume(meta, self._now)
            self._grace_until = self._now + self.settings.lease_s
            self.state = "running"
        if state in ("draining", "finished"):
            self.state = "draining"
            self.duration_s = float(meta["elapsed_s"])
            self._drain_until = self._now + DRAIN_S_MAX
            self._over = state == "finished"
        self._note("coordinator-restarted", message="The coordinator was started again and picked the run up.")
        if self._over:
            self._do(WriteResults())

    def _start_clock(self) -> None:
        self.state = "running"
        self._clock.start(self._now)
        self.started_at = self.settings.started_at()
        self._store_meta({"started_at": self.started_at, "state": self.state})
        self._store_clock()

    def _store_clock(self) -> None:
        self._meta_at = self._now
        if self.duration_s is None and self._clock.is_started:
            self._store_meta(self._clock.reading(self._now))

    def _stop(self, event: StopRequested) -> None:
        self._stops += 1
        if self._over:
            return
        self._note("stop-requested", message=event.detail)
        if self.state in ("starting", "running"):
            self._drain("interrupted", event.detail)
        elif self._stops > 1:
            self.ended, self.ended_detail = "interrupted", event.detail
            for record in self.roster.connected():
                self._send(record, Finish(0.0))
            self._finish()

    def _drain(self, ended: str, detail: str) -> None:
        self.state = "draining"
        self.ended, self.ended_detail = ended, detail
        self.duration_s = self.elapsed_s if ended else min(self.elapsed_s, self.profile.duration_s)
        self._drain_until = self._now + DRAIN_S_MAX
        self.distribution.stop_all()
        self._store_meta(
            {"state": "draining", "ended": ended, "ended_detail": detail, "elapsed_s": repr(self.duration_s)}
        )
        for record in self.roster.connected():
            self._send(record, Finish(FINISH_GRACE_S))
        self._check_drained()

    def _check_drained(self) -> None:
        if not self.roster.active() or self._now >= self._drain_until:
            self._finish()

    def _finish(self) -> None:
        for record in self.roster.active():
            self._part(record, "the run is over")
            record.state = "lost"
            count = self.distribution.lose(record.position, record.heard_at, "the run is over")
            self._note("worker-lost", record, count, f"Worker {record.name} did not end in time.")
        self._over = True
        self._store_meta({"state": "finished", "ended": self.ended, "ended_detail": self.ended_detail})
        self._do(WriteResults())

    def _written(self, event: ResultsWritten) -> None:
        self.end = event
        self.state = "finished"

    # --- connections ------------------------------------------------------------------------------------

    def _said(self, event: WorkerSaid) -> None:
        if event.connection in self._closed:
            return
        record = self.roster.at(event.connection)
        if isinstance(event.message, Hello):
            if record is not None:
                self._refuse(event.connection, "protocol", "a second Hello on one connection")
            else:
                self._hello(event.connection, event.message)
        elif record is None:
            self._refuse(event.connection, "protocol", "a message before Hello")
        else:
            record.heard_at = self._now
            self._messages[type(event.message)](record, event.message)

    def _broke(self, event: WorkerBroke) -> None:
        if event.connection in self._closed:
            return
        self._refuse(event.connection, "protocol", event.problem)

    def _left(self, event: WorkerLeft) -> None:
        self._closed.discard(event.connection)
        if record := self.roster.at(event.connection):
            self._fall_silent(record)

    def _fall_silent(self, record: WorkerRecord) -> None:
        self._part(record)
        if record.state == "connected":
            record.state = "silent"
            users = _counted(len(self._leases.users_of(record.position)), "user")
            self._note("worker-silent", record, message=f"Worker {record.name} lost its connection ({users}).")

    def _refuse(self, connection: int, code: str, message: str) -> None:
        """Refuses what a connection does; a worker that is known there is silent from then on."""
        self._do(Send(connection, Refuse(code, message)))
        self._close(connection, message)
        if record := self.roster.at(connection):
            self._fall_silent(record)

    def _close(self, connection: int, reason: str) -> None:
        """What still comes over the connection until it is closed on both ends is not heard."""
        self._closed.add(connection)
        self._do(Close(connection, reason))

    def _part(self, record: WorkerRecord, reason: str = "") -> None:
        """The worker has no connection any more."""
        connection = self.roster.disconnect(record)
        self.distribution.silence(record.position)
        if connection is None:
            return
        if reason:
            self._close(connection, reason)
        for request in self._pictures.lose(connection):
            self._do(PictureTaken(request, problem="The user's worker lost its connection."))

    def _hello(self, connection: int, hello: Hello) -> None:
        record = self.roster.get(hello.worker)
        refusal = objection(hello, record, token=self.settings.token, joined=len(self.roster.records))
        if refusal is None and (self._over or (self.state == "draining" and record is None)):
            refusal = Refuse("over", "the run is over")
        if refusal is not None:
            self._refuse(connection, refusal.code, refusal.message)
            return
        is_new = record is None or not record.is_active
        record = record or self.roster.add(hello.worker)
        record.process = (hello.host, hello.pid)
        record.users_max = hello.users_max
        record.heard_at = self._now
        old = self.roster.connect(record, connection)
        if old is not None:
            self._close(old, "the worker connected again")
        if is_new:
            words = f"Worker {record.name} joined with room for {_counted(hello.users_max, 'user')}."
            self._note("worker-joined", record, message=words)
        if hello.browsers.items() - self.browsers.items():
            self.browsers |= hello.browsers
            self._store_meta({"browsers": msgspec.json.encode(self.browsers).decode()})
        self._correct_clock(hello.elapsed_s)
        self._welcome(record, hello)

    def _correct_clock(self, elapsed_s: float | None) -> None:
        """After a restart, workers may know better how long the run has lasted: they were there."""
        if elapsed_s is not None and self._now < self._grace_until and elapsed_s <= self.profile.duration_s:
            self._clock.advance_to(elapsed_s, self._now)

    def _welcome(self, record: WorkerRecord, hello: Hello) -> None:
        if self.state == "starting" and hello.users_max > 0:
            self._start_clock()
        worker = record.position
        if self._past_users is not None:
            self.distribution.adopt(worker, hello.running, self._now)
        keep = self.distribution.join(worker, hello.users_max, hello.running, self._now)
        settings = self.settings
        self._send(
            record,
            Welcome(
                protocol=PROTOCOL,
                run=settings.run,
                lease_s=settings.lease_s,
                elapsed_s=self.elapsed_s,
                plan=settings.plan,
                behaviours=settings.behaviours,
                keep=keep,
                windows_stored=record.log.contiguous,
            ),
        )
        if released := self.distribution.released_of(worker):
            self._send(record, Release(released))
        if self.state == "draining":
            self._send(record, Finish(FINISH_GRACE_S))

    # --- messages of a worker ---------------------------------------------------------------------------

    def _renew(self, record: WorkerRecord, message: Renew) -> None:
        if self._leases.has_ended(record.position, self._now):
            self._lose(record)
            return
        self._leases.renew(record.position, self._now)
        self._send(record, Granted(message.number))

    def _freed(self, record: WorkerRecord, message: Freed) -> None:
        for entry in message.users:
            self.distribution.free(record.position, entry, self.elapsed_s)

    def _goodbye(self, record: WorkerRecord) -> None:
        self._part(record, "goodbye")
        record.state = "gone"
        count = self.distribution.lose(record.position, record.heard_at, f"worker {record.id} left")
        self._note("worker-gone", record, count, f"Worker {record.name} left.")
        if self.state == "draining" and not self._over:
            self._check_drained()

    def _window(self, record: WorkerRecord, window: Window) -> None:
        assert record.connection is not None
        if window.worker != record.id:
            self._refuse(record.connection, "protocol", "a window of another worker")
            return
        if window.seq > 0 and window.seq in record.log:
            self._send(record, Ack([window.seq]))
            return
        try:
            stored = self.results.take(record, window, second_max=self.elapsed_s + SECONDS_AHEAD_MAX)
        except WindowRefused as refused:
            self._say(f"A window of worker {record.name} was refused: {refused}.")
            self._refuse(record.connection, "protocol", f"window {window.seq}: {refused}")
            return
        if stored is not None:
            self._do(stored)

    def _stored(self, event: WindowsStored) -> None:
        seqs, merged = self.results.stored(event.keys)
        for worker, stored in seqs.items():
            if record := self.roster.get(worker):
                self._send(record, Ack(stored))
        for window in merged:
            if crashes := window.counters.get("browser_crashes"):
                self._say(f"{_counted(crashes, 'browser')} of worker {window.worker} crashed.")

    def _journal_failed(self, event: JournalFailed) -> None:
        self._say(f"The run folder cannot be written ({event.problem}). Workers keep their results until it can.")

    def _evidence(self, record: WorkerRecord, evidence: Evidence) -> None:
        stored = self.evidence.take(evidence, users=len(self.users), second_max=self.elapsed_s + SECONDS_AHEAD_MAX)
        if stored is not None:
            self._do(stored)

    # --- pictures ---------------------------------------------------------------------------------------

    def _picture_wanted(self, event: PictureWanted) -> None:
        holder = self._leases.holder(event.user) if 0 <= event.user < len(self.users) else NOBODY
        record = self.roster.records[holder] if holder != NOBODY else None
        if record is None or record.connection is None or self.users.state(event.user) != "running":
            self._do(PictureTaken(event.request, problem=f"User {event.user} does not run now."))
            return
        self._pictures.ask(event.request, record.connection)
        self._send(record, TakePicture(event.request, event.user))

    def _picture(self, record: WorkerRecord, picture: Picture) -> None:
        if self._pictures.answer(picture.request, record.connection):
            problem = picture.problem or ("" if picture.image else "The worker sent no picture.")
            self._do(PictureTaken(picture.request, picture.image, problem))

    # --- small helpers ----------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        self._actions.append(action)

    def _send(self, record: WorkerRecord, message: Any) -> None:
        if record.connection is not None:
            self._do(Send(record.connection, message))

    def _store_meta(self, values: dict[str, str]) -> None:
        self._do(StoreMeta(values))

    def _say(self, message: str) -> None:
        """For people, kept with the run."""
        self._note("message", message=message)

    def _note(self, kind: str, record: WorkerRecord | None = None, count: int = 0, message: str = "") -> None:
        self._do(StoreEvent(self.elapsed_s, kind, record.id if record else "", count, message))
        self.messages.append(message)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
