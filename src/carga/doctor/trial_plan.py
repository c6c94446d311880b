"""The plan of a measurement: idle for a moment, then more and more users of one kind."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from carga.doctor.measured import origin_of
from carga.doctor.steps import IDLE_S
from carga.errors import UsageError
from carga.model.engines import BrowserKind
from carga.plans import LoadedPlan

USERS_PER_S = 8.0
"""That come at once, so that a measurement does not begin with a crash."""


def ramp_s(users: int) -> float:
    return max(1.0, users / USERS_PER_S)


def plain_group(behaviour: Path | None) -> tuple[dict[str, Any], str]:
    """What users do without a plan, and that in words."""
    if behaviour is None:
        return {}, "opens the page"
    if not behaviour.is_file():
        raise UsageError(f"{behaviour} is missing.", "Correct the path of the behaviour.")
    return {"behaviour": str(behaviour.resolve())}, f"behaves by {behaviour.name}"


def group_of_plan(loaded: LoadedPlan, url: str, kind: BrowserKind) -> tuple[str, dict[str, Any], str]:
    """URL, settings and words of the plan's group that is most like `kind`. Raises UsageError for another target."""
    raw = tomllib.loads(loaded.text)
    if origin_of(raw["target"]["url"]) != origin_of(url):
        raise UsageError(
            f"{loaded.path} loads {origin_of(raw['target']['url'])}, not {origin_of(url)}.",
            "Name the plan's own target after --measure.",
        )
    groups = loaded.plan.groups
    alike = [position for position, group in enumerate(groups) if group.engine == kind.engine]
    position = alike[0] if alike else 0
    settings = dict(raw["users"][position])
    for key in ("engine", "rendering", "isolation", "full_sample", "count", "start_delay", "share", "weight"):
        settings.pop(key, None)
    for key in ("behaviour", "data"):
        if key in settings:
            settings[key] = str((loaded.path.parent / settings[key]).resolve())
    return raw["target"]["url"], settings, f"does as {groups[position].name} in {loaded.path.name}"


def plan_text(url: str, kind: BrowserKind, settings: dict[str, Any], steps: Sequence[int], *, hold_s: float) -> str:
    """TOML."""
    group = {
        **settings,
        "count": max(steps),
        "engine": kind.engine,
        "rendering": kind.rendering,
        "isolation": kind.isolation,
    }
    stages = [(0, float(IDLE_S))]
    for users in steps:
        stages += [(users, ramp_s(users - stages[-1][0])), (users, hold_s)]
    lines = ["[target]", f"url = {_toml(url)}", "", "[[users]]"]
    lines += [f"{_toml(key)} = {_toml(value)}" for key, value in group.items()]
    for users, over_s in stages:
        lines += ["", "[[load]]", f"users = {users}", f'over = "{over_s:g}s"']
    return "\n".join(lines) + "\n"


def windows_of(steps: Sequence[int], *, hold_s: float) -> list[range]:
    """For each step the seconds that count: the second half of its hold, when its users have come and settled."""
    found, end, before = [], float(IDLE_S), 0
    for users in steps:
        end += ramp_s(users - before) + hold_s
        found.append(range(int(end - hold_s / 2), int(end)))
        before = users
    return found


def _toml(value: Any) -> str:
    """A JSON string is a TOML string as long as it is not escaped to surrogates."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
