"""The score: a hundred for the same, noise costs nothing, and what is missing has a name and a price."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carga.fidelity.compare import compare_counts, is_engine_header
from carga.fidelity.record import Exchange, Message, PageState, Side, UserRecord
from carga.fidelity.score import WEIGHTS, Score, fidelity

HEADERS = [("host", "127.0.0.1:{n}"), ("accept", "*/*"), ("x-device", "box"), ("user-agent", "Chromium")]


def exchange(
    name: str, *, method: str = "GET", status: int = 200, headers: list[tuple[str, str]] = HEADERS
) -> Exchange:
    return Exchange(method, name, headers, status=status)


def user(index: int = 0, requests: str = "abcab", **more: object) -> UserRecord:
    """A user that asked for /a, /b, …, went through its steps, and saw a page."""
    record = UserRecord(
        index,
        [exchange(f"/{letter}") for letter in requests],
        [Message("/socket", True, '{type: "zap"}'), Message("/socket", False, "{ok: {n}}")],
        {"step zap: ok": 3, "iteration: ok": 3},
        page=PageState("Guide", "/guide", {"body > main": 1, "main > div.cell": 20}, {"News": 1}),
    )
    for name, value in more.items():
        setattr(record, name, value)
    return record


def side(*users: UserRecord) -> Side:
    return Side("chromium", "context", "full", "1", list(users))


def scored(candidate: UserRecord, first: UserRecord | None = None, second: UserRecord | None = None) -> Score:
    return fidelity(side(first or user()), side(candidate), side(second or first or user()))


def names(score: Score) -> list[str]:
    return [difference.name for difference in score.differences]


def test_the_same_is_a_hundred_without_differences() -> None:
    score = scored(user())
    assert score.score == 100
    assert score.differences == []
    assert sum(aspect.weight for aspect in score.aspects) == pytest.approx(100, abs=0.5)


def test_a_request_that_is_never_made_is_named_first() -> None:
    score = scored(user(requests="abab"))
    assert score.score < 100
    assert names(score)[0] == "GET /c → 200"
    assert (score.differences[0].reference, score.differences[0].candidate) == ((1, 1), 0)


def test_a_request_that_only_the_candidate_makes_costs_too() -> None:
    score = scored(user(requests="abcabx"))
    assert names(score)[0] == "GET /x → 200"


def test_what_two_runs_of_the_reference_differ_by_is_no_difference() -> None:
    noisy = scored(user(requests="abcabbb"), first=user(requests="abcab"), second=user(requests="abcabbbb"))
    assert not [name for name in names(noisy) if name.startswith("GET")]


def test_a_different_answer_is_a_different_request() -> None:
    changed = user()
    changed.exchanges = [exchange("/a", status=304), *changed.exchanges[1:]]
    assert {"GET /a → 200", "GET /a → 304"} <= set(names(scored(changed)))


def test_steps_that_fail_cost_more_than_a_title_that_differs() -> None:
    failing = scored(user(outcomes={"step zap: failed": 3, "iteration: failed": 3}))
    titled = scored(user(page=PageState("Other", "/guide", {"body > main": 1, "main > div.cell": 20}, {"News": 1})))
    assert failing.score < titled.score < 100
    assert "step zap: failed" in names(failing)
    assert names(titled) == ["title Guide", "title Other"]


def test_no_websocket_messages_where_the_reference_has_some_are_named() -> None:
    score = scored(user(messages=[]))
    assert names(score)[:2] == ['sent to /socket: {type: "zap"}', "received from /socket: {ok: {n}}"]
    assert score.differences[0].lost > score.differences[1].lost, "what the server sends is its own doing"


def test_words_that_every_engine_has_of_its_own_weigh_little() -> None:
    def with_headers(headers: list[tuple[str, str]]) -> UserRecord:
        return user(exchanges=[exchange(f"/{letter}", headers=headers) for letter in "abcab"])

    agent = scored(with_headers([*HEADERS[:3], ("user-agent", "Other")]))
    device = scored(with_headers([*HEADERS[:2], ("x-device", "phone"), HEADERS[3]]))
    assert device.score < agent.score < 100
    lost = [sum(entry.lost for entry in score.differences) for score in (agent, device)]
    assert lost[0] < lost[1] / 3
    assert all(map(is_engine_header, names(agent)))


def test_addresses_and_times_in_headers_are_left_out() -> None:
    elsewhere = [("host", "other"), *HEADERS[1:], ("if-none-match", "x")]
    changed = user(exchanges=[exchange(f"/{letter}", headers=elsewhere) for letter in "abcab"])
    assert scored(changed).score == 100


def test_another_order_of_the_same_requests_costs_little_and_is_named() -> None:
    score = scored(user(requests="baacb"))
    assert [difference.aspect for difference in score.differences] == ["order"]
    assert 100 - WEIGHTS["order"] * 2 < score.score < 100


def test_page_errors_of_the_candidate_alone_are_named() -> None:
    score = scored(user(errors={"TypeError: no canvas": 2}))
    assert names(score) == ["TypeError: no canvas"]


def test_a_page_that_nobody_could_ask_costs_all_of_that_aspect() -> None:
    score = scored(user(page=None))
    assert {aspect.name: aspect.score for aspect in score.aspects}["page"] == 0


def test_nothing_in_common_is_next_to_nothing() -> None:
    other = UserRecord(0, [exchange("/x", headers=[("accept", "nothing")])], outcomes={"page: lost": 1})
    assert scored(other).score < 5


def test_nothing_at_all_on_either_side_is_the_same() -> None:
    nothing = UserRecord(0)
    assert fidelity(side(nothing), side(nothing), side(nothing)).score == 100


COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 50), max_size=6)
ALIKE: Callable[[str], float] = lambda _: 1.0  # noqa: E731


@given(COUNTS, COUNTS, COUNTS)
def test_a_similarity_is_a_share_and_all_that_is_lost_has_a_name(
    first: dict[str, int], candidate: dict[str, int], second: dict[str, int]
) -> None:
    result = compare_counts("requests", first, candidate, second, weigh=ALIKE)
    if result is None:
        assert not first
        assert not candidate
        assert not second
        return
    assert 0 <= result.similarity <= 1
    assert sum(difference.lost for difference in result.differences) == pytest.approx(1 - result.similarity)
    assert [entry.lost for entry in result.differences] == sorted((it.lost for it in result.differences), reverse=True)


@given(COUNTS, COUNTS)
def test_either_run_of_the_reference_is_as_good_as_the_other(first: dict[str, int], second: dict[str, int]) -> None:
    for candidate in (first, second):
        result = compare_counts("requests", first, candidate, second, weigh=ALIKE)
        assert result is None or all(not entry.candidate for entry in result.differences)


@given(COUNTS.filter(bool), st.integers(0, 5))
def test_the_more_is_missing_the_worse(counts: dict[str, int], kept: int) -> None:
    fewer = dict(list(counts.items())[:kept])
    fewest = dict(list(fewer.items())[: kept // 2])
    some, less = (compare_counts("requests", counts, part, counts, weigh=ALIKE) for part in (fewer, fewest))
    assert some is not None
    assert less is not None
    assert less.similarity <= some.similarity


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_users_in_another_order_are_the_same_users(seed: int) -> None:
    rng = random.Random(seed)
    users = [user(index, "".join(rng.choices("abcde", k=rng.randrange(1, 30)))) for index in range(4)]
    shuffled = rng.sample(users, k=4)
    assert fidelity(side(*users), side(*shuffled), side(*users)).score == 100
