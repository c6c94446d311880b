"""The limits of thresholds as a plan writes them: `p95 = "800ms"`, `failed = "1%"`, `rate = ">= 10/s"`.

A limit may begin with `<=` or `>=`. Without it, a `rate` is what must at least be reached and all others are upper
bounds.
"""

import math
import re
from typing import Literal, TypeAlias

from carga.model.duration import parse_duration
from carga.model.parts import SAMPLE
from carga.model.plan import Statistic, Threshold
from carga.model.problems import Wrong, did_you_mean, shown
from carga.model.thresholds import FAMILIES, METRICS, WEBSOCKETS, quantity, statistics_of, unit_of
from carga.model.windows import COUNTERS

Operator: TypeAlias = Literal["<=", ">="]

LIMIT_LENGTH_MAX = 60
_number = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_operator = re.compile(r"(<=|>=|)\s*(.*)", re.DOTALL)
_bare = re.compile(rf"({_number})\Z")
_percent = re.compile(rf"({_number})\s*%\Z")
_rate = re.compile(rf"({_number})\s*/\s*s\Z")
_whole = re.compile(r"([0-9]{1,15})\Z")

SCHEMA_PATTERNS: dict[str, str] = {
    "failed": rf"^\s*(<=|>=)?\s*{_number}\s*%\s*$",
    "rate": rf"^\s*(<=|>=)?\s*{_number}\s*/\s*s\s*$",
    "count": r"^\s*(<=|>=)?\s*[0-9]{1,15}\s*$",
}


def read_metric(name: object) -> str:
    """Raises Wrong when a threshold cannot name it."""
    if not isinstance(name, str):
        raise Wrong(f"{shown(name)} is not the name of a metric.", 'Write it like "step.open guide" or "requests".')
    if not statistics_of(name):
        if name.startswith(SAMPLE):
            remedy = "Full samples have the metrics of users, such as full_sample.step.NAME, and no counters."
            raise Wrong(f"{shown(name)} is an unknown metric.", remedy)
        families = [family + "NAME" for family in FAMILIES]
        raise Wrong(f"{shown(name)} is an unknown metric.", _suggestion(name, families))
    return name


def read_limit(metric: str, statistic: Statistic, value: object) -> Threshold:
    """The threshold that `statistic = value` on a known `metric` stands for. Raises Wrong."""
    usable = statistics_of(metric)
    if statistic not in usable:
        raise Wrong(f"{metric} has no {statistic}.", f"Use {', '.join(usable)}.")
    text = value.strip() if isinstance(value, str) else ""
    match = _operator.match(text[: LIMIT_LENGTH_MAX + 1])
    assert match is not None
    op: Operator = ">=" if match[1] == ">=" or (statistic == "rate" and not match[1]) else "<="
    if len(text) > LIMIT_LENGTH_MAX:
        raise Wrong(f"{shown(value)} is too long.", f"Use {LIMIT_LENGTH_MAX} characters at most.")
    limit = _limit(metric, statistic, match[2] if isinstance(value, str) else value)
    read_out = quantity(statistic, limit, _unit(metric, match[2]))
    return Threshold(metric, statistic, op, limit, f"{metric} {statistic} {op} {read_out}")


def _limit(metric: str, statistic: Statistic, value: object) -> float:
    """In the base unit. `value` is a number, or a text without its operator."""
    if statistic == "failed":
        return _share(value)
    if statistic == "rate":
        return _matched(_rate, value, "a rate", 'rate = "10/s"')
    if statistic == "count":
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
            return float(value)
        return _matched(_whole, value, "a whole number", "count = 0")
    unit = unit_of(metric)
    if unit != "ms":
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**15:
            return float(value)
        if unit is not None or not isinstance(value, str) or _bare.match(value):
            return _matched(_bare, value, "a number from 0 up", f"{statistic} = 0.1")
    return _milliseconds(statistic, value)


def _share(value: object) -> float:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    share = _matched(_percent, value, "a share", 'failed = "1%"') / 100
    if share > 1:
        raise Wrong(f"{shown(value)} is more than all.", "Write 100% at most.")
    return share


def _milliseconds(statistic: str, value: object) -> float:
    if not isinstance(value, str):
        example = f"{value}ms" if isinstance(value, int) and 0 < value < 10**6 else "800ms"
        raise Wrong(f"{shown(value)} is not a time.", f'Write a text with a unit, such as {statistic} = "{example}".')
    try:
        return round(parse_duration(value) * 1000, 6)
    except ValueError:
        raise Wrong(f"{shown(value)} is not a time.", f'Write it like {statistic} = "800ms".') from None


def _matched(pattern: re.Pattern[str], value: object, what: str, example: str) -> float:
    match = pattern.match(value) if isinstance(value, str) else None
    if match is None or not math.isfinite(float(match[1])):
        raise Wrong(f"{shown(value)} is not {what}.", f"Write it like {example}.")
    return float(match[1])


def _unit(metric: str, written: str) -> str:
    """The unit in which a limit is read out: that of the metric, or milliseconds when a time was written."""
    unit = unit_of(metric)
    return unit if unit is not None else "" if not written or _bare.match(written) else "ms"


def _suggestion(name: str, families: list[str]) -> str:
    family, dot, rest = name.partition(".")
    if dot and rest:
        for known in FAMILIES:
            if did_you_mean(family + ".", [known]).startswith("Did"):
                return f'Did you mean "{known}{rest}"?'
    return did_you_mean(name, [*METRICS, WEBSOCKETS, *COUNTERS, *families])
