"""Who a user is: templates such as `FAKE_{index:020d}`, filled in with the user's index and its CSV row.

A template is text with `{index}`, `{index:SPEC}`, `{FIELD}`; `{{` and `}}` are literal braces. SPEC is `mac` or one
of Python's format specifications for integers. Values go in as they are: nothing is percent-encoded.
"""

import re
from bisect import bisect_right
from functools import lru_cache

import msgspec

from carga.model.plan import Group, Plan

INDEX = "index"
"""The field that every template has: the user's number in the whole run, from 0."""
MAC = "mac"
WIDTH_MAX = 256
"""A wider index is refused: it would only fill memory."""

_integer_spec = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?#?0?(?P<width>[0-9]{0,3})[,_]?[bdoxX]?\Z")
_token = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")

Row = dict[str, str]


class Template:
    """A text with placeholders. Raises ValueError when it cannot be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[tuple[str, str | None, str]] = []
        """(literal, None, "") or ("", field, spec)."""
        for match in _token.finditer(text):
            token, inside = match.group(0), match.group(1)
            if token in ("{{", "}}"):
                self._parts.append((token[0], None, ""))
            elif inside is not None:
                self._parts.append(("", *_placeholder(inside)))
            elif token in ("{", "}"):
                raise ValueError(
                    f'the "{token}" at character {match.start() + 1} is alone: write "{token * 2}" for one'
                )
            else:
                self._parts.append((token, None, ""))
        self.fields = frozenset(field for _, field, _ in self._parts if field is not None)
        """Names of the placeholders, `index` among them when it is used."""

    def fill(self, index: int, identity: Row) -> str:
        """Raises KeyError when `identity` lacks a field."""
        return "".join(
            literal if field is None else _index_text(index, spec) if field == INDEX else identity[field]
            for literal, field, spec in self._parts
        )


class FilledUser(msgspec.Struct, frozen=True):
    """One user with every template of its group filled in."""

    index: int
    group: int
    """Position in `Plan.groups`."""
    url: str
    identity: Row
    """The columns of the user's CSV row and the fields of `[users.identity]`."""
    user_agent: str
    headers: dict[str, str]
    cookies: dict[str, str]
    """Name to value."""


def group_of(plan: Plan, index: int) -> int:
    """Position of the group that user `index` belongs to; IndexError when the plan has no such user."""
    if not 0 <= index < plan.users:
        raise IndexError(f"the plan has no user {index}, only 0 to {plan.users - 1}")
    return bisect_right(plan.groups, index, key=lambda group: group.first_index) - 1


def identity_of(group: Group, index: int, rows: list[Row]) -> Row:
    """The identity of user `index` of `group`. Rows go round when the group reuses them."""
    row = rows[(index - group.first_index) % len(rows)] if group.data else {}
    return {**row, **{name: template(text).fill(index, row) for name, text in group.identity.items()}}


def fill_user(plan: Plan, index: int, rows: dict[str, list[Row]]) -> FilledUser:
    """`rows` holds the CSV rows by group name, as `load_plan` returns them."""
    position = group_of(plan, index)
    group = plan.groups[position]
    identity = identity_of(group, index, rows.get(group.name, []))

    def filled(text: str) -> str:
        return template(text).fill(index, identity)

    return FilledUser(
        index=index,
        group=position,
        url=filled(group.url or plan.target.url),
        identity=identity,
        user_agent=filled(group.user_agent),
        headers={name: filled(value) for name, value in group.headers.items()},
        cookies={cookie.name: filled(cookie.value) for cookie in group.cookies},
    )


@lru_cache(maxsize=1024)  # a plan has a handful of templates and fills each for every user
def template(text: str) -> Template:
    """Like `Template(text)`, read once."""
    return Template(text)


def _placeholder(inside: str) -> tuple[str, str]:
    """(field, spec) of the text between two braces."""
    field, colon, spec = inside.partition(":")
    if not field.strip() or field != field.strip():
        raise ValueError(f'"{{{inside}}}" names no field: write {{index}} or {{FIELD}} without spaces')
    if colon and field != INDEX:
        raise ValueError(f'"{{{inside}}}": only {{index}} takes a format, {{{field}}} is text already')
    if spec == MAC:
        return field, spec
    match = _integer_spec.match(spec)
    if match is None or int(match["width"] or 0) > WIDTH_MAX or not _python_takes(spec):
        raise ValueError(
            f'"{{{inside}}}" has an unknown format: write {{index}}, {{index:020d}}, {{index:x}}, {{index:mac}}'
        )
    return field, spec


def _python_takes(spec: str) -> bool:
    """Some pairs that look right exclude each other, such as a thousands separator in hexadecimal."""
    try:
        format(0, spec)
    except ValueError:
        return False
    return True


def _index_text(index: int, spec: str) -> str:
    if spec == MAC:
        return index.to_bytes(6, "big").hex(":").upper()
    return format(index, spec)
