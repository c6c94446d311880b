"""Playback of events against the worker's state machine: what it does, and above all what it never does."""

import random

from carga.model.plan import Group, Plan, Stage, Target
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
from carga.worker.pool import BROWSER_IDLE_S
from carga.worker.state import FULL_KEEPS_S, NO_COORDINATOR_S_MAX, WorkerState

LEASE_S = 10.0
PLAN = Plan(
    name="plan.toml",
    target=Target("http://127.0.0.1/"),
    groups=(
        Group("a", 100),
        Group("b", 100, first_index=100, rendering="full"),
        Group("alone", 100, first_index=200, isolation="process"),
    ),
    stages=(Stage(200, 60),),
)


def spec(index: int, assignment: int = 1) -> UserSpec:
    return UserSpec(index, index // 100, assignment, "http://127.0.0.1/", {})


class Playback:
    """A worker whose browsers and pages do what the test says, at a time that the test moves."""

    def __init__(self, *, users_per_browser: int = 10, opening_max: int = 4) -> None:
        self.now = 100.0
        hello = Hello(protocol=PROTOCOL, token="t", worker="w", users_max=200)
        self.state = WorkerState(
            worker="w", hello=hello, now=self.now, users_per_browser=users_per_browser, opening_max=opening_max
        )
        self.actions: list[ev.Action] = []

    def feed(self, event: ev.Event) -> list[ev.Action]:
        actions = self.state.handle(event, self.now)
        self.actions += actions
        return actions

    def receive(self, message: object) -> list[ev.Action]:
        return self.feed(ev.Received(message))  # type: ignore[arg-type]

    def tick(self, seconds: float = 0.2) -> list[ev.Action]:
        self.now += seconds
        return self.feed(ev.Tick())

    def connect(self, *, keep: list[int] | None = None) -> list[ev.Action]:
        hello = self.feed(ev.Connected())
        welcome = Welcome(
            protocol=PROTOCOL, run="r", lease_s=LEASE_S, elapsed_s=0.0, plan=PLAN, behaviours={}, keep=keep or []
        )
        return hello + self.receive(welcome)

    def run_users(self, *indexes: int, assignment: int = 1) -> None:
        """Assigns users and lets everything about them succeed."""
        todo = self.receive(Assign([spec(index, assignment) for index in indexes]))
        while todo:
            action = todo.pop(0)
            match action:
                case ev.OpenBrowser(browser):
                    todo += self.feed(ev.BrowserOpened(browser))
                case ev.OpenPage(one, browser):
                    todo += self.feed(ev.PageRunning(one.index, one.assignment, browser))
        assert all(self.state.users[index].phase == "running" for index in indexes)

    def browser_of(self, index: int) -> int:
        return self.state.users[index].browser


def sent(actions: list[ev.Action], kind: type) -> list[object]:
    return [action.message for action in actions if isinstance(action, ev.Send) and isinstance(action.message, kind)]


def of(actions: list[ev.Action], kind: type) -> list[ev.Action]:
    return [action for action in actions if isinstance(action, kind)]


def test_hello_comes_first_and_names_the_users_that_still_run() -> None:
    play = Playback()
    play.connect()
    play.run_users(1, 2)
    play.feed(ev.Disconnected())
    actions = play.feed(ev.Connected())
    (hello,) = sent(actions, Hello)
    assert hello.running == [Running(1, 1), Running(2, 1)]
    assert hello.elapsed_s is not None


def test_users_open_in_a_browser_of_their_rendering_and_no_more_than_allowed_at_once() -> None:
    play = Playback(opening_max=3)
    play.connect()
    actions = play.receive(Assign([spec(index) for index in (0, 1, 2, 3, 100)]))
    (first, second) = of(actions, ev.OpenBrowser)
    assert [first.kind.rendering, second.kind.rendering] == ["paced", "full"]
    opened = of(play.feed(ev.BrowserOpened(first.browser)), ev.OpenPage)
    assert [action.spec.index for action in opened] == [0, 1, 2]
    assert not of(play.feed(ev.BrowserOpened(second.browser)), ev.OpenPage)
    opened = of(play.feed(ev.PageRunning(0, 1, first.browser)), ev.OpenPage)
    assert [action.spec.index for action in opened] == [3]


def test_a_strained_machine_opens_fewer_users_at_once_but_always_one() -> None:
    play = Playback(opening_max=4)
    play.connect()
    play.feed(ev.MachineJudged("", pace=0.5))
    (browser,) = of(play.receive(Assign([spec(index) for index in range(8)])), ev.OpenBrowser)
    assert len(of(play.feed(ev.BrowserOpened(browser.browser)), ev.OpenPage)) == 2
    play.feed(ev.MachineJudged("", pace=0.01))
    assert not of(play.feed(ev.PageRunning(0, 1, browser.browser)), ev.OpenPage)
    assert len(of(play.feed(ev.PageRunning(1, 1, browser.browser)), ev.OpenPage)) == 1


def test_a_browser_holds_a_bounded_number_of_users() -> None:
    play = Playback(users_per_browser=2)
    play.connect()
    play.run_users(0, 1, 2, 3, 4)
    assert sorted(len(browser.users) for browser in play.state.browsers.values()) == [1, 2, 2]


def alone(index: int) -> UserSpec:
    return UserSpec(index, 2, 1, "http://127.0.0.1/", {"serial": str(index)})


def test_a_user_with_a_process_of_its_own_shares_its_browser_with_nobody() -> None:
    play = Playback()
    play.connect()
    browsers = of(play.receive(Assign([alone(200), alone(201)])), ev.OpenBrowser)
    assert [browser.user for browser in browsers] == [alone(200), alone(201)]
    for browser in browsers:
        (page,) = of(play.feed(ev.BrowserOpened(browser.browser)), ev.OpenPage)
        assert page.spec == browser.user
        play.feed(ev.PageRunning(page.spec.index, 1, browser.browser))
    play.receive(Release([Running(200, 1)]))
    assert of(play.feed(ev.PageClosed(200, 1)), ev.CloseBrowser) == [ev.CloseBrowser(browsers[0].browser)]
    assert not of(play.receive(Assign([alone(202)])), ev.OpenPage), "it must not get what was another's"


def test_no_more_browsers_are_on_their_way_than_may_open_at_once() -> None:
    play = Playback(opening_max=2)
    play.connect()
    first = of(play.receive(Assign([alone(index) for index in range(200, 205)])), ev.OpenBrowser)
    assert len(first) == 2
    assert len(of(play.feed(ev.BrowserFailed(first[0].browser, "no memory")), ev.OpenBrowser)) == 1
    assert [note.index for note in of(play.actions, ev.Note) if note.state == "failed"] == [200]


def test_a_lost_browser_takes_its_own_users_only_and_they_come_back_in_a_new_one() -> None:
    play = Playback(users_per_browser=2)
    play.connect()
    play.run_users(0, 1, 2, 3)
    dead = play.browser_of(0)
    actions = play.feed(ev.BrowserLost(dead, "killed"))
    assert [(note.index, note.state) for note in of(actions, ev.Note)] == [(0, "lost"), (1, "lost")]
    assert of(actions, ev.Count) == [ev.Count("browser_crashes")]
    (fresh,) = of(actions, ev.OpenBrowser)
    opened = of(play.feed(ev.BrowserOpened(fresh.browser)), ev.OpenPage)
    assert [action.spec for action in opened] == [spec(0), spec(1)]
    assert play.state.users[2].phase == "running"


def test_news_of_a_page_in_a_browser_that_is_gone_does_not_touch_the_new_page() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    dead = play.browser_of(0)
    (fresh,) = of(play.feed(ev.BrowserLost(dead, "killed")), ev.OpenBrowser)
    play.feed(ev.BrowserOpened(fresh.browser))
    play.feed(ev.PageRunning(0, 1, fresh.browser))
    play.feed(ev.PageFailed(0, 1, dead, "late news"))
    play.feed(ev.PageLost(0, 1, dead, "late news"))
    assert play.state.users[0].phase == "running"


def test_a_page_that_cannot_be_opened_is_tried_again_later_and_later() -> None:
    play = Playback()
    play.connect()
    (browser,) = of(play.receive(Assign([spec(0)])), ev.OpenBrowser)
    play.feed(ev.BrowserOpened(browser.browser))
    waits = []
    for _ in range(7):
        play.feed(ev.PageFailed(0, 1, play.browser_of(0), "net::ERR_CONNECTION_REFUSED"))
        begun = play.now
        while play.state.users[0].phase != "opening":
            for action in play.tick():
                if isinstance(action, ev.OpenBrowser):
                    play.feed(ev.BrowserOpened(action.browser))
                elif isinstance(action, ev.Send) and isinstance(action.message, Renew):
                    play.receive(Granted(action.message.number))
        waits.append(round(play.now - begun))
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_crashed_page_is_opened_again_at_once() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    actions = play.feed(ev.PageLost(0, 1, play.browser_of(0), "crashed"))
    assert [action.spec.index for action in of(actions, ev.OpenPage)] == [0]
    assert ev.Count("page_crashes") in actions


def test_a_released_user_is_freed_only_when_its_page_is_closed() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    actions = play.receive(Release([Running(0, 1)]))
    assert of(actions, ev.ClosePage)
    assert not sent(actions, Freed)
    actions = play.feed(ev.PageClosed(0, 1))
    assert sent(actions, Freed) == [Freed([Running(0, 1)])]
    assert not play.state.users


def test_releasing_a_user_that_is_not_here_frees_it_at_once() -> None:
    play = Playback()
    play.connect()
    assert sent(play.receive(Release([Running(7, 3)])), Freed) == [Freed([Running(7, 3)])]


def test_a_user_released_while_it_opens_is_closed_and_counts_as_opening_no_more() -> None:
    play = Playback(opening_max=1)
    play.connect()
    (browser,) = of(play.receive(Assign([spec(0), spec(1)])), ev.OpenBrowser)
    play.feed(ev.BrowserOpened(browser.browser))
    actions = play.receive(Release([Running(0, 1)]))
    assert of(actions, ev.ClosePage)
    assert [action.spec.index for action in of(actions, ev.OpenPage)] == [1]


def test_the_lease_counts_from_when_the_renewal_was_sent() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    renew = []
    while not renew:
        renew = sent(play.tick(), Renew)
    sent_at = play.now
    play.now += 4.0  # the answer takes its time
    play.receive(Granted(renew[0].number))
    while play.state.users:
        play.tick()
    assert play.now <= sent_at + LEASE_S


def test_users_are_killed_before_the_lease_ends_when_nobody_renews_it() -> None:
    play = Playback()
    play.connect()
    begun = play.now
    play.run_users(0, 1)
    play.feed(ev.Disconnected())
    actions: list[ev.Action] = []
    while play.state.users:
        actions = play.tick()
    assert of(actions, ev.KillBrowsers)
    assert play.now < begun + LEASE_S


def test_renewals_of_an_old_connection_grant_nothing() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    renew = []
    while not renew:
        renew = sent(play.tick(), Renew)
    play.feed(ev.Disconnected())
    until = play.state.browsers_may_live_s(play.now)
    play.receive(Granted(renew[0].number))
    assert play.state.browsers_may_live_s(play.now) == until


def test_a_reconnected_worker_ends_the_users_that_it_may_not_keep() -> None:
    play = Playback()
    play.connect()
    play.run_users(0, 1)
    play.feed(ev.Disconnected())
    actions = play.connect(keep=[1])
    assert [action.index for action in of(actions, ev.ClosePage)] == [0]
    assert play.state.users[1].phase == "running"


def test_finish_ends_all_users_then_seals_then_says_goodbye() -> None:
    play = Playback()
    play.connect()
    play.run_users(0, 1)
    actions = play.receive(Finish(2.0))
    assert len(of(actions, ev.ClosePage)) == 2
    play.feed(ev.PageClosed(0, 1))
    actions = play.feed(ev.PageClosed(1, 1))
    assert of(actions, ev.CloseBrowser)
    assert of(actions, ev.SealLast)
    assert not sent(actions, Goodbye)
    actions = play.feed(ev.OutboxEmpty())
    assert sent(actions, Goodbye)
    assert of(actions, ev.Exit) == [ev.Exit(0)]


def test_nothing_is_started_after_finish() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    play.receive(Finish(2.0))
    assert not of(play.receive(Assign([spec(5)])), ev.OpenPage)
    assert not of(play.feed(ev.BrowserLost(play.browser_of(0), "gone")), ev.OpenBrowser)


def test_a_refusal_ends_the_worker_and_its_users() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    actions = play.receive(Refuse("token", "The join token is wrong."))
    assert of(actions, ev.KillBrowsers)
    assert of(actions, ev.Exit) == [ev.Exit(1, "The join token is wrong.")]


def test_a_worker_without_a_coordinator_gives_up_in_the_end() -> None:
    play = Playback()
    assert not of(play.tick(NO_COORDINATOR_S_MAX - 1), ev.Exit)
    assert of(play.tick(2.0), ev.Exit)


def test_an_empty_browser_is_closed_after_a_while() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    number = play.browser_of(0)
    play.receive(Release([Running(0, 1)]))
    play.feed(ev.PageClosed(0, 1))
    assert not of(play.tick(BROWSER_IDLE_S - 1), ev.CloseBrowser)
    assert of(play.tick(2.0), ev.CloseBrowser) == [ev.CloseBrowser(number)]


def test_a_browser_that_does_not_start_delays_its_users() -> None:
    play = Playback()
    play.connect()
    (browser,) = of(play.receive(Assign([spec(0)])), ev.OpenBrowser)
    actions = play.feed(ev.BrowserFailed(browser.browser, "no space"))
    assert ev.Note(0, "failed", "no space") in actions
    assert not of(actions, ev.OpenBrowser)
    assert of(play.tick(1.1), ev.OpenBrowser)


def test_random_lives_never_leave_a_user_in_two_pages_nor_outlive_the_lease() -> None:
    for seed in range(60):
        _random_life(random.Random(seed))


def _random_life(chance: random.Random) -> None:
    """Everything happens at random; what is open is followed from the actions alone."""
    play = Playback(users_per_browser=3, opening_max=2)
    pages: dict[int, tuple[int, int]] = {}  # index to (assignment, browser), as the shell would hold them
    closing: list[tuple[int, int]] = []
    assignment = 0
    granted_until = 0.0

    def follow(actions: list[ev.Action]) -> None:
        for action in actions:
            match action:
                case ev.OpenPage(one, browser):
                    assert one.index not in pages, "a second page for one user"
                    pages[one.index] = (one.assignment, browser)
                case ev.ClosePage(index, number, _):
                    closing.append((index, number))
                case ev.KillBrowsers():
                    pages.clear()
                    closing.clear()

    follow(play.connect())
    granted_until = play.now + LEASE_S
    for _ in range(300):
        assert not pages or play.now <= granted_until, "a user outlived its lease"
        match chance.randrange(9):
            case 0:
                assignment += 1
                follow(play.receive(Assign([spec(chance.randrange(12), assignment)])))
            case 1 if play.state.users:
                index = chance.choice(list(play.state.users))
                follow(play.receive(Release([Running(index, play.state.users[index].spec.assignment)])))
            case 2 if closing:
                index, number = closing.pop(chance.randrange(len(closing)))
                pages.pop(index, None)
                follow(play.feed(ev.PageClosed(index, number)))
            case 3 if play.state.browsers:
                number = chance.choice(list(play.state.browsers))
                if play.state.browsers[number].open:
                    for index in [i for i, (_, browser) in pages.items() if browser == number]:
                        if (index, pages[index][0]) not in closing:
                            del pages[index]
                    follow(play.feed(ev.BrowserLost(number, "killed")))
                else:
                    follow(play.feed(ev.BrowserOpened(number)))
            case 4 if pages:
                index = chance.choice(list(pages))
                number, browser = pages[index]
                if (index, number) not in closing:
                    if chance.random() < 0.5:
                        follow(play.feed(ev.PageRunning(index, number, browser)))
                    else:
                        phase = play.state.users[index].phase
                        del pages[index]
                        lost = ev.PageFailed if phase == "opening" else ev.PageLost
                        follow(play.feed(lost(index, number, browser, "bad luck")))
            case 5:
                follow(play.feed(ev.Disconnected()))
                if chance.random() < 0.7:
                    follow(play.connect(keep=list(play.state.users)))
                    granted_until = play.now + LEASE_S
            case _:
                actions = play.tick(chance.random())
                follow(actions)
                for renew in sent(actions, Renew):
                    if chance.random() < 0.8:
                        granted_until = max(granted_until, play.now + LEASE_S)
                        follow(play.receive(Granted(renew.number)))


FULL = "timers in the pages are 250 ms late"


def test_a_full_machine_opens_nobody_and_the_users_that_wait_know_why() -> None:
    play = Playback()
    play.connect()
    play.run_users(0, 1)
    play.feed(ev.MachineJudged(FULL))
    actions = play.receive(Assign([spec(2), spec(3)]))
    assert not of(actions, ev.OpenPage)
    assert of(play.feed(ev.MachineJudged(FULL)), ev.Note) == [
        ev.Note(2, "starting", FULL),
        ev.Note(3, "starting", FULL),
    ]
    assert not of(play.feed(ev.MachineJudged(FULL)), ev.Note), "once is enough"
    assert play.state.waiting == 2
    opened = of(play.feed(ev.MachineJudged("")), ev.OpenPage)
    assert [action.spec.index for action in opened] == [2, 3]
    assert play.state.waiting == 0


def test_users_that_were_being_opened_when_the_machine_became_full_still_come() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    (opening,) = of(play.receive(Assign([spec(1)])), ev.OpenPage)
    play.feed(ev.MachineJudged(FULL))
    assert ev.Note(1, "running") in play.feed(ev.PageRunning(1, 1, opening.browser))


def test_a_machine_that_stays_full_gives_its_waiting_users_back() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    play.feed(ev.MachineJudged(FULL))
    play.receive(Assign([spec(index) for index in (1, 2, 3)]))
    play.now += FULL_KEEPS_S / 2
    assert not sent(play.feed(ev.MachineJudged(FULL)), Freed)
    play.tick(FULL_KEEPS_S / 4)
    play.receive(Granted(1))
    play.now += FULL_KEEPS_S / 4
    actions = play.feed(ev.MachineJudged(FULL))
    assert sent(actions, Freed) == [Freed([Running(index, 1) for index in (1, 2, 3)])]
    assert [note for note in of(actions, ev.Note) if note.state == "waiting"] == [
        ev.Note(index, "waiting", FULL) for index in (1, 2, 3)
    ]
    assert list(play.state.users) == [0], "who runs goes on"


def test_when_memory_runs_low_the_newest_users_go_and_come_back_as_waiting() -> None:
    play = Playback()
    play.connect()
    play.run_users(0, 1, 2, 3)
    why = "only 300 MB of memory are left"
    actions = play.feed(ev.MachineJudged(why, release=2))
    assert of(actions, ev.ClosePage) == [ev.ClosePage(3, 1, 0.0), ev.ClosePage(2, 1, 0.0)]
    assert of(actions, ev.Count) == [ev.Count("users_released")] * 2
    ended = play.feed(ev.PageClosed(3, 1))
    assert ev.Note(3, "waiting", why) in ended
    assert sent(ended, Freed) == [Freed([Running(3, 1)])]
    assert sorted(play.state.users) == [0, 1, 2]


def test_a_full_machine_ends_its_users_like_any_other() -> None:
    play = Playback()
    play.connect()
    play.run_users(0)
    play.feed(ev.MachineJudged(FULL))
    play.receive(Assign([spec(1)]))
    play.receive(Finish(1.0))
    play.feed(ev.MachineJudged(FULL, release=5))
    play.feed(ev.PageClosed(0, 1))
    play.feed(ev.OutboxEmpty())
    assert sent(play.actions, Goodbye)
