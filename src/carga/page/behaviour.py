"""Makes a behaviour file, a module with a default export, into an expression that a classic script can hold.

The page may forbid `import()` and blobs by its Content-Security-Policy, so the behaviour comes in with the runtime,
as an injected classic script. The source keeps its lines, so an error's line is that of the file.
"""

import re

from carga.errors import BehaviourError
from carga.page.javascript import SPACE, top_level_words

CHARACTERS_MAX = 1_000_000
"""Every document of every user gets the source; a longer one is a library in the wrong place."""
_RESULT = "__carga_behaviour"
_NAMELESS = "__carga_default"
_DEFAULT = re.compile(rf"export{SPACE}default\b(?P<rest>{SPACE})", re.DOTALL)
_FUNCTION = re.compile(
    rf"(?P<head>(?:async[ \t]+)?function\b{SPACE}(?:\*{SPACE})?)(?P<name>[\w$]*)(?={SPACE}\()", re.DOTALL
)
_STATIC_IMPORT = re.compile(rf"import{SPACE}[\"'{{*\w$]", re.DOTALL)


def prepare_behaviour(path: str, source: str) -> str:
    """A JavaScript expression whose value is the behaviour's function.

    Raises BehaviourError when the file has no default export, or imports or exports anything else. Other mistakes are
    found by the browser: see `Browser.check_script`.
    """
    if len(source) > CHARACTERS_MAX:
        raise BehaviourError(
            f"{path}: the file has {len(source)} characters, more than {CHARACTERS_MAX}.",
            "Keep in it only what acts for the user.",
        )
    pieces: list[str] = []
    position = 0
    value = ""
    for word, offset in top_level_words(source, ("export", "import")):
        if word == "import":
            if _STATIC_IMPORT.match(source, offset):
                raise _error(path, source, offset, "A behaviour cannot import.", "Put everything into one file.")
            continue
        default = _DEFAULT.match(source, offset)
        if default is None:
            raise _error(path, source, offset, "Only a default export is allowed.", "Remove this `export`.")
        if value:
            raise _error(path, source, offset, "There is a second default export.", "Remove one of the two.")
        pieces.append(source[position:offset])
        position = default.end()
        lines = "\n" * default[0].count("\n")
        function = _FUNCTION.match(source, position)
        if function is None:
            value = _RESULT
            pieces.append(f"{lines}{_RESULT} = ")
        else:  # a declaration, which is hoisted and ends without a semicolon
            value = function["name"] or _NAMELESS
            pieces.append(f"{lines}{function['head']} {value}")
            position = function.end()
    if not value:
        raise BehaviourError(
            f"{path}: there is no default export.",
            "A behaviour is a function: `export default async function (user) { … }`.",
        )
    body = "".join(pieces) + source[position:]
    return (
        f'(() => {{ "use strict"; let {_RESULT}; {body}\n;{_RESULT} = {value}; '
        f'if (typeof {_RESULT} !== "function") throw new Error("The default export is not a function."); '
        f"return {_RESULT}; }})()"
    )


def _error(path: str, source: str, offset: int, problem: str, remedy: str) -> BehaviourError:
    line = source.count("\n", 0, offset) + 1
    return BehaviourError(f"{path}:{line}: {problem}", remedy)
