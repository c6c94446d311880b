"""The coordinator's talk with its workers: who may join, what each message means, and what a silent one loses."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from carga.coordinator.admission import objection
from carga.coordinator.events import (
    Close,
    PictureExpired,
    PictureTaken,
    PictureWanted,
    Send,
    WindowsStored,
    WorkerBroke,
    WorkerLeft,
    WorkerSaid,
)
from carga.coordinator.intake import SECONDS_AHEAD_MAX
from carga.coordinator.leases import NOBODY
from carga.coordinator.pictures import Pictures
from carga.coordinator.results import WindowRefused
from carga.coordinator.roster import WorkerRecord
from carga.coordinator.run import Run, counted
from carga.model.windows import Window
from carga.wire.messages import (
    PROTOCOL,
    Ack,
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
    TakePicture,
    Welcome,
    WindowMessage,
)

FINISH_GRACE_S = 10.0
"""What workers get to stop their users."""


class Conversation:
    """`on_first_worker` begins the run's time; `on_goodbye` is called when a worker has left."""

    def __init__(self, run: Run, *, on_first_worker: Callable[[], None], on_goodbye: Callable[[], None]) -> None:
        self._run = run
        self._on_first_worker = on_first_worker
        self._on_goodbye = on_goodbye
        self._closed: set[int] = set()
        """Connections that are closed here and not yet gone."""
        self._pictures = Pictures()
        self.handlers: dict[type, Callable[[Any], object]] = {
            WorkerSaid: self._said,
            WorkerBroke: self._broke,
            WorkerLeft: self._left,
            WindowsStored: self._stored,
            PictureWanted: self._picture_wanted,
            PictureExpired: lambda event: self._pictures.forget(event.request),
        }
        self._messages: dict[type, Callable[[WorkerRecord, Any], None]] = {
            Renew: self._renew,
            WindowMessage: lambda record, message: self._window(record, message.window),
            Freed: self._freed,
            Picture: self._picture,
            Evidence: self._evidence,
            Goodbye: lambda record, _: self._goodbye(record),
        }

    def end_worker(
        self, record: WorkerRecord, state: Literal["lost", "gone"], reason: str, detail: str, words: str
    ) -> None:
        """The worker is out of the run, and its users are free. `words` are for people; {users} is how many it had."""
        self._part(record, reason)
        record.state = state
        count = self._run.distribution.lose(record.position, record.heard_at, detail)
        message = f"Worker {record.name} {words}".format(users=counted(count, "user"))
        self._run.note(f"worker-{state}", record, count, message)

    def lose(self, record: WorkerRecord) -> None:
        """Its lease has ended."""
        self.end_worker(record, "lost", "the lease ended", f"worker {record.id} was lost", "was lost with {users}.")

    # --- connections ------------------------------------------------------------------------------------

    def _said(self, event: WorkerSaid) -> None:
        if event.connection in self._closed:
            return
        record = self._run.roster.at(event.connection)
        if isinstance(event.message, Hello):
            if record is not None:
                self._refuse(event.connection, "protocol", "a second Hello on one connection")
            else:
                self._hello(event.connection, event.message)
        elif record is None:
            self._refuse(event.connection, "protocol", "a message before Hello")
        else:
            record.heard_at = self._run.now
            self._messages[type(event.message)](record, event.message)

    def _broke(self, event: WorkerBroke) -> None:
        if event.connection in self._closed:
            return
        self._refuse(event.connection, "protocol", event.problem)

    def _left(self, event: WorkerLeft) -> None:
        self._closed.discard(event.connection)
        if record := self._run.roster.at(event.connection):
            self._fall_silent(record)

    def _fall_silent(self, record: WorkerRecord) -> None:
        self._part(record)
        if record.state == "connected":
            record.state = "silent"
            users = counted(len(self._run.leases.users_of(record.position)), "user")
            self._run.note("worker-silent", record, message=f"Worker {record.name} lost its connection ({users}).")

    def _refuse(self, connection: int, code: str, message: str) -> None:
        """Refuses what a connection does; a worker that is known there is silent from then on."""
        self._run.do(Send(connection, Refuse(code, message)))
        self._close(connection, message)
        if record := self._run.roster.at(connection):
            self._fall_silent(record)

    def _close(self, connection: int, reason: str) -> None:
        """What still comes over the connection until it is closed on both ends is not heard."""
        self._closed.add(connection)
        self._run.do(Close(connection, reason))

    def _part(self, record: WorkerRecord, reason: str = "") -> None:
        """The worker has no connection any more."""
        connection = self._run.roster.disconnect(record)
        self._run.distribution.silence(record.position)
        if connection is None:
            return
        if reason:
            self._close(connection, reason)
        for request in self._pictures.lose(connection):
            self._run.do(PictureTaken(request, problem="The user's worker lost its connection."))

    def _hello(self, connection: int, hello: Hello) -> None:
        record = self._run.roster.get(hello.worker)
        refusal = objection(hello, record, token=self._run.settings.token, joined=len(self._run.roster.records))
        if refusal is None and (self._run.over or (self._run.state == "draining" and record is None)):
            refusal = Refuse("over", "the run is over")
        if refusal is not None:
            self._refuse(connection, refusal.code, refusal.message)
            return
        is_new = record is None or not record.is_active
        record = record or self._run.roster.add(hello.worker)
        record.process = (hello.host, hello.pid)
        record.users_max = hello.users_max
        record.heard_at = self._run.now
        old = self._run.roster.connect(record, connection)
        if old is not None:
            self._close(old, "the worker connected again")
        if is_new:
            words = f"Worker {record.name} joined with room for {counted(hello.users_max, 'user')}."
            self._run.note("worker-joined", record, message=words)
        if hello.browsers.items() - self._run.browsers.items():
            self._run.browsers |= hello.browsers
            self._run.store_meta({"browsers": msgspec.json.encode(self._run.browsers).decode()})
        self._correct_clock(hello.elapsed_s)
        self._welcome(record, hello)

    def _correct_clock(self, elapsed_s: float | None) -> None:
        """After a restart, workers may know better how long the run has lasted: they were there."""
        if (
            elapsed_s is not None
            and self._run.now < self._run.grace_until
            and elapsed_s <= self._run.profile.duration_s
        ):
            self._run.clock.advance_to(elapsed_s, self._run.now)

    def _welcome(self, record: WorkerRecord, hello: Hello) -> None:
        if self._run.state == "starting" and hello.users_max > 0:
            self._on_first_worker()
        worker = record.position
        if self._run.past_users is not None:
            self._run.distribution.adopt(worker, hello.running, self._run.now)
        keep = self._run.distribution.join(worker, hello.users_max, hello.running, self._run.now)
        if record.full:
            self._run.distribution.silence(worker)
        settings = self._run.settings
        self._run.send(
            record,
            Welcome(
                protocol=PROTOCOL,
                run=settings.run,
                lease_s=settings.lease_s,
                elapsed_s=self._run.elapsed_s,
                plan=settings.plan,
                behaviours=settings.behaviours,
                keep=keep,
                windows_stored=record.log.contiguous,
            ),
        )
        if released := self._run.distribution.released_of(worker):
            self._run.send(record, Release(released))
        if self._run.state == "draining":
            self._run.send(record, Finish(FINISH_GRACE_S))

    # --- messages of a worker ---------------------------------------------------------------------------

    def _renew(self, record: WorkerRecord, message: Renew) -> None:
        if self._run.leases.has_ended(record.position, self._run.now):
            self.lose(record)
            return
        self._run.leases.renew(record.position, self._run.now)
        self._run.send(record, Granted(message.number))

    def _freed(self, record: WorkerRecord, message: Freed) -> None:
        self._run.freed_at = self._run.now
        for entry in message.users:
            self._run.distribution.free(record.position, entry, self._run.elapsed_s, record.full)

    def _goodbye(self, record: WorkerRecord) -> None:
        self.end_worker(record, "gone", "goodbye", f"worker {record.id} left", "left.")
        self._on_goodbye()

    def _window(self, record: WorkerRecord, window: Window) -> None:
        assert record.connection is not None
        if window.worker != record.id:
            self._refuse(record.connection, "protocol", "a window of another worker")
            return
        if window.seq > 0 and window.seq in record.log:
            self._run.send(record, Ack([window.seq]))
            return
        try:
            stored = self._run.results.take(record, window, second_max=self._run.elapsed_s + SECONDS_AHEAD_MAX)
        except WindowRefused as refused:
            self._run.say(f"A window of worker {record.name} was refused: {refused}.")
            self._refuse(record.connection, "protocol", f"window {window.seq}: {refused}")
            return
        if stored is not None:
            self._run.do(stored)
            if window.seq == record.applied_seq:
                self._hear_fullness(record, window.gauges.full)

    def _hear_fullness(self, record: WorkerRecord, full: str) -> None:
        """A full worker gets no users until it says that it is full no more; others may have room."""
        was_full, record.full = bool(record.full), full
        if bool(full) == was_full or self._run.state != "running":
            return
        if full:
            self._run.distribution.silence(record.position)
            self._run.say(f"Worker {record.name} takes no more users for now: {full}.")
        else:
            self._run.distribution.go_on(record.position, record.users_max)
            self._run.say(f"Worker {record.name} takes users again.")

    def _stored(self, event: WindowsStored) -> None:
        seqs, merged = self._run.results.stored(event.keys)
        for worker, stored in seqs.items():
            if record := self._run.roster.get(worker):
                self._run.send(record, Ack(stored))
        for window in merged:
            if crashes := window.counters.get("browser_crashes"):
                self._run.say(f"{counted(crashes, 'browser')} of worker {window.worker} crashed.")

    def _evidence(self, record: WorkerRecord, evidence: Evidence) -> None:
        stored = self._run.evidence.take(
            evidence, users=len(self._run.users), second_max=self._run.elapsed_s + SECONDS_AHEAD_MAX
        )
        if stored is not None:
            self._run.do(stored)

    # --- pictures ---------------------------------------------------------------------------------------

    def _picture_wanted(self, event: PictureWanted) -> None:
        holder = self._run.leases.holder(event.user) if 0 <= event.user < len(self._run.users) else NOBODY
        record = self._run.roster.records[holder] if holder != NOBODY else None
        if record is None or record.connection is None or self._run.users.state(event.user) != "running":
            self._run.do(PictureTaken(event.request, problem=f"User {event.user} does not run now."))
            return
        self._pictures.ask(event.request, record.connection)
        self._run.send(record, TakePicture(event.request, event.user))

    def _picture(self, record: WorkerRecord, picture: Picture) -> None:
        if self._pictures.answer(picture.request, record.connection):
            problem = picture.problem or ("" if picture.image else "The worker sent no picture.")
            self._run.do(PictureTaken(picture.request, picture.image, problem))
