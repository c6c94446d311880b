import copy
import random
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carga.model.engines import ENGINES
from carga.model.plan import Cookie, Group, Plan, Stage, Target, Threshold
from carga.model.plan_fields import AVAILABLE, PLAN
from carga.model.plan_file import DEFAULT_THRESHOLD, read_plan
from carga.model.plan_kinds import Table, Tables
from carga.model.problems import PROBLEMS_MAX, Problem, Report

SMALL = '[target]\nurl = "http://a/"\n[[users]]\ncount = 10\n'
WHOLE = """\
seed = 7
[target]
url = "http://a/{serial}"
[[users]]
name = "viewers"
count = 200
engine = "chromium"
isolation = "context"
rendering = "full"
behaviour = "zapper.js"
user_agent = "serial={serial}"
cache = false
viewport = [1920, 1080]
locale = "pt-BR"
timezone = "America/Sao_Paulo"
headers = { X-Device = "{serial}" }
cookies = [{ name = "sid", value = "{serial}", domain = "a", path = "/x", secure = true, http_only = true }]
start_delay = "1s"
think = ["0.5s", "1.5s"]
pace = "2s"
timeout = "10s"
[users.identity]
serial = "FAKE_{index:020d}"
[[users]]
count = 5
url = "https://b/"
data = "people.csv"
reuse = true
think = "1s"
[[load]]
users = 205
over = "1m"
[[load]]
users = 0
over = "0s"
[[threshold]]
metric = "step.open guide"
p95 = "800ms"
max = "<= 2s"
[[threshold]]
metric = "page_errors"
count = 0
"""


def problems(text: str) -> list[Problem]:
    return read_plan(text, file="dir/plan.toml", name="plan.toml").report.problems()


def read(text: str) -> Plan:
    reading = read_plan(text, file="dir/plan.toml", name="plan.toml")
    assert reading.report.problems() == []
    return reading.plan


def test_every_key_arrives_in_the_plan() -> None:
    viewers = Group(
        name="viewers",
        count=200,
        rendering="full",
        behaviour="zapper.js",
        user_agent="serial={serial}",
        cache=False,
        viewport=(1920, 1080),
        locale="pt-BR",
        timezone="America/Sao_Paulo",
        headers={"X-Device": "{serial}"},
        cookies=(Cookie("sid", "{serial}", "a", "/x", True, True),),
        start_delay_s=1.0,
        think_s=(0.5, 1.5),
        pace_s=2.0,
        timeout_s=10.0,
        identity={"serial": "FAKE_{index:020d}"},
    )
    people = Group("users-2", 5, 200, "https://b/", think_s=(1.0, 1.0), data="people.csv", reuse=True)
    assert read(WHOLE) == Plan(
        "plan.toml",
        Target("http://a/{serial}"),
        (viewers, people),
        (Stage(205, 60.0), Stage(0, 0.0)),
        (
            Threshold("step.open guide", "p95", "<=", 800.0, "step.open guide p95 <= 800 ms"),
            Threshold("step.open guide", "max", "<=", 2000.0, "step.open guide max <= 2000 ms"),
            Threshold("page_errors", "count", "<=", 0.0, "page_errors count <= 0"),
        ),
        seed=7,
    )


def test_without_load_and_thresholds_all_users_run_for_a_minute_and_few_requests_may_fail() -> None:
    plan = read(SMALL)
    assert plan.stages == (Stage(10, 0.0), Stage(10, 60.0))
    assert plan.thresholds == (DEFAULT_THRESHOLD,)


def test_the_defaults_of_the_field_table_are_those_of_the_structs() -> None:
    for key, struct in (("users", Group("", 1)), ("cookies", Cookie("", ""))):
        tables = next(field.kind for field in (*PLAN.fields, *_fields_of("users")) if field.key == key)
        assert isinstance(tables, Tables)
        for field in tables.table.fields:
            if field.default is not None:
                value = field.kind.read(field.default, (), Report("", lambda _: 0))
                assert value == getattr(struct, field.attribute or field.key), field.key


def _fields_of(key: str) -> tuple[Any, ...]:
    kind = next(field.kind for field in PLAN.fields if field.key == key)
    return kind.table.fields if isinstance(kind, Tables) else kind.fields if isinstance(kind, Table) else ()


