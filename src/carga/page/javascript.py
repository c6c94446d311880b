"""As much of JavaScript's grammar as it takes to tell words of code from words in strings, templates, comments and
regular expressions (ECMAScript, "Lexical Grammar"). Whether a slash divides or begins a regular expression depends on
what stands before it; for `)` and `}` that is what stood before their opening.
"""

import re
from collections.abc import Iterator

SPACE = r"(?:\s|//[^\n]*\n|/\*.*?\*/)*"
"""Pattern of what may stand between two tokens. Needs re.DOTALL."""

_TOKEN = re.compile(
    r"""
      (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    | (?P<template> ` )
    | (?P<word> [\w$]+ )
    | (?P<slash> / )
    | (?P<mark> \+\+ | -- | => | \?\. | [^\w\s] )
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?![*/])(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*\]|[^/\\\[\n])+/[\w$]*")
_TEMPLATE_PART = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?P<end>`|\$\{)?", re.DOTALL)
# fmt: off
_BEFORE_EXPRESSION = frozenset((
    "return", "typeof", "instanceof", "in", "of", "new", "delete", "void", "throw", "case", "do", "else", "yield",
    "await", "default", "extends",
))
# fmt: on
_BEFORE_CONDITION = frozenset(("if", "while", "for", "with"))
_AFTER_VALUE = frozenset((")", "]", "}", "++", "--", "string", "template", "regex"))
_BEFORE_BLOCK = frozenset((")", ";", "{", "}", "=>", "else", "do", "try", "finally", "", ":"))


def top_level_words(source: str, wanted: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """The `wanted` words that stand outside of all brackets and are not names of properties, with their offsets."""
    open_brackets: list[str] = []
    """For each open bracket what it is: "template", "condition", "block" or "value"."""
    before = ""
    position = 0
    while match := _TOKEN.search(source, position):
        position = match.end()
        kind, text = str(match.lastgroup), match.group()
        if kind == "comment":
            continue
        if kind == "slash":
            regex = _REGEX.match(source, match.start()) if _expects_expression(before) else None
            if regex is not None:
                position = regex.end()
                text = "regex"
        elif kind == "template" or (text == "}" and open_brackets and open_brackets[-1] == "template"):
            if text == "}":
                open_brackets.pop()
            position, text = _skip_template(source, position, open_brackets)
        elif kind == "string":
            text = "string"
        elif kind == "word":
            if before in (".", "?."):
                text = "name"
            elif text in wanted and not open_brackets:
                yield text, match.start()
        elif text in "([{":
            open_brackets.append(_meaning(text, before))
        elif text in ")]}" and open_brackets:
            text = {"condition": "condition", "block": "block"}.get(open_brackets.pop(), text)
        before = text


def _skip_template(source: str, position: int, open_brackets: list[str]) -> tuple[int, str]:
    """Goes on behind the template's end, or behind the `${` that begins code. Gives also what stands there."""
    part = _TEMPLATE_PART.match(source, position)
    assert part is not None  # it matches nothing too
    if part["end"] == "${":
        open_brackets.append("template")
        return part.end(), "("
    return part.end(), "template"


def _meaning(bracket: str, before: str) -> str:
    if bracket == "(" and before in _BEFORE_CONDITION:
        return "condition"
    if bracket == "{" and (before in _BEFORE_BLOCK or before in ("condition", "block") or before.isidentifier()):
        return "value" if before in _BEFORE_EXPRESSION - {"else", "do"} else "block"
    return "value"


def _expects_expression(before: str) -> bool:
    """Whether a slash behind `before` begins a regular expression."""
    if before in _BEFORE_EXPRESSION or before in ("condition", "block", ""):
        return True
    return before not in _AFTER_VALUE and not re.fullmatch(r"[\w$]+", before)
