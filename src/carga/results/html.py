"""Builds HTML in which nothing that was measured can become markup.

Plans, messages, URLs and errors come from pages that nobody vouches for. Every `str` is escaped; only `Html`, which
only `tag` makes, is taken as it is.
"""

import html
import re
from collections.abc import Iterable

import msgspec

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)
"""Control characters, and those that turn the direction of text and so hide what it says."""
_VOID = frozenset({"meta", "br", "hr", "img", "rect", "circle", "path"})


class Html(str):
    """Markup that may be used as it is."""

    __slots__ = ()


Child = str | Html | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """`tag("p", "text", class_="note")`. `_` in a name becomes `-`, a trailing one goes; None and False are omitted."""
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{opening}>" if name in ("meta", "br", "hr", "img") else f"<{opening}/>")
    return Html(f"<{opening}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """All children one after another, escaped."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(html.escape(printable(children)))
    return Html("".join(join(child) for child in children))


def printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def clip(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else f"{text[:length_max]} …"


def json_for_script(value: object) -> Html:
    """JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(text)


def table(heads: Iterable[Child], rows: Iterable[Iterable[Child]], *, narrow: bool = False, caption: str = "") -> Html:
    """Columns whose head starts with `#` hold numbers."""
    names = list(heads)
    numeric = [isinstance(name, str) and name.startswith("#") for name in names]
    head = [
        tag(
            "th",
            name[1:] if is_number and isinstance(name, str) else name,
            scope="col",
            class_="n" if is_number else None,
        )
        for name, is_number in zip(names, numeric, strict=True)
    ]
    body = [
        tag(
            "tr",
            [tag("td", cell, class_="n" if is_number else None) for cell, is_number in zip(row, numeric, strict=True)],
        )
        for row in rows
    ]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption) if caption else None,
            tag("thead", tag("tr", head)),
            tag("tbody", body),
        ),
        class_="scroll narrow" if narrow else "scroll",
        tabindex="0",
        role="region",
        aria_label=caption or None,
    )


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(printable(value))}"'
