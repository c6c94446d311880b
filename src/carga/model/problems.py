"""What is wrong with a plan: collected all at once, each with its place and a remedy."""

import difflib
from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

KeyPath: TypeAlias = tuple[str | int, ...]

PROBLEMS_MAX = 100
"""More are counted, not kept: nobody reads them, and a damaged CSV has one in each line."""
SHOWN_LENGTH_MAX = 60


class Problem(msgspec.Struct, frozen=True):
    file: str
    line: int
    """From 1; 0 when the problem is the whole file's."""
    key: str
    """Such as `users[1].viewport`; empty when it is about no key."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key + ': ' if self.key else ''}{self.problem} {self.remedy}".rstrip()


class Wrong(Exception):
    """A value that cannot stand; where it stands is known to the caller."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class Report:
    """Collects problems. `locate` gives the line of a key of `file`."""

    def __init__(self, file: str, locate: Callable[[KeyPath], int]) -> None:
        self._file = file
        self._locate = locate
        self._problems: list[Problem] = []
        self._wrong: set[KeyPath] = set()
        self._left_out = 0

    def add(self, at: KeyPath, problem: str, remedy: str) -> None:
        """`at` is the key of the plan that is wrong."""
        self._wrong.update(at[:length] for length in range(len(at) + 1))
        self._keep(Problem(self._file, self._locate(at), key_text(at), problem, remedy))

    def add_in(self, file: str, line: int, at: KeyPath, problem: str, remedy: str) -> None:
        """The problem lies in another file, which the plan names at `at`."""
        self._wrong.update(at[:length] for length in range(len(at) + 1))
        self._keep(Problem(file, line, key_text(at), problem, remedy))

    def wrong(self, *at: str | int) -> bool:
        """Whether this key, or something in it, has a problem: checks that build on it would only add noise."""
        return at in self._wrong

    def problems(self) -> list[Problem]:
        """By file and line."""
        ordered = sorted(self._problems, key=lambda problem: (problem.file != self._file, problem.file, problem.line))
        if self._left_out:
            rest = f"{self._left_out} more problems are not shown."
            ordered.append(Problem(self._file, 0, "", rest, "Repair those above first."))
        return ordered

    def _keep(self, problem: Problem) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(problem)
        else:
            self._left_out += 1


def key_text(at: KeyPath) -> str:
    """`users[1].viewport` for ("users", 1, "viewport")."""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.replace("-", "_").isidentifier() else shown(part))
    return text


def shown(value: object) -> str:
    """A value of the plan as a message quotes it: short, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number of more than 18 digits"
    if isinstance(value, list | dict):
        return "a table" if isinstance(value, dict) else "a list"
    if not isinstance(value, str):
        return str(value)
    text = value if len(value) <= SHOWN_LENGTH_MAX else value[: SHOWN_LENGTH_MAX - 1] + "…"
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text) + '"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the likeliest of the `known` words, or with all of them."""
    words = list(known)
    near = difflib.get_close_matches(word[:SHOWN_LENGTH_MAX], words, n=1, cutoff=0.6)
    return f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(words)}."
