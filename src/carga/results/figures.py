"""How numbers look in a report: three digits that count, units people know, groups of thousands."""

import math
import re

from carga.model.duration import format_duration

NARROW_SPACE = "\u202f"
"""Keeps a number and its unit on one line."""
NOTHING = "–"

_PART = re.compile(r"([0-9][hm])(?=[0-9])")
_BYTES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(value: float) -> str:
    """12 345, with narrow spaces."""
    return f"{round(value):,}".replace(",", NARROW_SPACE)


def amount(value: float | None, unit: str) -> str:
    """A measured value with its unit, scaled: `812 ms`, `12.3 s`, `1.20 MB`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if unit == "ms":
        return _time(value)
    if unit in ("bytes", "byte", "B"):
        return size(value)
    text = digits(value)
    return text if unit in ("", "score", "count") else f"{text}{NARROW_SPACE}{unit}"


def digits(value: float) -> str:
    if abs(value) >= 1000:
        return count(value)
    if value == round(value):
        return f"{value:.0f}"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{decimals}f}" if abs(value) >= 0.01 else f"{value:.2g}"


def size(value: float) -> str:
    """Bytes in decimal units."""
    for unit in _BYTES[:-1]:
        if abs(value) < 1000:
            return f"{digits(value)}{NARROW_SPACE}{unit}"
        value /= 1000
    return f"{digits(value)}{NARROW_SPACE}{_BYTES[-1]}"


def share(part: float, whole: float) -> str:
    """As a percentage; a share that is not nothing never reads as 0 %."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return f"<0.01{NARROW_SPACE}%"
    return f"{digits(percent)}{NARROW_SPACE}%"


def clock(second: float) -> str:
    """Time of the run: `0:07`, `12:34`, `1:02:03`."""
    minutes, seconds = divmod(int(second), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def duration(seconds: float) -> str:
    """`1m 30s`; whole seconds once it is longer than ten."""
    text = format_duration(round(seconds) if seconds >= 10 else round(seconds, 1))
    return _PART.sub(r"\1 ", text).strip()


def plural(number: int, one: str, many: str = "") -> str:
    """`1 user`, `200 users`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def _time(value_ms: float) -> str:
    if abs(value_ms) < 10_000:
        return f"{digits(value_ms)}{NARROW_SPACE}ms"
    return f"{digits(value_ms / 1000)}{NARROW_SPACE}s"
