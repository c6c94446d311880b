"""How errors look: what is wrong, what to do about it, and never a bare traceback."""

import contextlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import msgspec

from carga.errors import CargaError

BROKEN_PIPE_EXIT = 141
"""128 + SIGPIPE, as a shell sees any program whose reader went away."""
DEBUG_ENVIRONMENT = "CARGA_DEBUG"
"""When set, an unexpected error is shown with its traceback at once."""


def report_error(error: CargaError, *, as_json: bool) -> int:
    """Prints the error for a person on stderr and, with --json, for a program on stdout. Returns the exit code."""
    details: dict[str, Any] = {"code": error.code, "problem": error.problem, "remedy": error.remedy}
    problems = getattr(error, "problems", None)
    if problems:
        details["problem"] = _count(problems)
        details["problems"] = problems
        _print_problems(problems)
    else:
        _say(f"carga: {error.problem}")
        if error.remedy:
            _say(f"       {error.remedy}")
    if as_json:
        print_json({"error": details})
    return int(error.exit_code)


def report_unexpected(error: Exception, *, as_json: bool) -> int:
    """An error that carga itself is to blame for: a short sentence, and the traceback in a file."""
    text = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG_ENVIRONMENT):
        _say(text.rstrip())
    problem = f"internal error: {type(error).__name__}: {error}"
    remedy = "This is a fault of carga. Please report it"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="carga-error-", suffix=".txt", delete=False) as file:
            file.write(text)
        remedy += f" with the traceback in {file.name}."
    except OSError:
        remedy += f"; {DEBUG_ENVIRONMENT}=1 shows the traceback."
    return report_error(CargaError(problem, remedy), as_json=as_json)


def end_broken_pipe() -> int:
    """Whoever read our output has gone (`carga check plan.toml | head`): nobody is left to be told anything."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())  # or the interpreter fails again when it flushes at exit
    os.close(null)
    return BROKEN_PIPE_EXIT


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=_encode), indent=2).decode())


def _encode(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be JSON")


def _print_problems(problems: list[Any]) -> None:
    """Like a compiler: place, key, problem; the remedy below."""
    for problem in problems:
        place = f"{problem.file}:{problem.line}" if problem.line else str(problem.file)
        key = f"{problem.key}: " if problem.key else ""
        _say(f"{place}: {key}{problem.problem}")
        if problem.remedy:
            _say(f"    {problem.remedy}")
    _say(_count(problems))


def _count(problems: list[Any]) -> str:
    return "1 problem." if len(problems) == 1 else f"{len(problems)} problems."


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # stderr is closed; the exit code still tells
        print(text, file=sys.stderr, flush=True)
