"""Single situations of the core, event by event."""

import time
from typing import Any, TypeVar

import msgspec
import pytest

from carga.coordinator import state as state_module
from carga.coordinator.events import (
    Action,
    Close,
    Event,
    JournalFailed,
    JournalRecovered,
    Send,
    StopRequested,
    StoreEvent,
    StoreMeta,
    StoreWindow,
    Tick,
    WindowsDropped,
    WindowsStored,
    WorkerLeft,
    WorkerSaid,
    WriteResults,
)
from carga.coordinator.live import LiveView
from carga.coordinator.past import Past
from carga.coordinator.state import DRAIN_S_MAX, DRAIN_TOTAL_S_MAX, Coordinator
from carga.coordinator.timeline import Timeline
from carga.model.plan import Plan
from carga.model.totals import Totals
from carga.model.windows import UserChange, Window
from carga.wire.messages import (
    Ack,
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
    Welcome,
    WindowMessage,
)
from tests.coordinator.world import LEASE_S, TOKEN, plan_of, settings_of

Message = TypeVar("Message")


class Play:
    """Feeds a coordinator and remembers what it did."""

    def __init__(self, plan: Plan, *, past: Past | None = None, now: float = 100.0, **settings: Any) -> None:
        self.now = now
        self.coordinator = Coordinator(settings_of(plan, **settings), now=now, past=past)
        self.actions: list[Action] = []

    def feed(self, event: Event) -> list[Action]:
        actions = self.coordinator.handle(event, self.now)
        self.actions += actions
        return actions

    def say(self, message: Any, connection: int = 1) -> list[Action]:
        return self.feed(WorkerSaid(connection, message))

    def hello(self, connection: int = 1, **changes: Any) -> list[Action]:
        values: dict[str, Any] = {"protocol": 1, "token": TOKEN, "worker": f"w{connection}", "users_max": 10}
        return self.say(Hello(**(values | changes)), connection)

    def wait(self, seconds: float, *, renew: tuple[int, ...] = ()) -> None:
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            for connection in renew:
                self.say(Renew(1), connection)
            self.feed(Tick())

    def sent(self, kind: type[Message]) -> list[Message]:
        return [
            action.message for action in self.actions if isinstance(action, Send) and isinstance(action.message, kind)
        ]

    def assigned(self) -> list[Running]:
        return [Running(spec.index, spec.assignment) for message in self.sent(Assign) for spec in message.users]

    def notes(self, kind: str) -> list[StoreEvent]:
        return [action for action in self.actions if isinstance(action, StoreEvent) and action.kind == kind]

    @property
    def state(self) -> str:
        return self.coordinator.state

    @property
    def is_over(self) -> bool:
        return any(isinstance(action, WriteResults) for action in self.actions)


def test_the_clock_starts_with_the_first_worker_that_takes_users() -> None:
    play = Play(plan_of((5, 10)))
    play.wait(5)
    play.hello(1, users_max=0)
    assert play.state == "starting"
    play.wait(5)
    play.hello(2)
    assert play.state == "running"
    assert play.sent(Welcome)[-1].elapsed_s == 0.0
    play.wait(2)
    play.hello(3)
    assert play.sent(Welcome)[-1].elapsed_s == 2.0


def test_without_a_worker_the_run_ends_after_a_minute() -> None:
    play = Play(plan_of((5, 10)))
    play.wait(59)
    assert not play.is_over
    play.wait(2)
    assert play.is_over
    assert play.coordinator.ended == "no-user"
    assert "no worker" in play.coordinator.ended_detail


