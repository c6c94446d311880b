import json
import random
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carga.model.plan_fields import PLAN
from carga.model.plan_file import read_plan
from carga.model.plan_kinds import Table, Tables
from carga.model.plan_schema import DIALECT, plan_schema

PLAN_TEXT = """\
seed = 7
[target]
url = "http://a/{serial}"
[[users]]
name = "viewers"
count = 200
rendering = "full"
viewport = [1920, 1080]
locale = "pt-BR"
headers = { X-Device = "{serial}" }
cookies = [{ name = "sid", value = "{serial}", domain = "a", path = "/x", secure = true }]
start_delay = "1s"
think = ["0.5s", "1.5s"]
timeout = "10s"
[users.identity]
serial = "FAKE_{index:020d}"
[[load]]
users = 200
over = "1m30s"
[[threshold]]
metric = "step.open guide"
p95 = "800ms"
failed = "<= 1%"
rate = "10/s"
count = ">= 3"
[[threshold]]
metric = "vitals.cls"
p90 = 0.1
"""

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
READ_BY_THIS_TEST = {"$schema", "title", "description", "default"}


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """As much of JSON Schema as the plan's schema uses; an unknown word fails the test."""
    for word, argument in schema.items():
        match word:
            case "type":
                names = [argument] if isinstance(argument, str) else argument
                fits = isinstance(value, tuple(kind for name in names for kind in TYPES[name]))
                ok = fits and (not isinstance(value, bool) or "boolean" in names)
            case "enum":
                ok = value in argument
            case "const":
                ok = value == argument
            case "pattern":
                ok = not isinstance(value, str) or re.search(argument, value) is not None
            case "maxLength":
                ok = not isinstance(value, str) or len(value) <= argument
            case "minimum":
                ok = not isinstance(value, int | float) or value >= argument
            case "maximum":
                ok = not isinstance(value, int | float) or value <= argument
            case "minItems":
                ok = not isinstance(value, list) or len(value) >= argument
            case "maxItems":
                ok = not isinstance(value, list) or len(value) <= argument
            case "items":
                ok = not isinstance(value, list) or all(valid(item, argument) for item in value)
            case "required":
                ok = not isinstance(value, dict) or set(argument) <= set(value)
            case "minProperties":
                ok = not isinstance(value, dict) or len(value) >= argument
            case "properties":
                ok = not isinstance(value, dict) or all(
                    valid(item, argument[key]) for key, item in value.items() if key in argument
                )
            case "propertyNames":
                ok = not isinstance(value, dict) or all(valid(key, argument) for key in value)
            case "additionalProperties":
                others = [item for key, item in value.items() if key not in schema.get("properties", {})]
                ok = not others if argument is False else all(valid(item, argument) for item in others)
            case "anyOf":
                ok = any(valid(value, option) for option in argument)
            case "oneOf":
                ok = sum(valid(value, option) for option in argument) == 1
            case _:
                assert word in READ_BY_THIS_TEST, word
                ok = True
        if not ok:
            return False
    return True


def test_a_whole_plan_fits() -> None:
    assert valid(tomllib.loads(PLAN_TEXT), plan_schema())


@pytest.mark.parametrize(
    "text",
    [
        'colour = "x"',
        "users = []",
        '[[users]]\ncount = "3"',
        '[[users]]\ncount = 1\nrendering = "sixty"',
        "[target]\nx = 1",
    ],
)
def test_wrong_plans_do_not(text: str) -> None:
    assert not valid(tomllib.loads(text), plan_schema())


def test_it_is_json_of_draft_2020_12() -> None:
    schema = plan_schema()
    assert schema["$schema"] == DIALECT
    assert json.loads(json.dumps(schema)) == schema


def test_every_table_is_closed_and_every_key_described() -> None:
    def check(kind: object, schema: dict[str, Any]) -> None:
        if isinstance(kind, Tables):
            check(kind.table, schema["items"])
        elif isinstance(kind, Table):
            assert schema["additionalProperties"] is False
            assert set(schema["properties"]) == {field.key for field in kind.fields}
            for field in kind.fields:
                assert schema["properties"][field.key]["description"].endswith((".", "…"))
                check(field.kind, schema["properties"][field.key])

    check(PLAN, plan_schema())


values = st.one_of(
    st.integers(-2, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from(["1s", "0s", "5%", "10/s", ">= 3", "x", "", "{index}", "none", "requests", "de", "a/b", "[]", "é"]),
    st.lists(st.sampled_from(["1s", "2s", 3, 1.5]), max_size=3),
    st.dictionaries(st.sampled_from(["a", "X-A", "a b", ""]), st.sampled_from(["x", "{index}", 3]), max_size=2),
)


@settings(max_examples=400)
@given(st.randoms(use_true_random=False), values)
def test_what_the_reader_takes_fits_the_schema(rng: random.Random, value: Any) -> None:
    document = tomllib.loads(PLAN_TEXT)
    table = rng.choice(
        [document["users"][0], document["users"][0]["cookies"][0], *document["load"], *document["threshold"]]
    )
    table[rng.choice([*table, "data", "pace", "min"])] = value
    text = _toml(document)
    assert tomllib.loads(text) == document
    if not read_plan(text, file="p", name="p").report.problems():
        assert valid(document, plan_schema())


def _toml(document: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in document.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)
