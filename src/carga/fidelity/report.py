"""`fidelity.html`: the score, what it is made of, and every difference by name."""

from carga.fidelity.compare import is_engine_header
from carga.fidelity.result import Difference, Fidelity, SideResult
from carga.fidelity.score import TITLES
from carga.model.engines import ENGINES
from carga.results.charts import ChartData
from carga.results.figures import count, digits, plural
from carga.results.html import Child, Html, clip, table, tag
from carga.results.page import page

GOOD = 95.0
FAIR = 80.0
DIFFERENCES_SHOWN_MAX = 300
_NAME_MAX = 400


def fidelity_html(result: Fidelity) -> str:
    sections: list[tuple[str, str, Child]] = [
        ("aspects", "What the score is made of", _aspects(result)),
        ("differences", "Differences", _differences(result)),
        ("notes", "What could not be compared", [tag("p", note) for note in result.notes]),
        ("sides", "What was compared", _sides(result)),
    ]
    body = [
        tag(
            "header",
            tag(
                "div",
                tag("div", tag("div", tag("h1", f"{digits(result.score)} of 100")), class_="verdict"),
                tag("p", conclusion(result), class_="story"),
                class_="inner",
            ),
            class_="passed" if result.score >= GOOD else "neutral",
        ),
        tag(
            "main",
            [tag("section", tag("h2", title), content, id=anchor) for anchor, title, content in sections if content],
        ),
        tag("footer", f"Made by carga {result.carga}. fidelity.json has the same for programs."),
    ]
    return page(f"{digits(result.score)} of 100: {result.plan}", body, ChartData([], 1, [], []))


def conclusion(result: Fidelity) -> str:
    """What the score means, in a sentence or two."""
    candidate, reference = described(result.candidate), described(result.reference)
    if result.score >= GOOD:
        words = f"Users in {candidate} are a faithful stand-in for those in {reference}, for this application."
    elif result.score >= FAIR:
        words = f"Users in {candidate} do most of what those in {reference} do. See whether the differences matter."
    else:
        words = f"Users in {candidate} are no stand-in for those in {reference}: they do something else."
    if result.repeatable < GOOD:
        words += (
            f" The application itself is not very repeatable: two runs of the reference are alike to "
            f"{digits(result.repeatable)} of 100, so small differences hide. More users and iterations help."
        )
    return words


def described(side: SideResult) -> str:
    titles = [ENGINES[name].title for name in ENGINES if name in side.engine.split(" and ")]
    return f"{' and '.join(titles) or side.engine} (rendering {side.rendering})"


def difference_words(difference: Difference) -> str:
    """What the difference is about, with a word for what is only the engine's own."""
    own = difference.aspect == "headers" and is_engine_header(difference.name)
    return f"{difference.name} (the engine's own)" if own else difference.name


def counts_words(difference: Difference) -> tuple[str, str]:
    """How often in the reference, and in the candidate: `12`, or `11 to 12`."""
    low, high = sorted(difference.reference)
    return digits(low) if low == high else f"{digits(low)} to {digits(high)}", digits(difference.candidate)


def _aspects(result: Fidelity) -> Html:
    rows: list[list[Child]] = [[entry.title, digits(entry.score), digits(entry.weight)] for entry in result.aspects]
    return table(["Aspect", "#Alike, of 100", "#Points of the score"], rows, narrow=True)


def _differences(result: Fidelity) -> Child:
    if not result.differences:
        return tag("p", "None beyond what two runs of the reference differ by themselves.", class_="lead")
    rows: list[list[Child]] = [
        [
            TITLES[difference.aspect],
            tag("span", clip(difference_words(difference), _NAME_MAX), class_="mono"),
            *counts_words(difference),
            digits(difference.lost),
        ]
        for difference in result.differences[:DIFFERENCES_SHOWN_MAX]
    ]
    more = len(result.differences) - len(rows) + result.differences_left_out
    return [
        table(["Aspect", "What", "#Reference", "#Candidate", "#Points lost"], rows),
        tag("p", f"… and {plural(more, 'smaller difference')}.", class_="note") if more else None,
    ]


def _sides(result: Fidelity) -> list[Html]:
    rows: list[list[Child]] = [
        [name, side.engine, side.version, side.rendering, side.isolation, count(side.requests), count(side.messages)]
        for name, side in (("Reference", result.reference), ("Candidate", result.candidate))
    ]
    text = (
        f"{plural(result.users, 'user')} of {clip(result.plan, 200)}, {plural(result.iterations, 'iteration')} each, "
        f"at {clip(result.target, 300)}. The reference ran before and after the candidate; what its two runs "
        "differ by is no difference."
    )
    heads = ["", "Engine", "Version", "Rendering", "Isolation", "#Requests", "#WebSocket messages"]
    return [tag("p", text, class_="section-note"), table(heads, rows)]