def test_when_no_user_can_run_the_most_frequent_reason_ends_the_run() -> None:
    play = Play(plan_of((4, 0), (4, 300)))
    play.hello()
    play.wait(1, renew=(1,))
    changes = [UserChange(0, "failed", "odd"), *(UserChange(user, "failed", "no browser") for user in (1, 2))]
    play.say(WindowMessage(Window("w1", 1, 0, users=changes)))
    play.wait(28, renew=(1,))
    assert play.state == "running"
    play.wait(3, renew=(1,))
    assert play.state == "draining"
    assert (play.coordinator.ended, play.coordinator.ended_detail) == ("no-user", "no browser")
    play.say(Goodbye())
    assert play.is_over


def test_one_user_that_runs_keeps_the_run_going() -> None:
    play = Play(plan_of((4, 0), (4, 300)))
    play.hello()
    play.wait(1, renew=(1,))
    play.say(WindowMessage(Window("w1", 1, 0, users=[UserChange(0, "failed", "x"), UserChange(1, "running")])))
    play.wait(60, renew=(1,))
    assert play.state == "running"


def test_missing_capacity_is_told_once() -> None:
    play = Play(plan_of((20, 0), (20, 60)))
    play.hello()
    play.wait(20, renew=(1,))
    said = [note.message for note in play.notes("message")]
    assert len(said) == 1
    assert "20" in said[0]
    assert "10" in said[0]
    assert len(play.assigned()) == 10


def test_users_with_a_start_delay_wait_for_it() -> None:
    play = Play(plan_of((5, 0), (5, 60), start_delay_s=7.0))
    play.hello()
    play.wait(6.5, renew=(1,))
    assert play.assigned() == []
    play.wait(1, renew=(1,))
    assert len(play.assigned()) == 5


def test_a_released_user_stays_with_its_worker_until_it_is_freed() -> None:
    play = Play(plan_of((2, 0), (2, 4), (1, 0), (1, 4), (2, 0), (2, 60)))
    play.hello()
    play.hello(2)
    play.wait(5, renew=(1, 2))
    (release,) = play.sent(Release)
    (entry,) = release.users
    assert entry in play.assigned()
    play.wait(4, renew=(1, 2))
    assert len(play.assigned()) == 2  # wanted again, and still held
    holder = 1 + play.coordinator.distribution.leases.holder(entry.index)
    play.say(Freed([entry]), 3 - holder)  # not the holder's to free
    play.wait(1, renew=(1, 2))
    assert len(play.assigned()) == 2
    play.say(Freed([entry]), holder)
    play.wait(0.5, renew=(1, 2))
    assert [again.index for again in play.assigned()[2:]] == [entry.index]
    assert play.assigned()[2].assignment > entry.assignment


def test_a_user_given_back_unasked_is_tried_again_after_a_pause() -> None:
    play = Play(plan_of((1, 0), (1, 60)))
    play.hello()
    play.wait(1, renew=(1,))
    play.say(Freed(play.assigned()))
    play.wait(1, renew=(1,))
    assert len(play.assigned()) == 1
    play.wait(2, renew=(1,))
    assert len(play.assigned()) == 2


def test_a_worker_that_says_goodbye_in_the_middle_gives_its_users_away_at_once() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    play.wait(1, renew=(1,))
    play.hello(2)
    play.say(Goodbye())
    play.wait(0.5, renew=(2,))
    assert len(play.assigned()) == 8
    assert play.coordinator.moved == 4


def test_a_renewal_that_comes_after_the_lease_is_not_granted() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    play.now += LEASE_S
    actions = play.say(Renew(1))
    assert play.sent(Granted) == []
    assert any(isinstance(action, Close) for action in actions)
    assert play.coordinator.roster.records[0].state == "lost"


def test_a_clock_that_goes_back_stands_still() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    play.wait(5, renew=(1,))
    play.now -= 1000
    play.feed(Tick())
    assert play.coordinator.elapsed_s == 5.0
    assert play.coordinator.roster.records[0].state == "connected"


def test_a_clock_that_jumps_ahead_ends_leases_and_the_run_orderly() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    play.wait(5, renew=(1,))
    play.now += 1e6
    play.feed(Tick())
    assert [note.worker for note in play.notes("worker-lost")] == ["w1"]
    assert play.is_over
    assert play.coordinator.duration_s == 60.0


