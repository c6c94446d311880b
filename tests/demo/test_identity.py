import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.demo.identity import LENGTH_MAX, Identity, identity_of


@pytest.mark.parametrize(
    ("agent", "query", "expected"),
    [
        (b"serial=A1;mac=00:01;", b"", Identity("A1", "00:01")),
        (b"Mozilla/5.0 (Box) serial=A1; mac=00:01; Chrome/1", b"", Identity("A1", "00:01")),
        (b"mac=00:01;", b"", Identity("", "00:01")),
        (b"serial=A1;", b"serial=B2", Identity("A1", "")),
        (b"Mozilla/5.0", b"serial=B2&mac=00%3A02", Identity("B2", "00:02")),
        (b"Mozilla/5.0", b"profile_test=guide", None),
        (b"serial=;mac=;", b"", None),
        (b"", b"serial=", None),
    ],
)
def test_a_box_names_itself_in_the_user_agent_and_a_desk_browser_in_the_address(
    agent: bytes, query: bytes, expected: Identity | None
) -> None:
    assert identity_of([(b"host", b"x"), (b"user-agent", agent)], query) == expected


def test_a_long_identity_is_cut() -> None:
    found = identity_of([(b"user-agent", b"serial=" + b"9" * 5000 + b";")], b"")
    assert found
    assert len(found.serial) == LENGTH_MAX


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_nothing_in_a_request_breaks_the_reading(agent: bytes, query: bytes) -> None:
    identity_of([(b"user-agent", agent)], query)
