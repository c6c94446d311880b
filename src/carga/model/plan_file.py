"""From the text of a plan to `Plan`, with every default filled in and every problem found at once."""

import re
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from carga.model.engines import ENGINES, EngineTraits
from carga.model.parts import SAMPLE
from carga.model.plan import Cookie, Group, Plan, Stage, Statistic, Target, Threshold
from carga.model.plan_fields import PLAN
from carga.model.plan_limits import read_limit, read_metric
from carga.model.problems import KeyPath, Problem, Report, Wrong, key_text
from carga.model.profile import LoadProfile
from carga.model.toml_lines import TomlLines

DEFAULT_HOLD_S = 60.0
"""Long enough for percentiles, short enough to wait for."""
DEFAULT_THRESHOLD = Threshold("requests", "failed", "<=", 0.05, "requests failed <= 5 %")
"""A run in which more fails has measured an outage, whatever its percentiles say."""
DEFAULT_BEHAVIOUR_THRESHOLD = Threshold("iteration", "failed", "<=", 0.05, "iteration failed <= 5 %")
"""For plans with behaviours that name no threshold: one whose every call throws has loaded nothing."""

_place = re.compile(r" \(at line (\d+), column (\d+)\)$| \(at end of document\)$")


@dataclass(frozen=True)
class Reading:
    """A plan as far as it could be read. Where `report.wrong(key)`, its value here is the default."""

    plan: Plan
    report: Report


def read_plan(text: str, *, file: str, name: str) -> Reading:
    """`file` is how problems call the plan, `name` its file name. Never raises, whatever the text."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        report = Report(file, lambda _: 0)
        problem = _syntax_problem(file, text, error)
        report.add_in(file, problem.line, (), problem.problem, problem.remedy)
        return Reading(Plan(name, Target(""), (), ()), report)
    report = Report(file, TomlLines(text))
    written: dict[str, Any] = PLAN.read(document, (), report)
    groups = _groups(written.get("users", []), report)
    users = sum(group.count for group in groups)
    target = Target(written.get("target", {}).get("url", ""))
    if not target.url and not report.wrong("target") and not all(group.url for group in groups):
        report.add(("target", "url"), "there is nothing to load.", 'Write url = "http://…" below [target].')
    stages = tuple(Stage(stage.get("users", 0), stage.get("over_s", 0.0)) for stage in written.get("load", []))
    if stages:
        counts_known = "users" in written and not any(report.wrong("users", i, "count") for i in range(len(groups)))
        _check_profile(stages, users if counts_known else None, report)
    elif not report.wrong("load"):
        stages = (Stage(users, 0.0), Stage(users, DEFAULT_HOLD_S))
    thresholds = _thresholds(written.get("threshold", []), any(group.full_sample for group in groups), report)
    return Reading(
        Plan(name, target, groups, stages, thresholds or _default_thresholds(groups), seed=written.get("seed", 1)),
        report,
    )


def _syntax_problem(file: str, text: str, error: Exception) -> Problem:
    message = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a value is too long or nested too deeply"
    place = _place.search(message)
    what = _place.sub("", message)
    if place is None:
        return Problem(file, 0, "", f"not valid TOML: {what}.", "Shorten it.")
    if place[1] is None:
        line, column = text.count("\n") + 1, ", at the end"
    else:
        line, column = int(place[1]), f", column {place[2]}"
    return Problem(file, line, "", f"not valid TOML{column}: {what}.", "Correct the syntax; see https://toml.io.")


def _groups(written: list[dict[str, Any]], report: Report) -> tuple[Group, ...]:
    groups: list[Group] = []
    names: dict[str, int] = {}
    for position, keys in enumerate(written):
        name = keys.get("name") or ("users" if not position else f"users-{position + 1}")
        if name in names:
            report.add(
                ("users", position, "name"),
                f'the group "{name}" is already {key_text(("users", names[name]))}.',
                "Give each group a name of its own.",
            )
        names.setdefault(name, position)
        first_index = groups[-1].first_index + groups[-1].count if groups else 0
        cookies = tuple(Cookie(**{"name": "", "value": "", **cookie}) for cookie in keys.get("cookies", []))
        _check_group(keys, cookies, position, report)
        rendering = ENGINES[keys.get("engine", "chromium")].renderings[0]
        groups.append(
            Group(
                **{
                    "count": 0,
                    "rendering": rendering,
                    **keys,
                    "name": name,
                    "cookies": cookies,
                    "first_index": first_index,
                }
            )
        )
    return tuple(groups)


def _check_group(keys: dict[str, Any], cookies: tuple[Cookie, ...], position: int, report: Report) -> None:
    engine = ENGINES[keys.get("engine", "chromium")]
    for key, words in (("rendering", engine.renderings), ("isolation", engine.isolations)):
        if keys.get(key, words[0]) not in words:
            options = " or ".join(f'"{word}"' for word in words)
            report.add(("users", position, key), f'{engine.title} has no {key} "{keys[key]}".', f"Use {options}.")
    for key, why in engine.unusable.items():
        if key in keys:
            report.add(("users", position, key), f"{engine.title} has no {key}: {why}.", "Remove it.")
    if engine.agent_never and engine.agent_never in keys.get("user_agent", "").lower():
        report.add(
            ("users", position, "user_agent"),
            f'{engine.title} sends no user agent with "{engine.agent_never}" in it.',
            "Give this group another one, or another engine.",
        )
    if "full_sample" in keys:
        _check_full_sample(keys, engine, ("users", position, "full_sample"), report)
    names = [cookie.name for cookie in cookies]
    for place, name in enumerate(names):
        if name and name in names[:place]:
            report.add(
                ("users", position, "cookies", place, "name"),
                f'there is a cookie "{name}" already.',
                "Give each cookie of a group a name of its own.",
            )
    if keys.get("reuse") and "data" not in keys and not report.wrong("users", position, "data"):
        report.add(("users", position, "reuse"), "there are no rows to reuse.", "Remove it, or name a CSV with data.")


def _check_full_sample(keys: dict[str, Any], engine: EngineTraits, at: KeyPath, report: Report) -> None:
    if "full" not in engine.renderings:
        report.add(
            at,
            f"{engine.title} does not draw pages.",
            "Remove it, and give a few users a group of their own with an engine that has rendering full.",
        )
    elif keys.get("rendering", engine.renderings[0]) == "full":
        report.add(at, "all users of the group draw all frames already.", "Remove it, or the rendering.")


def _check_profile(stages: tuple[Stage, ...], users: int | None, report: Report) -> None:
    for position, stage in enumerate(stages):
        if users is not None and stage.users > users:
            report.add(
                ("load", position, "users"),
                f"the groups have {users} users together, not {stage.users}.",
                f"Write {users} at most, or raise count in [[users]].",
            )
    if report.wrong("load"):
        return
    profile = LoadProfile(stages)
    if not profile.duration_s:
        report.add(("load",), "the load profile takes no time.", 'Add a stage such as users = 10, over = "1m".')
    elif not profile.peak:
        report.add(("load",), "the load profile never reaches a user.", "Write users = 1 or more in one [[load]].")
    elif not any(a[1] or b[1] for a, b in _spans(profile)):
        report.add(("load",), "no user gets any time to run.", 'Give a stage with users a time, such as over = "1m".')


def _spans(profile: LoadProfile) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Pairs of corners with time between them."""
    corners = profile.corners()
    return [(a, b) for a, b in pairwise(corners) if b[0] > a[0]]


