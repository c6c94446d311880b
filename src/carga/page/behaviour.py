"""Makes a behaviour file, a module with a default export, into an expression that a classic script can hold.

The page may forbid `import()` and blobs by its Content-Security-Policy, so the behaviour comes in with the runtime,
as an injected classic script. The source keeps its lines, so an error's line is that of the file.
"""

import re

from carga.errors import BehaviourError

_TOKEN = re.compile(
    r"""
      (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    | (?P<template> `(?:\\.|[^`\\])*` )
    | (?P<export> \bexport\b (?:\s+ default\b)? )
    | (?P<import> \bimport\b (?= \s* (?:["'{*\w]) ) )
    | (?P<word> [\w$]+ )
    | (?P<regex> / (?![*/]) (?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+ / [a-z]* )
    | (?P<other> [^\w\s] )
    """,
    re.VERBOSE | re.DOTALL,
)
_BEFORE_REGEX = set("(,=:[!&|?{};+-*%<>~^") | {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new"}
EXPORT_VARIABLE = "__carga_behaviour"


def prepare_behaviour(path: str, source: str) -> str:
    """A JavaScript expression whose value is the behaviour's function.

    Raises BehaviourError when the file has no default export, or imports or exports anything else. Syntax is the
    browser's business: see `carga.engines`.
    """
    pieces: list[str] = []
    position = 0
    exports = 0
    before = ""
    while match := _TOKEN.search(source, position):
        pieces.append(source[position : match.start()])
        position = match.end()
        kind, text = str(match.lastgroup), match.group()
        if kind == "regex" and before and before not in _BEFORE_REGEX:
            position = match.start() + 1  # a division
            text = "/"
        elif kind == "import":
            raise _error(path, source, match.start(), "A behaviour cannot import.", "Put everything into one file.")
        elif kind == "export":
            if "default" not in text:
                raise _error(path, source, match.start(), "Only a default export is allowed.", "Remove this `export`.")
            exports += 1
            if exports > 1:
                raise _error(path, source, match.start(), "There is a second default export.", "Remove one of the two.")
            text = f"{EXPORT_VARIABLE} =" + "\n" * text.count("\n")
        pieces.append(text)
        if kind not in ("comment",):
            before = text
    pieces.append(source[position:])
    if not exports:
        raise BehaviourError(
            f"{path}: there is no default export.",
            "A behaviour is a function: `export default async function (user) { … }`.",
        )
    body = "".join(pieces)
    return (
        f'(() => {{ "use strict"; let {EXPORT_VARIABLE}; {body}\n;'
        f'if (typeof {EXPORT_VARIABLE} !== "function") throw new Error("The default export is not a function."); '
        f"return {EXPORT_VARIABLE}; }})()"
    )


def _error(path: str, source: str, offset: int, problem: str, remedy: str) -> BehaviourError:
    line = source.count("\n", 0, offset) + 1
    return BehaviourError(f"{path}:{line}: {problem}", remedy)
