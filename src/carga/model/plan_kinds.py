"""The kinds of values that a plan holds. Each can read a value and describe itself as JSON Schema."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from carga.model.duration import DURATION_PATTERN, parse_duration
from carga.model.identity import Template
from carga.model.problems import KeyPath, Report, Wrong, did_you_mean, shown

TEXT_LENGTH_MAX = 8192
ENTRIES_MAX = 1000
"""Tables in a list, keys in a table."""
BAD = object()
"""What `read` returns in place of a value that was wrong and has been reported."""
_percent = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%")
_control = re.compile(r"[\x00-\x1f\x7f]")

Schema = dict[str, Any]


class Kind:
    """Simple kinds implement `take`, those that hold others `read`."""

    def read(self, value: object, at: KeyPath, report: Report) -> Any:
        """The value for the plan's struct, or BAD after `report` was told."""
        try:
            return self.take(value)
        except Wrong as wrong:
            report.add(at, wrong.problem, wrong.remedy)
            return BAD

    def take(self, value: object) -> Any:
        """Raises Wrong."""
        raise NotImplementedError

    def schema(self) -> Schema:
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """`what` names the value in messages; `like` is an example."""

    what: str
    like: str
    pattern: str = r"^[^\u0000-\u001f\u007f]+$"
    length_max: int = TEXT_LENGTH_MAX

    def take(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.length_max or not re.search(self.pattern, value):
            raise Wrong(f"{shown(value)} is not {self.what}.", f'Write it like "{self.like}".')
        if _control.search(value):  # "$" lets a newline at the end pass
            raise Wrong(f"{shown(value)} holds a control character.", "Remove it.")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": self.pattern, "maxLength": self.length_max}


@dataclass(frozen=True)
class TemplateText(Kind):
    """A text with placeholders. Which fields exist is known later, when the CSV has been read."""

    def take(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not a text.", "Put it in quotes.")
        if len(value) > TEXT_LENGTH_MAX:
            raise Wrong(f"the text has {len(value)} characters.", f"Use {TEXT_LENGTH_MAX} at most.")
        if _control.search(value):
            raise Wrong(f"{shown(value)} holds a control character.", "Remove line breaks and tabs.")
        try:
            Template(value)
        except ValueError as error:
            raise Wrong(f"{error}.", "Literal braces are written {{ and }}.") from None
        return value

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": TEXT_LENGTH_MAX}


@dataclass(frozen=True)
class Integer(Kind):
    minimum: int
    maximum: int

    def take(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise Wrong(
                f"{shown(value)} is not a whole number from {self.minimum} to {self.maximum}.",
                "Write such a number, without quotes.",
            )
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Flag(Kind):
    def take(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Wrong(f"{shown(value)} is neither true nor false.", "Write true or false, without quotes.")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Kind):
    """One of `words`, of which this version can do those in `available`."""

    words: tuple[str, ...]
    available: tuple[str, ...]

    def take(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise Wrong(
                f"{shown(value)} is not known.", did_you_mean(value if isinstance(value, str) else "", self.words)
            )
        if value not in self.available:
            options = " or ".join(f'"{word}"' for word in self.available)
            raise Wrong(f'"{value}" is not available in this version.', f"Use {options}.")
        return value

    def schema(self) -> Schema:
        return {"enum": list(self.available)}


class Percent(Kind):
    """A share, 0..1, from a text such as "2%"; more than none and at most all."""

    def take(self, value: object) -> float:
        match = _percent.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            example = f"{value}%" if isinstance(value, int | float) and _sensible(value) and 0 < value <= 100 else "2%"
            raise Wrong(f"{shown(value)} is not a share.", f'Write a text with a percent sign, such as "{example}".')
        percent = float(match[1])
        if not 0 < percent <= 100:
            raise Wrong(f"{shown(value)} is not more than 0 % and at most 100 %.", 'Write it like "2%".')
        return percent / 100

    def schema(self) -> Schema:
        return {"type": "string", "pattern": rf"^\s*{_percent.pattern}\s*$"}


@dataclass(frozen=True)
class Duration(Kind):
    """Seconds."""

    zero: bool = True
    """Whether no time at all is a sensible value."""

    def take(self, value: object) -> float:
        if not isinstance(value, str):
            example = (
                f"{value}s" if isinstance(value, int | float) and _sensible(value) and (value or self.zero) else "30s"
            )
            raise Wrong(f"{shown(value)} is not a time.", f'Write a text with a unit, such as "{example}".')
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise Wrong(f"{shown(value)} is not a time.", _remedy(str(error))) from None
        if not seconds and not self.zero:
            raise Wrong("the time must be longer than 0.", 'Write it like "30s".')
        return seconds

    def schema(self) -> Schema:
        return {"type": "string", "pattern": DURATION_PATTERN}


class DurationRange(Kind):
    """(shortest, longest) in seconds, from one time or a list of two."""

    def take(self, value: object) -> tuple[float, float]:
        if not isinstance(value, list):
            seconds = Duration().take(value)
            return seconds, seconds
        if len(value) != 2:
            raise Wrong(f"a list of {len(value)} is not a range of times.", 'Write "1s" or ["0.5s", "1.5s"].')
        shortest, longest = (Duration().take(item) for item in value)
        if shortest > longest:
            raise Wrong(f"{shown(value[0])} is longer than {shown(value[1])}.", "Put the shorter time first.")
        return shortest, longest

    def schema(self) -> Schema:
        one = Duration().schema()
        return {"oneOf": [one, {"type": "array", "items": one, "minItems": 2, "maxItems": 2}]}


@dataclass(frozen=True)
class Size(Kind):
    """(width, height) in CSS pixels."""

    side_max: int

    def take(self, value: object) -> tuple[int, int]:
        sides = value if isinstance(value, list) else []
        if len(sides) != 2 or not all(type(side) is int and 1 <= side <= self.side_max for side in sides):
            raise Wrong(
                f"{shown(value)} is not a width and a height of 1 to {self.side_max} pixels.",
                "Write it like [1280, 720].",
            )
        return sides[0], sides[1]

    def schema(self) -> Schema:
        side = Integer(1, self.side_max).schema()
        return {"type": "array", "items": side, "minItems": 2, "maxItems": 2}


@dataclass(frozen=True)
class TextMap(Kind):
    """A table whose keys the author chooses. `elsewhere` maps forbidden keys (lower case) to a remedy."""

    key: Text
    value: Kind
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def read(self, value: object, at: KeyPath, report: Report) -> Any:
        if not isinstance(value, dict) or len(value) > ENTRIES_MAX:
            report.add(at, f"{shown(value)} is not a table of at most {ENTRIES_MAX} texts.", 'Write { name = "text" }.')
            return BAD
        good: dict[str, str] = {}
        for name, text in value.items():
            here = (*at, name)
            remedy = self.elsewhere.get(name.lower())
            if remedy:
                report.add(here, f"{shown(name)} is not set here.", remedy)
            elif self.key.read(name, here, report) is not BAD:
                read = self.value.read(text, here, report)
                if read is not BAD:
                    good[name] = read
        return good

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": self.key.pattern},
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True)
class Field:
    """One key of a table."""

    key: str
    kind: Kind
    description: str
    required: bool = False
    default: object = None
    """As it would be written in the plan; None: nothing."""
    attribute: str = ""
    """Name in the plan's struct where it differs from the key."""


@dataclass(frozen=True)
class Table(Kind):
    """A table with known keys. Read, it is a dict by attribute that holds only what was written and right."""

    fields: tuple[Field, ...]
    header: str
    """As it is written in a plan."""
    rule: Callable[[], Schema] | None = None
    """More for the schema."""

    def read(self, value: object, at: KeyPath, report: Report) -> Any:
        if not isinstance(value, dict):
            report.add(at, f"{shown(value)} stands where a table belongs.", f"Write {self.header}.")
            return BAD
        good: dict[str, Any] = {}
        known = {field.key: field for field in self.fields}
        for key, written in value.items():
            if key not in known:
                report.add((*at, key), f"{shown(key)} is an unknown key.", did_you_mean(key, known))
                continue
            read = known[key].kind.read(written, (*at, key), report)
            if read is not BAD:
                good[known[key].attribute or key] = read
        for entry in self.fields:
            if entry.required and entry.key not in value:
                report.add((*at, entry.key), f'"{entry.key}" is missing.', f"Add it: {entry.description}")
        return good

    def schema(self) -> Schema:
        properties = {}
        for entry in self.fields:
            described = {"description": entry.description, **entry.kind.schema()}
            properties[entry.key] = described if entry.default is None else described | {"default": entry.default}
        required = [entry.key for entry in self.fields if entry.required]
        return {
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": False,
            **(self.rule() if self.rule else {}),
        }


@dataclass(frozen=True)
class Tables(Kind):
    """A list of tables: `[[name]]`."""

    table: Table
    count_max: int
    count_min: int = 0

    def read(self, value: object, at: KeyPath, report: Report) -> Any:
        if not isinstance(value, list):
            report.add(at, f"{shown(value)} stands where a list of tables belongs.", f"Write {self.table.header}.")
            return BAD
        if not self.count_min <= len(value) <= self.count_max:
            report.add(at, f"there are {len(value)} tables.", f"Use {self.count_min} to {self.count_max} of them.")
            return BAD
        read = [self.table.read(item, (*at, position), report) for position, item in enumerate(value)]
        return BAD if BAD in read else read

    def schema(self) -> Schema:
        return {
            "type": "array",
            "items": self.table.schema(),
            "maxItems": self.count_max,
            **({"minItems": self.count_min} if self.count_min else {}),
        }


def _sensible(value: float) -> bool:
    return not isinstance(value, bool) and math.isfinite(value) and 0 <= value < 10**6


def _remedy(message: str) -> str:
    """The part of a message of `parse_duration` that says what to write."""
    _, colon, advice = message.rpartition(": ")
    return f"{advice[:1].upper()}{advice[1:]}." if colon else "Use 30 days at most."