# Each case: a text to put behind SMALL, the line counted from there, the key, pieces of the problem and of the remedy.
APPENDED = [
    ("cuont = 3", 1, "users[0].cuont", "unknown key", 'mean "count"'),
    ("\nviewport = [1280]", 2, "users[0].viewport", "a list", "[1280, 720]"),
    ("viewport = [0, 720]", 1, "users[0].viewport", "1 to", ""),
    ("viewport = [true, 720]", 1, "users[0].viewport", "1 to", ""),
    ('engine = "webkit"\nlocale = "de-DE"', 2, "users[0].locale", "WebKitGTK has no locale", "Remove it"),
    ('engine = "webkit"\nisolation = "context"', 2, "users[0].isolation", "WebKitGTK has no", '"process"'),
    ('engine = "firefox"\nrendering = "none"', 2, "users[0].rendering", "Firefox has no", '"full"'),
    ('engine = "crhomium"', 1, "users[0].engine", "not known", 'mean "chromium"'),
    ('rendering = "60fps"', 1, "users[0].rendering", "not known", "none, paced, full"),
    ('engine = "light"\nrendering = "paced"', 2, "users[0].rendering", "Lightpanda has no", '"none"'),
    ('cache = "yes"', 1, "users[0].cache", "neither true nor false", ""),
    ("timeout = 5", 1, "users[0].timeout", "not a time", '"5s"'),
    ("timeout = 0", 1, "users[0].timeout", "not a time", '"30s"'),
    ('timeout = "0s"', 1, "users[0].timeout", "longer than 0", ""),
    ('pace = "-1s"', 1, "users[0].pace", "not a time", "1.5s"),
    ('pace = "999h"', 1, "users[0].pace", "not a time", "30 days"),
    ('think = ["2s", "1s"]', 1, "users[0].think", "longer than", "shorter time first"),
    ('think = ["2s"]', 1, "users[0].think", "list of 1", ""),
    ('locale = "de_DE"', 1, "users[0].locale", "not a language tag", "de-DE"),
    ('timezone = "../etc"', 1, "users[0].timezone", "not a time zone", "Europe/Berlin"),
    ('user_agent = "a\\nb"', 1, "users[0].user_agent", "control character", ""),
    ('user_agent = "{index:mca}"', 1, "users[0].user_agent", "unknown format", ""),
    ('url = "{"', 1, "users[0].url", "alone", "{{"),
    ('name = ""', 1, "users[0].name", "not a name", "viewers"),
    ("name = 3", 1, "users[0].name", "not a name", ""),
    ('[users.headers]\n"User-Agent" = "x"', 2, "users[0].headers.User-Agent", "not set here", "user_agent"),
    ('headers = { "a b" = "x" }', 1, 'users[0].headers."a b"', "as HTTP allows", ""),
    ("headers = 3", 1, "users[0].headers", "not a table", ""),
    ('[[users.cookies]]\nname = "a"', 1, "users[0].cookies[0].value", "missing", "Value of the cookie"),
    ('cookies = [{name="a",value=""},\n{name="a",value=""}]', 2, "users[0].cookies[1].name", "already", ""),
    ('identity = { index = "x" }', 1, "users[0].identity.index", "not set here", "another name"),
    ('identity = { "a{b" = "x" }', 1, 'users[0].identity."a{b"', "not a field name", ""),
    ("reuse = true", 1, "users[0].reuse", "no rows", ""),
    ('[[users]]\ncount = 1\nname = "users"', 3, "users[1].name", "already users[0]", ""),
    ("[[users]]", 1, "users[1].count", "missing", "Number of users"),
    ('[[load]]\nusers = 11\nover = "1s"', 2, "load[0].users", "10 users together, not 11", ""),
    ('[[load]]\nusers = -1\nover = "1s"', 2, "load[0].users", "-1 is not", ""),
    ("[[load]]\nusers = 1", 1, "load[0].over", "missing", ""),
    ('[[load]]\nusers = 0\nover = "1m"', 1, "load", "never reaches", ""),
    ('[[load]]\nusers = 1\nover = "0s"', 1, "load", "takes no time", ""),
    (
        '[[load]]\nusers=1\nover="0s"\n[[load]]\nusers=0\nover="0s"\n[[load]]\nusers=0\nover="9s"',
        1,
        "load",
        "no user",
        "",
    ),
    ("[load]\nusers = 1", 1, "load", "list of tables", "[[load]]"),
    ("[[threshold]]\nmetric = 'requests'", 1, "threshold[0]", "no limit", "p95"),
    ("[[threshold]]\np95 = '1s'", 1, "threshold[0].metric", "missing", ""),
    ("[[threshold]]\nmetric = 'steps.open'\np95 = '1s'", 2, "threshold[0].metric", "unknown metric", '"step.open"'),
    ("[[threshold]]\nmetric = 'request.fetsh'\np95 = '1s'", 2, "threshold[0].metric", "unknown", '"request.fetch"'),
    ("[[threshold]]\nmetric = 3\np95 = '1s'", 2, "threshold[0].metric", "not the name", ""),
    ("[[threshold]]\nmetric = 'requests'\np98 = '1s'\np95='1s'", 3, "threshold[0].p98", "unknown key", '"p9'),
    ("[[threshold]]\nmetric = 'requests'\np95 = 800", 3, "threshold[0].p95", "not a time", '"800ms"'),
    ("[[threshold]]\nmetric = 'page_errors'\np95 = '1s'", 3, "threshold[0].p95", "has no p95", "count, rate"),
]


