"""The whole comparison: reference, candidate, reference again; then the score. What `fidelity.json` holds."""

from collections.abc import Callable
from typing import get_args

import msgspec

import carga
from carga.errors import UsageError
from carga.fidelity.record import Side
from carga.fidelity.runner import Options, run_side
from carga.fidelity.score import AspectScore, Score, fidelity
from carga.model.engines import ENGINES, BrowserKind, kind_of
from carga.model.identity import group_of
from carga.model.plan import Group, Plan, Rendering
from carga.plans import LoadedPlan

SCHEMA = 1
REFERENCE = BrowserKind("chromium", "context", "full")
USERS_MAX = 20
ITERATIONS_MAX = 100


class SideResult(msgspec.Struct, frozen=True):
    engine: str
    isolation: str
    rendering: str
    version: str
    requests: int
    """Of all users; WebSocket handshakes included."""
    messages: int
    """WebSocket messages, both ways."""


class Difference(msgspec.Struct, frozen=True):
    aspect: str
    name: str
    reference: tuple[float, float]
    """How often in the two runs of the reference."""
    candidate: float
    lost: float
    """Points of the score."""


class Fidelity(msgspec.Struct, frozen=True):
    schema: int
    plan: str
    target: str
    """URL template."""
    score: float
    """0..100: how much of what the reference did the candidate did too. 100: all of it, and nothing else."""
    users: int
    iterations: int
    reference: SideResult
    candidate: SideResult
    repeatable: float
    """Score of the reference's second run against its first alone: how repeatable the application is."""
    aspects: list[AspectScore]
    differences: list[Difference]
    differences_left_out: int
    notes: list[str]
    """What could not be compared, in sentences."""
    carga: str


async def compare_engines(
    loaded: LoadedPlan, *, users: int, iterations: int, watch_s: float, against: str, report: Callable[[str], None]
) -> Fidelity:
    """Raises UsageError for users, iterations or an `against` that do not exist, and CargaError when nobody can run."""
    plan = loaded.plan
    _check(users, iterations)
    indexes = chosen_users(plan, users)
    notes: list[str] = []
    kinds = {index: candidate_kind(plan, index, against, notes) for index in indexes}
    options = Options(users=indexes, iterations=iterations, watch_s=watch_s)
    sides: list[Side] = []
    references = dict.fromkeys(indexes, REFERENCE)
    steps = (
        ("the reference, Chromium with full rendering", references),
        (f"the candidate, {_described(kinds)}", kinds),
        ("the reference again, to see what differs by itself", references),
    )
    for words, chosen in steps:
        report(words)
        sides.append(await run_side(loaded, chosen, options, report))
    first, candidate, second = sides
    score = fidelity(first, candidate, second)
    notes += _notes(first, candidate, second)
    return Fidelity(
        schema=SCHEMA,
        plan=plan.name,
        target=plan.target.url or plan.groups[0].url,
        score=score.score,
        users=len(indexes),
        iterations=iterations,
        reference=_side(first),
        candidate=_side(candidate),
        repeatable=fidelity(first, second, first).score,
        aspects=score.aspects,
        differences=_differences(score),
        differences_left_out=score.differences_left_out,
        notes=notes,
        carga=carga.__version__,
    )


def _check(users: int, iterations: int) -> None:
    if not 1 <= users <= USERS_MAX:
        raise UsageError(f"{users} users cannot be compared.", f"Use 1 to {USERS_MAX}: a few show what all do.")
    if not 1 <= iterations <= ITERATIONS_MAX:
        raise UsageError(f"{iterations} iterations cannot be compared.", f"Use 1 to {ITERATIONS_MAX}.")


def chosen_users(plan: Plan, count: int) -> tuple[int, ...]:
    """The first users of each group in turn, so that every group is among them while there is room."""
    queues = [iter(range(group.first_index, group.first_index + group.count)) for group in plan.groups]
    chosen: list[int] = []
    while queues and len(chosen) < count:
        for queue in list(queues):
            index = next(queue, None)
            if index is None:
                queues.remove(queue)
            elif len(chosen) < count:
                chosen.append(index)
    return tuple(sorted(chosen))


