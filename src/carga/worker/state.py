"""The worker's decisions, without I/O: events in, actions out. The shell is `worker/serve.py`.

A worker holds users on a lease. It counts the lease from when it *sent* the renewal that was granted, and ends its
users before that time is over, whatever else happens; so the coordinator, who counts from when it answered, never
gives a user away that still runs here.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from carga.model.engines import BrowserKind, kind_of
from carga.model.plan import Plan
from carga.wire.messages import (
    PROTOCOL,
    Assign,
    Finish,
    Freed,
    Goodbye,
    Granted,
    Hello,
    Refuse,
    Release,
    Renew,
    Running,
    UserSpec,
    Welcome,
)
from carga.worker import events as ev
from carga.worker.events import Action, Event
from carga.worker.lease import Lease
from carga.worker.pool import BrowserPool, PooledBrowser

RETRY_S_FIRST = 1.0
RETRY_S_MAX = 30.0
RELEASE_GRACE_S = 2.0
"""What the open step of a released user gets to end."""
LOST_PHRASE = "The worker lost touch with its coordinator."
NO_COORDINATOR_S_MAX = 120.0
"""A worker that has had no coordinator for so long gives up."""

FULL_KEEPS_S = 10.0
"""How long users wait here for a full machine. Then the coordinator has them back: another one may have room."""

Phase = Literal["working", "finishing", "sealing", "done"]
UserPhase = Literal["queued", "opening", "running", "closing"]


class _User(msgspec.Struct):
    spec: UserSpec
    phase: UserPhase = "queued"
    browser: int = 0
    attempts: int = 0
    not_before: float = 0.0
    held: str = ""
    """Why the user waits here, or is ended, though nobody asked for it: the machine is full."""


class WorkerState:
    """`handle` is the only way in. Times are of any monotonic clock, in seconds."""

    def __init__(
        self,
        *,
        worker: str,
        hello: Hello,
        now: float,
        users_per_browser: int | None = None,
        opening_max: int,
        unacknowledged: Callable[[], int] = lambda: 0,
    ) -> None:
        self.worker = worker
        self.plan: Plan | None = None
        self.users: dict[int, _User] = {}
        self.phase: Phase = "working"
        self._hello = hello
        self._unacknowledged = unacknowledged
        self._pool = BrowserPool(users_per_browser=users_per_browser, opening_max=opening_max)
        self._opening_max = self._opening_now_max = opening_max
        self._queue: list[int] = []
        """Users to open, in order."""
        self._opening = 0
        self._full = ""
        """Why the machine takes no more users."""
        self._full_since = now
        self._connected = False
        self.welcomed = False
        self._hello_sent_at = now
        self._lease = Lease(now)
        self._alone_since = now
        self.run_zero: float | None = None
        """When the run's time was 0."""

    @property
    def running(self) -> int:
        return sum(user.phase in ("running", "closing") for user in self.users.values())

    @property
    def waiting(self) -> int:
        """Users that are not opened because the machine is full."""
        return len(self._queue) if self._full else 0

    def elapsed_s(self, now: float) -> float | None:
        return None if self.run_zero is None else now - self.run_zero

    @property
    def browsers(self) -> dict[int, PooledBrowser]:
        return self._pool.browsers

    def browsers_may_live_s(self, now: float) -> float:
        """For how long the browsers may go on when nothing more is heard from this worker."""
        return self._lease.browsers_may_live_s(now)

    def handle(self, event: Event, now: float) -> list[Action]:
        actions: list[Action] = []
        match event:
            case ev.Tick():
                self._tick(now, actions)
            case ev.Received(message):
                self._receive(message, now, actions)
            case ev.Connected():
                self._say_hello(now, actions)
            case ev.Disconnected():
                self._connected = self.welcomed = False
                self._alone_since = now
                self._lease.disconnected()
            case ev.PageRunning():
                self._page_running(event, actions)
            case ev.PageFailed():
                self._page_failed(event, now, actions)
            case ev.PageLost():
                self._page_lost(event, actions)
            case ev.PageClosed(index, assignment):
                self._page_closed(index, assignment, now, actions)
            case ev.BrowserOpened(browser):
                if browser in self.browsers:
                    self.browsers[browser].open = True
            case ev.BrowserFailed(browser, reason):
                self._browser_failed(browser, reason, now, actions)
            case ev.BrowserLost(browser, reason):
                self._browser_lost(browser, reason, now, actions)
            case ev.MachineJudged(full, release, pace):
                self._opening_now_max = max(1, int(self._opening_max * pace))
                self._machine_judged(full, release, now, actions)
            case ev.OutboxEmpty():
                if self.phase == "sealing":
                    self.phase = "done"
                    actions += [ev.Send(Goodbye()), ev.Exit(0)]
        self._open_users(now, actions)
        self._finish_if_empty(actions)
        return actions

    # --- coordinator -----------------------------------------------------------------------------------

    def _say_hello(self, now: float, actions: list[Action]) -> None:
        self._connected = True
        self._hello_sent_at = now
        running = [Running(index, user.spec.assignment) for index, user in self.users.items()]
        hello = msgspec.structs.replace(
            self._hello,
            protocol=PROTOCOL,
            running=running,
            elapsed_s=self.elapsed_s(now),
            unacknowledged=self._unacknowledged(),
        )
        actions.append(ev.Send(hello))

    def _receive(self, message: object, now: float, actions: list[Action]) -> None:
        match message:
            case Welcome():
                self._welcome(message, now, actions)
            case Granted(number):
                self._lease.granted(number)
            case Assign(users) if self.phase == "working":
                for spec in users:
                    self._assign(spec, actions)
            case Release(users):
                for one in users:
                    self._release(one.index, one.assignment, RELEASE_GRACE_S, actions)
            case Finish(grace_s) if self.phase == "working":
                self.phase = "finishing"
                for index, user in list(self.users.items()):
                    self._release(index, user.spec.assignment, grace_s, actions)
            case Refuse(code, text):
                actions.append(ev.KillBrowsers())
                self._drop_all(actions)
                self.phase = "done"
                actions.append(ev.Exit(0 if code == "over" else 1, text))
            case _:
                pass

    def _welcome(self, welcome: Welcome, now: float, actions: list[Action]) -> None:
        self.welcomed = True
        self.plan = welcome.plan
        self._lease.begin(welcome.lease_s, asked_at=self._hello_sent_at)
        if self.run_zero is None:
            self.run_zero = now - welcome.elapsed_s
        keep = set(welcome.keep)
        for index, user in list(self.users.items()):
            if index not in keep:
                self._release(index, user.spec.assignment, 0.0, actions)

    def _tick(self, now: float, actions: list[Action]) -> None:
        if self.users and self._lease.is_over(now):
            actions.append(ev.KillBrowsers())
            self._drop_all(actions)
        if self.welcomed and (number := self._lease.renewal_due(now)) is not None:
            actions.append(ev.Send(Renew(number)))
        if not self._connected and now - self._alone_since > NO_COORDINATOR_S_MAX:
            self.phase = "done"
            actions += [
                ev.KillBrowsers(),
                ev.Exit(1, f"There was no coordinator for {NO_COORDINATOR_S_MAX:g} s."),
            ]
        actions += [ev.CloseBrowser(number) for number in self._pool.take_idle(now)]

    def _drop_all(self, actions: list[Action]) -> None:
        """The browsers were killed, and every user with them."""
        freed = [Running(index, user.spec.assignment) for index, user in self.users.items()]
        actions += [ev.Note(index, "lost", LOST_PHRASE) for index in self.users]
        self.users.clear()
        self.browsers.clear()
        self._queue.clear()
        self._opening = 0
        if freed:
            actions.append(ev.Send(Freed(freed)))

    # --- users -----------------------------------------------------------------------------------------

    def _assign(self, spec: UserSpec, actions: list[Action]) -> None:
        mine = self.users.get(spec.index)
        if mine is not None:
            if mine.spec.assignment < spec.assignment:
                # The coordinator took our word that the user was free, and it was not yet: say so again at the end.
                self._release(spec.index, mine.spec.assignment, 0.0, actions)
                actions.append(ev.Send(Freed([Running(spec.index, spec.assignment)])))
            return
        self.users[spec.index] = _User(spec)
        self._queue.append(spec.index)
        actions.append(ev.Note(spec.index, "starting"))

    def _release(self, index: int, assignment: int, grace_s: float, actions: list[Action]) -> None:
        user = self.users.get(index)
        if user is None:
            # Not here (any more): the coordinator must not wait for it.
            actions.append(ev.Send(Freed([Running(index, assignment)])))
            return
        if user.spec.assignment != assignment or user.phase == "closing":
            return
        if user.phase == "queued":
            self._queue.remove(index)
            self._free(index, actions)
            actions += [ev.CloseBrowser(number) for number in self._pool.take_owned(index)]
            return
        if user.phase == "opening":
            self._opening -= 1
        user.phase = "closing"
        actions.append(ev.Note(index, "stopping"))
        actions.append(ev.ClosePage(index, assignment, grace_s))

    def _free(self, index: int, actions: list[Action]) -> None:
        user = self.users.pop(index)
        actions.append(ev.Note(index, "waiting", user.held) if user.held else ev.Note(index, "stopped"))
        actions.append(ev.Send(Freed([Running(index, user.spec.assignment)])))

    def _open_users(self, now: float, actions: list[Action]) -> None:
        if self.phase != "working" or not self._queue or self.plan is None or self._opening >= self._opening_now_max:
            return
        if self._full:
            return
        if self._lease.is_over(now):
            return  # the next tick gives the users up
        waiting: list[int] = []
        full: set[BrowserKind] = set()
        for position, index in enumerate(self._queue):
            if self._opening >= self._opening_now_max:
                waiting += self._queue[position:]
                break
            user = self.users[index]
            browser = None
            if user.not_before <= now and (kind := self._kind(user.spec)) not in full:
                browser = self._browser_for(user.spec, kind, now, actions)
                if browser is None and not kind.alone:
                    full.add(kind)  # so that a long queue costs little
            if browser is None:
                waiting.append(index)
                continue
            user.phase, user.browser, user.held = "opening", browser, ""
            self.browsers[browser].users.add(index)
            self._opening += 1
            actions.append(ev.OpenPage(user.spec, browser))
        self._queue = waiting

    def _browser_for(self, spec: UserSpec, kind: BrowserKind, now: float, actions: list[Action]) -> int | None:
        """An open browser with room; else one is opened, unless one is on its way."""
        number = self._pool.room_for(spec.index, kind)
        if number is None and (ordered := self._pool.order_for(spec.index, kind, now)) is not None:
            actions.append(ev.OpenBrowser(ordered, kind, spec if kind.alone else None))
        return number

    def _kind(self, spec: UserSpec) -> BrowserKind:
        assert self.plan is not None, "users come after the plan"
        return kind_of(self.plan.groups[spec.group], spec.index)

    def _in_page(self, event: ev.PageRunning | ev.PageFailed | ev.PageLost) -> _User | None:
        """The user that `event` is about; None when the news is of an earlier assignment or browser of that user."""
        user = self.users.get(event.index)
        if user is None or (user.spec.assignment, user.browser) != (event.assignment, event.browser):
            return None
        return user

    def _page_running(self, event: ev.PageRunning, actions: list[Action]) -> None:
        user = self._in_page(event)
        if user is None or user.phase != "opening":
            return
        user.phase = "running"
        user.attempts = 0
        self._opening -= 1
        actions.append(ev.Note(event.index, "running"))

    def _page_failed(self, event: ev.PageFailed, now: float, actions: list[Action]) -> None:
        user = self._in_page(event)
        if user is None or user.phase != "opening":
            return
        self._opening -= 1
        self._requeue(user, now, delay_s=_backoff_s(user))
        user.attempts += 1
        actions.append(ev.Note(event.index, "failed", event.reason))

    def _page_lost(self, event: ev.PageLost, actions: list[Action]) -> None:
        user = self._in_page(event)
        if user is None or user.phase not in ("opening", "running"):
            return
        if user.phase == "opening":
            self._opening -= 1
        self._requeue(user, 0.0, delay_s=0.0)
        actions += [ev.Note(event.index, "lost", event.reason), ev.Count("page_crashes")]

    def _page_closed(self, index: int, assignment: int, now: float, actions: list[Action]) -> None:
        user = self.users.get(index)
        if user is None or user.spec.assignment != assignment or user.phase != "closing":
            return
        self._pool.leave(user.browser, user.spec.index, now)
        self._free(index, actions)
        actions += [ev.CloseBrowser(number) for number in self._pool.take_owned(index)]

    def _requeue(self, user: _User, now: float, *, delay_s: float) -> None:
        self._pool.leave(user.browser, user.spec.index, now)
        user.phase = "queued"
        user.not_before = now + delay_s
        self._queue.append(user.spec.index)

    # --- a full machine --------------------------------------------------------------------------------

    def _machine_judged(self, full: str, release: int, now: float, actions: list[Action]) -> None:
        if full and not self._full:
            self._full_since = now
        self._full = full
        if not full or self.phase != "working":
            return
        for index in self._queue:
            user = self.users[index]
            if not user.held:
                user.held = full
                actions.append(ev.Note(index, "starting", full))
        if now - self._full_since >= FULL_KEEPS_S:
            self._give_back(actions)
        self._release_newest(release, full, actions)

    def _give_back(self, actions: list[Action]) -> None:
        """All users that were not opened yet."""
        freed = []
        for index in self._queue:
            user = self.users.pop(index)
            freed.append(Running(index, user.spec.assignment))
            actions.append(ev.Note(index, "waiting", user.held))
            actions += [ev.CloseBrowser(number) for number in self._pool.take_owned(index)]
        self._queue.clear()
        if freed:
            actions.append(ev.Send(Freed(freed)))

    def _release_newest(self, count: int, why: str, actions: list[Action]) -> None:
        """Rather than letting the kernel kill a browser with all its users."""
        newest = [index for index, user in self.users.items() if user.phase in ("opening", "running")][::-1]
        for index in newest[:count]:
            self.users[index].held = why
            actions.append(ev.Count("users_released"))
            self._release(index, self.users[index].spec.assignment, 0.0, actions)

    # --- browsers --------------------------------------------------------------------------------------

    def _browser_failed(self, number: int, reason: str, now: float, actions: list[Action]) -> None:
        browser = self.browsers.pop(number, None)
        if browser is None:
            return
        for index in self._queue:
            user = self.users[index]
            if user.not_before <= now and browser.owner in (None, index) and self._kind(user.spec) == browser.kind:
                user.not_before = now + _backoff_s(user)
                user.attempts += 1
                actions.append(ev.Note(index, "failed", reason))

    def _browser_lost(self, number: int, reason: str, now: float, actions: list[Action]) -> None:
        browser = self.browsers.pop(number, None)
        if browser is None:
            return
        actions.append(ev.Count("browser_crashes"))
        for index in sorted(browser.users):
            user = self.users.get(index)
            if user is None or user.browser != number:
                continue
            if user.phase == "closing":
                continue  # ClosePage is answered all the same
            if user.phase == "opening":
                self._opening -= 1
            self._requeue(user, now, delay_s=0.0)
            actions.append(ev.Note(index, "lost", reason))

    # --- the end ---------------------------------------------------------------------------------------

    def _finish_if_empty(self, actions: list[Action]) -> None:
        if self.phase != "finishing" or self.users:
            return
        self.phase = "sealing"
        actions += [ev.CloseBrowser(number) for number in self.browsers]
        self.browsers.clear()
        actions.append(ev.SealLast())


def _backoff_s(user: _User) -> float:
    return min(RETRY_S_MAX, RETRY_S_FIRST * 2.0 ** min(user.attempts, 10))
