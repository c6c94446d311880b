"""Which users are compared in what, and what is said about it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.errors import UsageError
from carga.fidelity.record import Exchange, PageState, Side, UserRecord
from carga.fidelity.report import conclusion, fidelity_html
from carga.fidelity.result import (
    USERS_MAX,
    Difference,
    Fidelity,
    SideResult,
    _check,
    _notes,
    candidate_kind,
    chosen_users,
)
from carga.fidelity.score import AspectScore
from carga.model.engines import ENGINES, BrowserKind
from carga.model.plan import Group, Plan, Target
from tests.results import pages


def plan_of(*groups: Group) -> Plan:
    placed, first = [], 0
    for group in groups:
        placed.append(msgspec.structs.replace(group, first_index=first))
        first += group.count
    return Plan("plan.toml", Target("http://a/"), tuple(placed), ())


def kind(group: Group, against: str = "") -> tuple[BrowserKind, list[str]]:
    notes: list[str] = []
    return candidate_kind(plan_of(group), 0, against, notes), notes


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, USERS_MAX))
def test_users_come_from_every_group_in_turn(counts: list[int], wanted: int) -> None:
    plan = plan_of(*(Group(f"g{number}", count) for number, count in enumerate(counts)))
    chosen = chosen_users(plan, wanted)
    assert len(chosen) == len(set(chosen)) == min(wanted, plan.users)
    of_group = [
        sum(group.first_index <= index < group.first_index + group.count for index in chosen) for group in plan.groups
    ]
    full = [taken == group.count for taken, group in zip(of_group, plan.groups, strict=True)]
    open_counts = [taken for taken, is_full in zip(of_group, full, strict=True) if not is_full]
    assert not open_counts or max(open_counts) - min(open_counts) <= 1


def test_a_group_is_compared_in_what_it_uses() -> None:
    assert kind(Group("a", 5, engine="light", rendering="none"))[0] == BrowserKind("light", "context", "none")
    assert kind(Group("a", 5, rendering="none", full_sample=0.5))[0].rendering == "none", "not as its sample"


def test_a_group_that_is_the_reference_is_compared_with_the_default_rendering() -> None:
    assert kind(Group("a", 5, rendering="full"))[0].rendering == ENGINES["chromium"].renderings[0] != "full"


def test_an_engine_or_a_rendering_can_be_asked_for() -> None:
    assert kind(Group("a", 5, rendering="full"), "none")[0] == BrowserKind("chromium", "context", "none")
    assert kind(Group("a", 5), "light")[0] == BrowserKind("light", "context", "none")
    assert kind(Group("a", 5, engine="light", rendering="none"), "full")[0] == BrowserKind(
        "chromium", "context", "full"
    )


def test_what_nobody_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"no engine or rendering netscape.*chromium.*none"):
        kind(Group("a", 5), "netscape")


def test_what_the_candidate_cannot_do_is_noted() -> None:
    found, notes = kind(
        Group("a", 5, isolation="container", timezone="Europe/Berlin", user_agent="Mozilla/5.0"), "light"
    )
    assert found.isolation != "container"
    assert [note.split(":")[0] for note in notes[:1]] == ["Lightpanda cannot do timezone"]
    assert 'no user agent with "mozilla"' in notes[1]


@pytest.mark.parametrize(("users", "iterations"), [(0, 1), (USERS_MAX + 1, 1), (1, 0), (1, 10_000)])
def test_too_many_and_none_are_refused(users: int, iterations: int) -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        _check(users, iterations)


def test_notes_name_what_left_the_recording_what_was_renamed_and_what_never_came() -> None:
    user = UserRecord(
        3, [Exchange("GET", "/", [])], page=PageState(foreign={"https://cdn.example.org": 2}), rewritten={"/app.js": 1},
        unanswered=2, not_recorded=1,
    )  # fmt: skip
    side = Side("chromium", "context", "full", "1", [user, UserRecord(4)])
    text = " ".join(_notes(side))
    for part in ("https://cdn.example.org", "/app.js", "2 requests without an answer", "1 requests and", "user 4"):
        assert part in text


def made(score: float, *, repeatable: float = 100.0) -> Fidelity:
    return Fidelity(
        schema=1,
        plan="<b>plan.toml",
        target="http://a/",
        score=score,
        users=2,
        iterations=3,
        reference=SideResult("chromium", "context", "full", "1", 10, 5),
        candidate=SideResult("light", "context", "none", "2", 8, 5),
        repeatable=repeatable,
        aspects=[AspectScore("requests", "requests by method", 80.0, 50.0)],
        differences=[
            Difference("requests", "GET /<script>alert(1)</script> → 200", (2, 3), 0, 4.5),
            Difference("headers", "user-agent: Lightpanda/{n}", (0, 0), 4, 0.1),
        ],
        differences_left_out=3,
        notes=["Left the recording: something."],
        carga="0.1.0",
    )


@pytest.mark.parametrize(("score", "words"), [(99.9, "faithful stand-in"), (85, "most of what"), (20, "no stand-in")])
def test_the_score_is_said_in_words(score: float, words: str) -> None:
    assert words in conclusion(made(score))
    assert "Lightpanda (rendering none)" in conclusion(made(score))
    assert "not very repeatable" in conclusion(made(score, repeatable=70.0))


def test_the_page_lists_differences_with_their_price_and_nothing_becomes_markup() -> None:
    text = fidelity_html(made(85.0))
    assert "<script>alert" not in text
    page = pages.parse(text)
    rows = page.one("section", id="differences").rows()
    assert rows[0][1:] == ["GET /<script>alert(1)</script> → 200", "2 to 3", "0", "4.50"]
    assert rows[1][1] == "user-agent: Lightpanda/{n} (the engine's own)"
    assert "3 smaller differences" in page.one("section", id="differences").text
    assert "Left the recording" in page.one("section", id="notes").text
