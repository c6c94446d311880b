"""One number out of all aspects, 0..100, and the differences that cost it. Pure."""

from collections.abc import Iterable

import msgspec

from carga.fidelity.compare import AspectResult, Difference, aspects
from carga.fidelity.record import Side

WEIGHTS: dict[str, float] = {
    "requests": 35.0,
    "outcomes": 20.0,
    "websockets": 15.0,
    "page": 12.0,
    "bodies": 6.0,
    "headers": 5.0,
    "errors": 4.0,
    "order": 3.0,
}
"""What the server gets counts most, since a load test is about the server; then whether the users came through."""
TITLES = {
    "requests": "requests by method, address and status",
    "outcomes": "steps and iterations",
    "websockets": "WebSocket messages",
    "page": "what the page became",
    "bodies": "bodies of requests",
    "headers": "headers",
    "errors": "errors in the page",
    "order": "order of requests",
}
DIFFERENCES_MAX = 500


class AspectScore(msgspec.Struct, frozen=True):
    name: str
    title: str
    score: float
    """0..100."""
    weight: float
    """Points of the whole; an aspect of which nothing was seen has none, and the others take its share."""


class Score(msgspec.Struct, frozen=True):
    score: float
    """0..100, one digit behind the point."""
    aspects: list[AspectScore]
    differences: list[Difference]
    """The most expensive first."""
    differences_left_out: int = 0


def fidelity(first: Side, candidate: Side, second: Side) -> Score:
    """`first` and `second` are the two runs of the reference."""
    return weigh(aspects(first, candidate, second))


def weigh(results: Iterable[AspectResult]) -> Score:
    found = list(results)
    whole = sum(WEIGHTS[result.name] for result in found)
    if not whole:
        return Score(100.0, [], [])
    scores, differences = [], []
    total = 0.0
    for result in found:
        points = 100 * WEIGHTS[result.name] / whole
        total += points * result.similarity
        scores.append(
            AspectScore(result.name, TITLES[result.name], round(100 * result.similarity, 1), round(points, 1))
        )
        differences += [
            msgspec.structs.replace(difference, lost=round(difference.lost * points, 3))
            for difference in result.differences
        ]
    differences.sort(key=lambda difference: (-difference.lost, difference.aspect, difference.name))
    scores.sort(key=lambda entry: -entry.weight)
    left_out = max(0, len(differences) - DIFFERENCES_MAX)
    # Rounded down: a hundred means that nothing at all was lost.
    return Score(int(round(max(0.0, total), 6) * 10) / 10, scores, differences[:DIFFERENCES_MAX], left_out)