def test_workers_that_do_not_end_are_not_waited_for_too_long() -> None:
    play = Play(plan_of((4, 0), (4, 2)))
    play.hello()
    play.wait(2, renew=(1,))
    assert len(play.sent(Finish)) == 1
    play.wait(19, renew=(1,))
    assert not play.is_over
    play.wait(2, renew=(1,))
    assert play.is_over
    assert "in time" in play.notes("worker-lost")[0].message


def test_nobody_joins_a_run_that_is_ending_but_its_own_workers_come_back() -> None:
    play = Play(plan_of((4, 0), (4, 2)))
    play.hello()
    play.wait(2.5, renew=(1,))
    play.hello(2)
    assert play.sent(Refuse)[-1].code == "over"
    play.feed(WorkerLeft(1))
    play.hello(3, worker="w1", running=play.assigned())
    assert sorted(play.sent(Welcome)[-1].keep) == [0, 1, 2, 3]
    assert len(play.sent(Finish)) == 2
    play.say(Goodbye(), 3)
    assert play.is_over
    assert play.hello(4)[0] == Send(4, Refuse("over", "the run is over"))


def test_a_window_is_acknowledged_only_once_it_is_stored() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    window = Window("w1", 1, 0, counters={"actions": 3})
    (store,) = play.say(WindowMessage(window))
    assert isinstance(store, StoreWindow)
    assert msgspec.msgpack.decode(store.payload, type=Window) == window
    assert play.say(WindowMessage(window)) == []  # sent again before it is stored
    assert play.feed(WindowsStored([("w1", 1)])) == [Send(1, Ack([1]))]
    assert play.say(WindowMessage(window)) == [Send(1, Ack([1]))]
    assert play.coordinator.results.totals.counters["actions"] == 3


def test_a_window_that_the_journal_had_no_room_for_counts_when_it_comes_again() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    window = Window("w1", 1, 0, counters={"actions": 3})
    play.say(WindowMessage(window))
    play.feed(WindowsDropped([("w1", 1)]))
    play.feed(JournalFailed("disk full"))
    play.feed(JournalRecovered())
    assert isinstance(play.say(WindowMessage(window))[0], StoreWindow)
    play.feed(WindowsStored([("w1", 1)]))
    assert play.coordinator.results.totals.counters["actions"] == 3
    said = play.coordinator.take_messages()
    assert any("disk full" in message for message in said)
    assert any("can be written again" in message for message in said)


def test_a_stop_before_any_worker_ends_at_once() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.feed(StopRequested("SIGTERM"))
    assert play.is_over
    assert play.coordinator.ended == "interrupted"


def past_of(meta: dict[str, str]) -> Past:
    return Past(meta={"started_at": "2026-01-01T00:00:00Z"} | meta, totals=Totals(), timeline=Timeline())


@pytest.mark.parametrize(("boot_id", "elapsed_s"), [("boot", 25.0), ("other", 20.0)])
def test_time_goes_on_over_a_restart_as_far_as_it_can_be_known(boot_id: str, elapsed_s: float) -> None:
    clock = msgspec.json.encode({"boot_id": "boot", "boottime_s": 95.0}).decode()
    past = past_of({"state": "running", "elapsed_s": "20.0", "clock": clock})
    play = Play(plan_of((4, 0), (4, 600)), past=past, boot_id=boot_id)
    assert play.coordinator.elapsed_s == elapsed_s
    play.hello(elapsed_s=float("nan"))
    play.hello(2, elapsed_s=1e9)
    play.hello(3, elapsed_s=-5.0)
    assert play.coordinator.elapsed_s == elapsed_s
    play.hello(4, elapsed_s=27.5)
    assert play.coordinator.elapsed_s == 27.5


