"""The groups of a mix beside each other, and the users that draw all frames beside those that do not."""

from carga.model.engines import ENGINES
from carga.model.plan import Group
from carga.model.summary import GroupSummary, MetricSummary, SampleDifference, SampleOutcome, SampleSummary, Summary
from carga.results.charts import reading_order
from carga.results.figures import NOTHING, amount, count, digits, plural, share
from carga.results.html import Child, Html, clip, table, tag

METRICS_MAX = 200
"""Rows of a table."""
_OUTCOMES: dict[SampleOutcome, str] = {
    "alike": "no difference that matters",
    "slower drawn": "slower with all frames",
    "quicker drawn": "quicker with all frames",
    "too few values": "too few values to tell",
}


def sections(summary: Summary) -> list[tuple[str, str, Child]]:
    return [
        ("groups", "Groups", _groups(summary.groups)),
        ("sample", "Full sample", _samples(summary.groups)),
    ]


def rendering_of(group: Group | GroupSummary) -> str:
    """`none`, or `none, full for 2 %`."""
    sample = group.full_sample.share if isinstance(group.full_sample, SampleSummary) else group.full_sample
    return f"{group.rendering}, full for {share(sample, 1)}" if sample else group.rendering


def _groups(groups: list[GroupSummary]) -> Child:
    if len(groups) < 2:
        return None
    heads = ["Group", "Runs in", "#Users", "#Started", "#Failed to start",
             "#Iterations", "#Failed", "#Requests", "#Failed", "#p95"]  # fmt: skip
    rows = [
        [
            clip(group.name, 100),
            _runs_in(group),
            count(group.users),
            count(group.started),
            _hurt(group.failed_to_start, count(group.failed_to_start)),
            *_attempts(group.metrics.get("iteration")),
            *_attempts(group.metrics.get("requests")),
            _p95(group.metrics.get("requests")),
        ]
        for group in groups
    ]
    note = "What the users of each group did. All other tables are of the run as a whole."
    return [tag("p", note, class_="section-note"), table(heads, rows), _by_metric(groups)]


def _runs_in(group: GroupSummary) -> str:
    title = next((traits.title for name, traits in ENGINES.items() if name == group.engine), group.engine)
    return f"{title}, own {group.isolation}, frames {rendering_of(group)}"


def _attempts(metric: MetricSummary | None) -> tuple[Child, Child]:
    if metric is None:
        return NOTHING, NOTHING
    return count(metric.count), _hurt(metric.failed, share(metric.failed, metric.count))


def _hurt(number: int, text: str) -> Child:
    return tag("span", text, class_="hurt-text") if number else NOTHING


def _p95(metric: MetricSummary | None) -> str:
    return amount(metric.p95, metric.unit) if metric else NOTHING


def _by_metric(groups: list[GroupSummary]) -> Html:
    """Every metric with its groups below each other: attempts, failures, percentiles."""
    names = sorted({name for group in groups for name in group.metrics}, key=reading_order)[:METRICS_MAX]
    rows = [
        [clip(name, 200), clip(group.name, 100), *_attempts(metric),
         *(amount(value, metric.unit) for value in (metric.p50, metric.p95, metric.p99, metric.max))]
        for name in names
        for group in groups
        if (metric := group.metrics.get(name)) is not None
    ]  # fmt: skip
    heads = ["Metric", "Group", "#Attempts", "#Failed", "#p50", "#p95", "#p99", "#Max"]
    return tag("details", tag("summary", "Every metric of each group"), table(heads, rows))


def _samples(groups: list[GroupSummary]) -> Child:
    sampled = [(group, group.full_sample) for group in groups if group.full_sample is not None]
    if not sampled:
        return None
    note = (
        "A few users draw all frames. Where their latencies are those of the others, the others are a faithful "
        "stand-in; web vitals come from them alone."
    )
    parts = [_sample(group, sample, named=len(groups) > 1) for group, sample in sampled]
    return [tag("p", note, class_="section-note"), parts]


def _sample(group: GroupSummary, sample: SampleSummary, *, named: bool) -> Child:
    ordered = sorted(sample.differences, key=lambda entry: (reading_order(entry.metric), entry.statistic))
    heads = ["Metric", "", "#Others: count", "#Value", "#Sample: count", "#Value", "#Difference", "#Ratio", ""]
    who = f"{clip(group.name, 100)}: " if named else ""
    caption = (
        f"{who}{plural(sample.started, 'user')} with all frames, {count(group.started - sample.started)} with "
        f"frames {group.rendering}"
    )
    return [
        tag("p", who, sample_conclusion(sample.differences), class_="lead"),
        table(heads, [_difference(entry) for entry in ordered[: 2 * METRICS_MAX]], caption=caption),
    ]


def sample_conclusion(differences: list[SampleDifference]) -> str:
    judged = [entry for entry in differences if entry.outcome != "too few values"]
    unlike = [entry for entry in judged if entry.outcome != "alike"]
    if not judged:
        return (
            "Too few values to tell whether drawing all frames makes a difference: run longer, or with a larger sample."
        )
    if not unlike:
        return f"Drawing all frames makes no difference that matters in any of {plural(len(judged), 'percentile')}."
    first = max(unlike, key=lambda entry: abs(entry.difference or 0.0))
    return (
        f"Drawing all frames makes a difference in {count(len(unlike))} of {plural(len(judged), 'percentile')}, most "
        f"in {clip(first.metric, 100)}: {first.statistic} {amount(first.sample, first.unit)} in the sample, "
        f"{amount(first.dense, first.unit)} with the others."
    )


def _difference(entry: SampleDifference) -> list[Child]:
    outcome = _OUTCOMES[entry.outcome]
    return [
        clip(entry.metric, 200),
        entry.statistic,
        count(entry.dense_count),
        amount(entry.dense, entry.unit),
        count(entry.sample_count),
        amount(entry.sample, entry.unit),
        _signed(entry.difference, entry.unit),
        NOTHING if entry.ratio is None else f"{digits(entry.ratio)}×",
        outcome if entry.outcome in ("alike", "too few values") else tag("b", outcome),
    ]


def _signed(value: float | None, unit: str) -> str:
    if value is None:
        return NOTHING
    return f"+{amount(value, unit)}" if value > 0 else f"−{amount(-value, unit)}" if value < 0 else amount(0.0, unit)
