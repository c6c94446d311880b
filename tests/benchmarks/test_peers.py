"""What is judged and counted by `python -m benchmarks.peers`, without any tool."""

import msgspec

from benchmarks import sections
from benchmarks.peers.report import Series
from benchmarks.peers.search import judge, search
from benchmarks.peers.serverlog import ServerLog
from benchmarks.peers.step import Step


def tried(limit: int, *, first: int = 20, users_max: int = 1000, refine: int = 1) -> list[int]:
    """The numbers of users that are tried with a tool that holds `limit`."""
    order: list[int] = []

    def measure(users: int) -> bool:
        order.append(users)
        return users <= limit

    search(measure, first, users_max, refine)
    return order


def test_the_search_doubles_until_it_breaks_then_tries_the_middle():
    assert tried(50) == [20, 40, 80, 60]
    assert tried(70, refine=2) == [20, 40, 80, 60, 70]


def test_the_search_halves_until_it_holds():
    assert tried(20, first=80) == [80, 40, 20, 30]
    assert tried(4, first=20) == [20, 10]


def test_the_search_stops_at_the_most_that_is_allowed():
    assert tried(10_000, first=20, users_max=100) == [20, 40, 80, 100]


def step(users: int, *, actions_per_s: float, p95_ms: float, error: str = "") -> Step:
    return Step(
        tool="t", users=users, round=1, at="", actions_per_s=actions_per_s, own_p95_ms=p95_ms, own_count=1, error=error
    )


def test_a_tool_holds_users_who_act_in_time_and_no_slower_than_five():
    few = step(5, actions_per_s=5.0, p95_ms=100.0)
    assert judge(step(40, actions_per_s=38.0, p95_ms=120.0), few).held
    assert not judge(step(40, actions_per_s=37.9, p95_ms=120.0), few).held
    assert not judge(step(40, actions_per_s=40.0, p95_ms=121.0), few).held
    assert not judge(step(40, actions_per_s=40.0, p95_ms=100.0, error="gone"), few).held


def test_twenty_milliseconds_more_are_always_allowed():
    few = step(5, actions_per_s=5.0, p95_ms=2.0)
    assert judge(step(40, actions_per_s=40.0, p95_ms=22.0), few).held
    assert not judge(step(40, actions_per_s=40.0, p95_ms=22.1), few).held


def test_the_median_of_the_rounds_counts():
    steps = []
    for number, held in enumerate((10, 40, 20), 1):
        steps += [step(5, actions_per_s=5.0, p95_ms=9.0), step(held, actions_per_s=held, p95_ms=9.0)]
        for one in steps[-2:]:
            one.round = number
    assert Series(tool="t", command="", at="", machine="", versions="", steps=steps).users == 20


def test_the_log_tells_actions_users_and_sockets_while_it_grows(tmp_path):
    path = tmp_path / "log"
    path.write_text("open 1.0 a agent%20one\nopen 1.5 b -\nact 2.0 a 1 -\nact 2.5 a 2 7.50\nact 3")
    log = ServerLog(path)
    log.read()
    assert (log.acts_between(2.0, 3.0), log.users_between(2.0, 3.0)) == (2, 1)
    with path.open("a") as more:
        more.write(".5 b 1 -\nclose 4.0 a\n")
    log.read()
    assert (log.acts_between(2.0, 4.0), log.users_between(2.0, 4.0)) == (3, 2)
    assert log.latencies_between(0, 9) == [7.5]
    assert log.agents["a"] == "agent one"
    assert (log.sockets_max(), log.sockets_open) == (2, 1)
    assert (log.sockets_min(2.0, 3.0), log.sockets_min(2.0, 5.0)) == (2, 1)


def test_sections_of_the_results_survive_a_new_body(tmp_path, monkeypatch):
    monkeypatch.setattr(sections, "RESULTS", tmp_path / "RESULTS.md")
    sections.write_body("# one\n")
    sections.write_section("seven_thousand", "## many\n")
    sections.write_section("peers", "## peers\n")
    sections.write_body("# two\n")
    sections.write_section("peers", "## peers again\n")
    text = (tmp_path / "RESULTS.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# two", "## peers again", "## many"]


def test_results_are_written_as_they_are_read():
    series = Series(
        tool="t", command="c", at="", machine="", versions="", steps=[step(5, actions_per_s=5.0, p95_ms=1.0)]
    )
    assert msgspec.json.decode(msgspec.json.encode([series]), type=list[Series]) == [series]