@pytest.mark.parametrize(("text", "line", "key", "problem", "remedy"), APPENDED)
def test_each_mistake_is_reported_with_line_key_and_remedy(
    text: str, line: int, key: str, problem: str, remedy: str
) -> None:
    [found] = problems(SMALL + text)
    assert (found.file, found.line, found.key) == ("dir/plan.toml", line + 4, key)
    assert problem in found.problem
    assert remedy in found.remedy
    assert found.remedy


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "users"),
        ("users = 3", "users"),
        ("users = []", "users"),
        ("users = [3]", "users[0]"),
        ("[users]\ncount = 1", "users"),
        ("target = 'x'\n[[users]]\ncount = 1", "target"),
        ("[[users]]\ncount = 1", "target.url"),
        ("seed = -1\n" + SMALL, "seed"),
        ("seed = 0x" + "f" * 20_000 + "\n" + SMALL, "seed"),
        ("seed = nan\n" + SMALL, "seed"),
        ("sede = 1\n" + SMALL, "sede"),
    ],
)
def test_the_frame_of_a_plan_is_checked(text: str, key: str) -> None:
    assert key in [problem.key for problem in problems(text)]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    mistakes = ["cuont = 3", "viewport = [0, 720]", 'engine = "lite"', 'cache = "yes"', 'pace = "1"', "reuse = true"]
    found = problems(SMALL + "\n".join([*mistakes, "[[load]]", "users = 11"]))
    assert [problem.line for problem in found] == [5, 6, 7, 8, 9, 10, 11, 12]


def test_syntax_errors_keep_line_and_column() -> None:
    [found] = problems(SMALL + "count 3\n")
    assert found.line == 5
    assert "column 7" in found.problem
    [found] = problems(SMALL + 'name = "x')
    assert found.line >= 5


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 50_000, "a = " + "9" * 10_000, "a = \ud800", "\ufeff", "\x00", "a=1\r=2"]
)
def test_what_the_toml_parser_cannot_hold_is_a_problem_and_no_traceback(text: str) -> None:
    assert problems(text)


def test_a_flood_of_problems_is_cut_and_counted() -> None:
    found = problems(SMALL + "".join(f"x{number} = 1\n" for number in range(PROBLEMS_MAX + 50)))
    assert len(found) == PROBLEMS_MAX + 1
    assert "50 more" in found[-1].problem


def test_words_that_are_available_are_words_of_the_plan() -> None:
    for engine, traits in ENGINES.items():
        assert engine in AVAILABLE["engine"]
        for key, words in (("rendering", traits.renderings), ("isolation", traits.isolations)):
            for word in words:
                assert word in AVAILABLE[key]
                group = read(SMALL + f'engine = "{engine}"\n{key} = "{word}"').groups[0]
                assert (group.engine, getattr(group, key)) == (engine, word)


@given(st.text())
def test_any_text_is_read_without_a_traceback(text: str) -> None:
    assert all(str(problem) for problem in problems(text))


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_a_mutated_plan_is_read_without_a_traceback(rng: random.Random, mutations: int) -> None:
    pieces = WHOLE.split("\n")
    for _ in range(mutations):
        at = rng.randrange(len(pieces))
        match rng.randrange(4):
            case 0:
                del pieces[at]
            case 1:
                pieces.insert(at, rng.choice(pieces))
            case 2:
                pieces[at] = pieces[at].replace(
                    "=", "= " + rng.choice(["-1 #", "[] #", "{} #", "'\\u0000{' #", "1e99 #"])
                )
            case _:
                line = list(pieces[at])
                if line:
                    line[rng.randrange(len(line))] = rng.choice("[]{}=\"'.,#-0a\x00é")
                pieces[at] = "".join(line)
        if not pieces:
            break
    text = "\n".join(pieces)
    for problem in problems(text):
        assert problem.remedy
        assert 0 <= problem.line <= text.count("\n") + 1


scalars = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=20), st.sampled_from(["1s", "1%", "10/s"])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@settings(max_examples=300)
@given(st.data())
def test_any_value_in_any_place_is_read_without_a_traceback(data: st.DataObject) -> None:
    document = copy.deepcopy(tomllib.loads(WHOLE))
    table = data.draw(
        st.sampled_from([document, *document["users"], *document["load"], *document["threshold"], document["target"]])
    )
    table[data.draw(st.sampled_from([*table, "min", "rate", "failed", "x"]))] = data.draw(anything)
    report = Report("plan.toml", lambda _: 1)
    PLAN.read(document, (), report)
    assert all(problem.remedy for problem in report.problems())
