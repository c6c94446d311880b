import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.identity import Template, fill_user, group_of
from carga.model.plan import Cookie, Group, Plan, Target

PLAN = Plan(
    "plan.toml",
    Target("http://a/?u={index}&s={serial}"),
    (
        Group(
            "boxes",
            2,
            0,
            user_agent="box {mac}",
            headers={"X-Serial": "{serial}"},
            cookies=(Cookie("sid", "{{{serial}}}"),),
            identity={"serial": "S{index:04d}", "mac": "{index:mac}"},
        ),
        Group("people", 3, 2, url="http://{host}/", data="people.csv", reuse=True, identity={"key": "{host}-{index}"}),
    ),
    (),
)
ROWS = {"people": [{"host": "x"}, {"host": "y"}]}


@pytest.mark.parametrize(
    ("text", "index", "filled"),
    [
        ("{index}", 7, "7"),
        ("FAKE_{index:020d}", 7, "FAKE_00000000000000000007"),
        ("{index:mac}", 10, "00:00:00:00:00:0A"),
        ("{index:mac}", 2**48 - 1, "FF:FF:FF:FF:FF:FF"),
        ("{index:#06x}", 255, "0x00ff"),
        ("{index:*^7}", 42, "**42***"),
        ("{index:,}", 1234, "1,234"),
        ("{name} {first name}", 0, "Ana B"),
        ("{{index}} {{{index}}}", 5, "{index} {5}"),
        ("", 0, ""),
    ],
)
def test_templates_fill_in(text: str, index: int, filled: str) -> None:
    assert Template(text).fill(index, {"name": "Ana", "first name": "B"}) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "}",
        "a}b",
        "{}",
        "{ index }",
        "{index:}}",
        "{name:3}",
        "{index:.2f}",
        "{index:9999}",
        "{index:,x}",
        "{index:c}",
        "{a{b}}",
    ],
)
def test_templates_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Template(text)


@given(st.text(), st.integers(0, 2**31))
def test_any_text_is_a_template_or_a_value_error(text: str, index: int) -> None:
    try:
        template = Template(text)
    except ValueError:
        return
    assert isinstance(template.fill(index, dict.fromkeys(template.fields, "v")), str)


@given(st.text())
def test_doubled_braces_give_the_text_itself(text: str) -> None:
    template = Template(text.replace("{", "{{").replace("}", "}}"))
    assert template.fill(0, {}) == text
    assert not template.fields


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
def test_macs_differ_when_indexes_do(a: int, b: int) -> None:
    mac = Template("{index:mac}")
    assert (mac.fill(a, {}) == mac.fill(b, {})) == (a == b)


def test_a_user_is_filled_in_from_templates_and_the_index_of_the_whole_run() -> None:
    user = fill_user(PLAN, 1, ROWS)
    assert user.url == "http://a/?u=1&s=S0001"
    assert user.identity == {"serial": "S0001", "mac": "00:00:00:00:00:01"}
    assert user.user_agent == "box 00:00:00:00:00:01"
    assert user.headers == {"X-Serial": "S0001"}
    assert user.cookies == {"sid": "{S0001}"}


def test_reused_rows_go_round_and_identity_templates_may_use_columns() -> None:
    users = [fill_user(PLAN, index, ROWS) for index in (2, 3, 4)]
    assert [user.url for user in users] == ["http://x/", "http://y/", "http://x/"]
    assert users[2].identity == {"host": "x", "key": "x-4"}
    assert {user.group for user in users} == {1}


def test_users_belong_to_the_group_whose_range_holds_them() -> None:
    assert [group_of(PLAN, index) for index in range(5)] == [0, 0, 1, 1, 1]
    for index in (-1, 5):
        with pytest.raises(IndexError, match="no user"):
            group_of(PLAN, index)