def _thresholds(written: list[dict[str, Any]], sampled: bool, report: Report) -> tuple[Threshold, ...]:
    thresholds: list[Threshold] = []
    for position, keys in enumerate(written):
        at = ("threshold", position)
        limits: dict[Statistic, object] = {name: keys[name] for name in get_args(Statistic) if name in keys}
        if not limits:
            report.add(at, "the threshold has no limit.", 'Add one, such as p95 = "800ms" or failed = "1%".')
        if "metric" not in keys:
            continue
        try:
            metric = read_metric(keys["metric"])
        except Wrong as wrong:
            report.add((*at, "metric"), wrong.problem, wrong.remedy)
            continue
        if metric.startswith(SAMPLE) and not sampled and not report.wrong("users"):
            problem = "no group has a full sample."
            report.add((*at, "metric"), problem, 'Write full_sample = "2%" in [[users]], or name another metric.')
        for statistic, value in limits.items():
            try:
                thresholds.append(read_limit(metric, statistic, value))
            except Wrong as wrong:
                report.add((*at, statistic), wrong.problem, wrong.remedy)
    return tuple(thresholds)


def _default_thresholds(groups: tuple[Group, ...]) -> tuple[Threshold, ...]:
    if any(group.behaviour for group in groups):
        return DEFAULT_THRESHOLD, DEFAULT_BEHAVIOUR_THRESHOLD
    return (DEFAULT_THRESHOLD,)
