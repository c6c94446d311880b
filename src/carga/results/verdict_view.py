"""How a verdict looks and what it means, for the report and for the comparison."""

from carga.model.summary import Summary, Verdict
from carga.results.html import Html, tag

_PATHS: dict[Verdict, str] = {
    "passed": "M7 12.5l3.4 3.4L17.2 9",
    "failed": "M8 8l8 8M16 8l-8 8",
    "untrusted": "M12 6.5v7M12 17v.4",
    "interrupted": "M9.5 8.5v7M14.5 8.5v7",
}
_WORDS: dict[Verdict, str] = {
    "passed": "Passed",
    "failed": "Failed",
    "untrusted": "Untrusted",
    "interrupted": "Interrupted",
}


def icon(verdict: Verdict) -> Html:
    """A disc with a sign that can be told apart without its colour."""
    return tag(
        "svg",
        tag("circle", cx="12", cy="12", r="10.6", fill="currentColor", fill_opacity=".14", stroke="currentColor"),
        tag("path", d=_PATHS[verdict], fill="none", stroke="currentColor", stroke_width="2.2", stroke_linecap="round"),
        viewBox="0 0 24 24",
        aria_hidden="true",
    )


def word(verdict: Verdict) -> str:
    return _WORDS[verdict]


def pill(passed: bool, text: str = "") -> Html:
    verdict: Verdict = "passed" if passed else "failed"
    return tag("span", icon(verdict), text or ("held" if passed else "missed"), class_=f"pill {verdict}")


def explanation(summary: Summary) -> list[str]:
    """The reasons in sentences; where the verdict has none, what it rests on."""
    generator = summary.generator
    if generator.forced and generator.trusted:  # else the reasons tell it
        return [*_reasons(summary), f"The run was forced: {generator.forced}."]
    return _reasons(summary)


def _reasons(summary: Summary) -> list[str]:
    if summary.reasons:
        return summary.reasons
    if summary.verdict != "passed":
        return ["The run gave no reason."]
    if not summary.thresholds:
        return ["All users ran. The plan names no thresholds, so nothing else was asked of the target."]
    if len(summary.thresholds) == 1:
        return ["All users ran, and the plan's threshold held."]
    return [f"All users ran, and all {len(summary.thresholds)} thresholds of the plan held."]
