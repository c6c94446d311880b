"""Times as people write them in a plan: `800ms`, `1.5s`, `2m`, `1h30m`."""

import re

DURATION_S_MAX = 30 * 86400.0
"""Thirty days. A longer time in a load test is a slip of the pen."""

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
DURATION_PATTERN = rf"^(?=[0-9])(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?$"
"""Every text that `parse_duration` takes, apart from its maximum; also used in the JSON Schema."""

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_whole = re.compile(DURATION_PATTERN)
_parts = re.compile(rf"({_NUMBER})(ms|h|m|s)")
_bare = re.compile(rf"{_NUMBER}")
TEXT_LENGTH_MAX = 40


def parse_duration(text: str) -> float:
    """Seconds. Units h, m, s, ms, largest first, each at most once. Raises ValueError that says what would be right."""
    shown = text[: TEXT_LENGTH_MAX + 1]
    if _bare.fullmatch(shown):
        raise ValueError(f'"{shown}" has no unit: write "{shown}s" or "{shown}ms"')
    if len(text) > TEXT_LENGTH_MAX or not _whole.fullmatch(shown):
        raise ValueError(f'"{shown}" is not a time: write it like "800ms", "1.5s", "2m" or "1h30m"')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _parts.findall(shown))
    if seconds > DURATION_S_MAX:
        raise ValueError(f'"{shown}" is longer than {DURATION_S_MAX / 86400:.0f} days')
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text for `seconds` (0 or more), exact to the millisecond, below a second to the microsecond."""
    if round(seconds * 1000, 3) < 1000:
        milliseconds = round(seconds * 1000, 3)
        return f"{milliseconds:.7g}ms" if milliseconds else "0s"
    minutes, milliseconds_left = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    left = f"{milliseconds_left / 1000:.5g}s" if milliseconds_left else ""
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + left
