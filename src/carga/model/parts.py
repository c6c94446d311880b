"""Parts of a run: the users of one group, and apart from them those of its full sample.

What users measure is gathered for the run as a whole. Where a plan has more than one part, it is gathered for each
part as well, so that a mix of engines can be told apart, and the sample compared with the users that it stands for.
"""

from carga.model.engines import in_full_sample
from carga.model.plan import Plan
from carga.model.windows import Metric, merge_metrics

GROUPS_APART_MAX = 50
"""Groups that are kept apart: the first ones of the plan. The others are in the whole only."""
PART_METRICS_MAX = 200
"""Distinct metrics that a part keeps, further ones are in the whole only."""
WHOLE = ""
SAMPLE = "full_sample."
"""Before the name of a metric in a threshold: that of the full samples of all groups together."""
_SAMPLE_MARK = "s"
_MACHINE = "generator."
"""Metrics of the machine rather than of its users."""


def part_of(plan: Plan, position: int, index: int) -> str:
    """The part that user `index` of group `position` belongs to; WHOLE where nothing is kept apart."""
    group = plan.groups[position]
    if position >= GROUPS_APART_MAX or not has_parts(plan):
        return WHOLE
    return part_name(position, sample=bool(group.full_sample) and in_full_sample(group, index))


def has_parts(plan: Plan) -> bool:
    return len(plan.groups) > 1 or any(group.full_sample for group in plan.groups)


def part_name(position: int, *, sample: bool) -> str:
    return f"{position}{_SAMPLE_MARK if sample else ''}"


def is_part(part: str) -> bool:
    """Whether a plan can have a part of that name. Workers and journals may say anything."""
    return part in _PARTS


def is_sample(part: str) -> bool:
    return part.endswith(_SAMPLE_MARK)


def is_kept_apart(metric: str) -> bool:
    return not metric.startswith(_MACHINE)


def merge_parts(into: dict[str, dict[str, Metric]], other: dict[str, dict[str, Metric]]) -> None:
    """Merges `other` into `into`, which keeps PART_METRICS_MAX metrics of each part."""
    for part, metrics in other.items():
        merge_metrics(into.setdefault(part, {}), metrics, limit=PART_METRICS_MAX)


_PARTS = frozenset(part_name(group, sample=sample) for group in range(GROUPS_APART_MAX) for sample in (False, True))