def test_after_a_restart_nobody_is_assigned_for_a_whole_lease() -> None:
    play = Play(plan_of((4, 0), (4, 600)), past=past_of({"state": "running", "elapsed_s": "20.0"}))
    play.hello(running=[Running(0, 7)])
    play.wait(LEASE_S - 0.5, renew=(1,))
    assert play.sent(Welcome)[0].keep == [0]
    assert play.assigned() == []
    play.wait(1, renew=(1,))
    assert [entry.index for entry in play.assigned()] == [1, 2, 3]
    assert min(entry.assignment for entry in play.assigned()) > 7


def test_two_workers_cannot_both_bring_the_same_user_over_a_restart() -> None:
    play = Play(plan_of((4, 0), (4, 600)), past=past_of({"state": "running", "elapsed_s": "20.0"}))
    play.hello(1, running=[Running(0, 7), Running(1, 2**50)])
    play.hello(2, running=[Running(0, 8)])
    assert [welcome.keep for welcome in play.sent(Welcome)] == [[0], []]


def test_a_run_that_had_ended_only_gets_its_results_again() -> None:
    play = Play(plan_of((4, 0), (4, 60)), past=past_of({"state": "finished", "elapsed_s": "60.0"}))
    play.feed(Tick())
    assert play.is_over


def test_the_clock_is_written_down_each_second() -> None:
    play = Play(plan_of((4, 0), (4, 60)))
    play.hello()
    play.wait(3, renew=(1,))
    times = [
        action.values["elapsed_s"]
        for action in play.actions
        if isinstance(action, StoreMeta) and "elapsed_s" in action.values
    ]
    assert times == ["0.0", "1.0", "2.0", "3.0"]


def test_the_first_worker_does_not_get_the_users_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "WORKERS_SETTLE_S", 1.0)
    play = Play(plan_of((10, 0), (10, 60)))
    play.hello(1)
    play.wait(0.5, renew=(1,))
    play.hello(2)
    play.wait(1, renew=(1, 2))
    holders = [play.coordinator.distribution.leases.holder(user) for user in range(10)]
    assert (holders.count(0), holders.count(1)) == (5, 5)


def test_a_list_of_a_hundred_thousand_users_is_made_quickly() -> None:
    play = Play(plan_of((100_000, 60), (100_000, 60)))
    view = LiveView(play.coordinator)
    began = time.process_time()
    text = msgspec.json.encode(view.user_list())
    assert time.process_time() - began < 0.5
    assert len(msgspec.json.decode(text)["users"]) == 100_000


def test_changes_beyond_one_messages_limit_come_with_the_next() -> None:
    play = Play(plan_of((6000, 0), (6000, 60)))
    view = LiveView(play.coordinator)
    play.hello(users_max=6000)
    play.wait(2, renew=(1,))
    first, second, third = (view.live().changed for _ in range(3))
    assert [len(first), len(second), len(third)] == [5000, 1000, 0]
    assert {row[0] for row in (*first, *second)} == set(range(6000))


def test_a_worker_that_still_ends_users_is_waited_for_and_one_that_ends_none_is_not() -> None:
    play = Play(plan_of((8, 0), (8, 10)))
    play.hello()
    play.wait(12, renew=(1,))
    assert play.state == "draining"
    for entry in play.assigned()[:4]:
        play.wait(DRAIN_S_MAX - 5, renew=(1,))
        play.say(Freed([entry]))
    assert not play.is_over
    play.wait(DRAIN_S_MAX + 1, renew=(1,))
    assert play.is_over
    assert "did not end in time" in play.notes("worker-lost")[0].message


def test_a_run_drains_for_no_longer_than_its_limit() -> None:
    play = Play(plan_of((8, 0), (8, 10)))
    play.hello()
    play.wait(12, renew=(1,))
    for _ in range(round(DRAIN_TOTAL_S_MAX / 10) + 1):
        play.wait(10, renew=(1,))
        play.say(Freed([]))
    assert play.is_over
