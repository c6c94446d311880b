import tomllib

from hypothesis import given
from hypothesis import strategies as st

from carga.model.problems import KeyPath
from carga.model.toml_lines import TomlLines

TEXT = '''\
# [[users]] in a comment
seed = 1
target.url = "a [b] = {c}"
"quoted.key" = 'x'

[[users]]
name = """
[[users]]
count = 1"""
viewport = [
  1280, # ]
  720,
]
cookies = [ { name = "a", value = "}" },
            { name = "b", value = 'c' } ]
  [users.identity]
  serial = "S"

[[ users ]] # the second
headers."X-A" = '''
TEXT += "'''\nb'''\n"
TEXT += """\
think = ["1s",
  "2s"]
[users.'identity']
mac = 1979-05-27 07:32:00
[load]
x.y.z = {a.b = 1}
"""


def line_starting(start: str, nth: int = 1) -> int:
    return [number for number, line in enumerate(TEXT.split("\n"), 1) if line.lstrip().startswith(start)][nth - 1]


def test_the_example_is_toml() -> None:
    assert len(tomllib.loads(TEXT)["users"]) == 2


def test_keys_are_found_in_every_notation() -> None:
    lines = TomlLines(TEXT)
    expected: dict[KeyPath, int] = {
        ("seed",): 2,
        ("target",): 3,
        ("target", "url"): 3,
        ("quoted.key",): 4,
        ("users",): 6,
        ("users", 0): 6,
        ("users", 0, "name"): 7,
        ("users", 0, "viewport"): line_starting("viewport"),
        ("users", 0, "viewport", 1): line_starting("720"),
        ("users", 0, "cookies", 0, "value"): line_starting("cookies"),
        ("users", 0, "cookies", 1): line_starting("{ name"),
        ("users", 0, "cookies", 1, "value"): line_starting("{ name"),
        ("users", 0, "identity"): line_starting("[users.identity]"),
        ("users", 0, "identity", "serial"): line_starting("serial"),
        ("users", 1): line_starting("[[ users ]]"),
        ("users", 1, "headers", "X-A"): line_starting("headers"),
        ("users", 1, "think", 1): line_starting('"2s"'),
        ("users", 1, "identity", "mac"): line_starting("mac"),
        ("load", "x", "y", "z", "a", "b"): line_starting("x.y.z"),
    }
    assert {at: lines(at) for at in expected} == expected


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    lines = TomlLines(TEXT)
    assert lines(("users", 1, "count")) == line_starting("[[ users ]]")
    assert lines(("users", 0, "identity", "mac")) == line_starting("[users.identity]")
    assert lines(("threshold", 3, "metric")) == 1


@given(st.one_of(st.text(), st.text(alphabet="ab.=[]{}\"'#\n ,1\\"), st.lists(st.sampled_from(TEXT)).map("".join)))
def test_any_text_gives_lines_within_the_text(text: str) -> None:
    lines = TomlLines(text)
    for at in ((), ("a",), ("users", 0, "count"), ("b", "a")):
        assert 1 <= lines(at) <= text.count("\n") + 1


def test_deep_nesting_is_survived() -> None:
    assert TomlLines("a = 1\nb = " + "[" * 100_000)(("a",)) == 1