def candidate_kind(plan: Plan, index: int, against: str, notes: list[str]) -> BrowserKind:
    """What user `index` runs in beside the reference. `against` is an engine, a rendering, or "": what its group uses.

    Raises UsageError when this version has no such engine or rendering.
    """
    group = plan.groups[group_of(plan, index)]
    kind = _kind(group, against) if against else _kind_of_group(group)
    traits = ENGINES[kind.engine]
    found = [f"{traits.title} cannot do {key}: {why}." for key, why in traits.unusable.items() if getattr(group, key)]
    if traits.agent_never and traits.agent_never in group.user_agent.lower():
        found.append(f'{traits.title} sends no user agent with "{traits.agent_never}" in it.')
    if kind.isolation == "container":
        found.append("Users in containers were compared in browsers of this machine: the recorder is on its loopback.")
        kind = BrowserKind(kind.engine, traits.isolations[0], kind.rendering)
    notes += [note for note in found if note not in notes]
    return kind


def _kind_of_group(group: Group) -> BrowserKind:
    """As the group's users outside of a full sample; the cheaper default where they are the reference already."""
    kind = kind_of(msgspec.structs.replace(group, full_sample=0.0), group.first_index)
    if (kind.engine, kind.rendering) == (REFERENCE.engine, REFERENCE.rendering):
        return BrowserKind("chromium", kind.isolation, ENGINES["chromium"].renderings[0])
    return kind


def _kind(group: Group, against: str) -> BrowserKind:
    for name, traits in ENGINES.items():
        if against == name:
            isolation = group.isolation if group.isolation in traits.isolations else traits.isolations[0]
            return BrowserKind(name, isolation, traits.renderings[0])
    rendering = next((word for word in get_args(Rendering) if word == against), None)
    for name in (group.engine, REFERENCE.engine):
        if rendering in ENGINES[name].renderings:
            isolation = group.isolation if group.isolation in ENGINES[name].isolations else ENGINES[name].isolations[0]
            return BrowserKind(name, isolation, rendering)
    known = [*ENGINES, *dict.fromkeys(word for traits in ENGINES.values() for word in traits.renderings)]
    raise UsageError(f"There is no engine or rendering {against}.", f"Use one of {', '.join(known)}.")


def _described(kinds: dict[int, BrowserKind]) -> str:
    return " and ".join(
        dict.fromkeys(f"{ENGINES[kind.engine].title} with rendering {kind.rendering}" for kind in kinds.values())
    )


def _side(side: Side) -> SideResult:
    return SideResult(
        side.engine,
        side.isolation,
        side.rendering,
        side.version,
        sum(len(user.exchanges) for user in side.users),
        sum(len(user.messages) for user in side.users),
    )


def _differences(score: Score) -> list[Difference]:
    return [
        Difference(entry.aspect, entry.name, entry.reference, entry.candidate, entry.lost)
        for entry in score.differences
    ]


def _notes(*sides: Side) -> list[str]:
    """What did not come by the recorder or was changed by it."""
    users = [user for side in sides for user in side.users]
    notes = []
    foreign = sorted({origin for user in users if user.page for origin in user.page.foreign})
    if foreign:
        notes.append(f"Left the recording: pages load from {_listed(foreign)}. What they ask there was not compared.")
    rewritten = sorted({url for user in users for url in user.rewritten})
    if rewritten:
        notes.append(
            f"These answers name the target's own address, which was replaced by the recorder's: {_listed(rewritten)}. "
            "What builds the address in another way leaves the recording."
        )
    unanswered = sum(user.unanswered for user in users)
    if unanswered:
        notes.append(f"The target left {unanswered} requests without an answer.")
    not_recorded = sum(user.not_recorded for user in users)
    if not_recorded:
        notes.append(f"{not_recorded} requests and messages beyond the limits were passed on and not compared.")
    missing = sorted({user.index for user in users if user.page is None})
    if missing:
        notes.append(f"What the page became is not known of {_listed([f'user {index}' for index in missing])}.")
    if not any(user.exchanges for user in sides[0].users):
        notes.append("The reference asked for nothing at all.")
    return notes


def _listed(names: list[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
