"""On which line of a TOML text a key stands.

The standard parser does not tell, so this walks the text once more. It expects text that the parser has taken
and does its best with anything else; a key that it did not see has the line of the table around it.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

from carga.model.problems import KeyPath

_blank = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_header = re.compile(r"(\[\[?)[ \t]*")
_key_part = re.compile(r"""("(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*(\.?)[ \t]*""")
_string = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL
)
_scalar = re.compile(r"[^,\]}\n#]*")
_rest_of_line = re.compile(r"[^\n]*")


class TomlLines:
    """Call it with a key path to get a line, counted from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lines: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}
        """How many tables each `[[array]]` has so far."""
        try:
            self._document()
        except (_Lost, RecursionError):
            return  # what was seen before this place still helps

    def __call__(self, at: KeyPath) -> int:
        """The line of the longest part of `at` that stands in the text; 1 when none does."""
        return next((self._lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self._lines), 1)

    def _document(self) -> None:
        table: KeyPath = ()
        position = self._skip(0)
        while position < len(self._text):
            header = _header.match(self._text, position)
            if header:
                table = self._enter(header[1], header.end(), self._line(position))
            else:
                position = self._entry(position, table)
            position = self._skip(_match(_rest_of_line, self._text, position).end())

    def _enter(self, brackets: str, position: int, line: int) -> KeyPath:
        """The path of the table that a header opens."""
        parts, _ = self._key(position)
        path: KeyPath = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        path = (*path, parts[-1])
        self._lines.setdefault(path, line)
        if brackets == "[[":
            self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, self._tables[path] - 1)
            self._lines.setdefault(path, line)
        return path

    def _entry(self, position: int, table: KeyPath) -> int:
        """One `key = value`; returns the position behind it."""
        line = self._line(position)
        parts, position = self._key(position)
        path = table
        for part in parts:
            path = (*path, part)
            self._lines.setdefault(path, line)
        if not self._text.startswith("=", position):
            raise _Lost
        return self._value(self._skip(position + 1), path)

    def _value(self, position: int, path: KeyPath) -> int:
        self._lines.setdefault(path, self._line(position))
        opening = self._text[position : position + 1]
        if opening == "[":
            return self._array(position + 1, path)
        if opening == "{":
            return self._inline_table(position + 1, path)
        return _match(_string if opening in ("'", '"') else _scalar, self._text, position).end()

    def _array(self, position: int, path: KeyPath) -> int:
        for index, start in enumerate(self._items(position, "]")):
            self._end = self._value(start, (*path, index))
        return self._end

    def _inline_table(self, position: int, path: KeyPath) -> int:
        for start in self._items(position, "}"):
            self._end = self._entry(start, path)
        return self._end

    def _items(self, position: int, closing: str) -> Iterator[int]:
        """Where each item starts; the loop's body leaves the end of the item in `_end`, at last that of the whole."""
        self._end = self._skip(position)
        while not self._text.startswith(closing, self._end):
            if self._end >= len(self._text):
                raise _Lost
            yield self._end
            self._end = self._skip(self._end)
            if self._text.startswith(",", self._end):
                self._end = self._skip(self._end + 1)
            elif not self._text.startswith(closing, self._end):
                raise _Lost
        self._end += len(closing)

    def _key(self, position: int) -> tuple[list[str], int]:
        """The parts of a dotted key, and the position behind it."""
        parts: list[str] = []
        while True:
            match = _match(_key_part, self._text, position)
            parts.append(_unquoted(match[1]))
            position = match.end()
            if not match[2]:
                return parts, position

    def _skip(self, position: int) -> int:
        return _match(_blank, self._text, position).end()

    def _line(self, position: int) -> int:
        return bisect_right(self._starts, position)


class _Lost(Exception):
    """The text is not TOML, or not as this module reads it."""


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    match = pattern.match(text, position)
    if match is None:
        raise _Lost
    return match


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    try:
        return str(tomllib.loads(f"key = {key}")["key"])
    except ValueError:
        raise _Lost from None
