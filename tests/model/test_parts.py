"""Groups and samples are kept apart exactly where a plan has more than one part, and merge like everything else."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.parts import (
    GROUPS_APART_MAX,
    PART_METRICS_MAX,
    WHOLE,
    has_parts,
    is_part,
    is_sample,
    merge_parts,
    part_name,
    part_of,
)
from carga.model.plan import Group, Plan, Target
from carga.model.plan_file import read_plan
from carga.model.totals import Totals
from carga.model.windows import Metric, Window

PLAN = """
[target]
url = "http://a/"
[[users]]
count = 100
{group}
[[threshold]]
metric = "{metric}"
p95 = "1s"
"""


def problems(group: str, metric: str = "iteration") -> list[str]:
    text = PLAN.format(group=group, metric=metric)
    return [str(problem) for problem in read_plan(text, file="plan.toml", name="plan.toml").report.problems()]


def plan_of(*groups: Group) -> Plan:
    return Plan("plan.toml", Target("http://a/"), groups, ())


def metric(*values: float, failed: int = 0) -> Metric:
    made = Metric(failed=failed)
    for value in values:
        made.values.record(value)
    return made


def test_a_single_group_without_a_sample_is_the_whole() -> None:
    plan = plan_of(Group("a", 10))
    assert not has_parts(plan)
    assert part_of(plan, 0, 3) == WHOLE


def test_a_sample_and_every_group_have_a_part_of_their_own() -> None:
    plan = plan_of(Group("a", 10, full_sample=0.2), Group("b", 10, first_index=10))
    parts = [part_of(plan, 0, index) for index in range(10)]
    assert set(parts) == {"0", "0s"}
    assert sum(map(is_sample, parts)) == 2
    assert {part_of(plan, 1, index) for index in range(10, 20)} == {"1"}


def test_groups_beyond_the_limit_are_in_the_whole_only() -> None:
    groups = tuple(Group(f"g{number}", 1, first_index=number) for number in range(GROUPS_APART_MAX + 1))
    plan = plan_of(*groups)
    assert is_part(part_of(plan, GROUPS_APART_MAX - 1, GROUPS_APART_MAX - 1))
    assert part_of(plan, GROUPS_APART_MAX, GROUPS_APART_MAX) == WHOLE


@given(st.text(max_size=5))
def test_only_names_that_a_plan_can_have_are_parts(name: str) -> None:
    known = {part_name(group, sample=sample) for group in range(GROUPS_APART_MAX) for sample in (False, True)}
    assert is_part(name) == (name in known)


@given(st.lists(st.dictionaries(st.sampled_from(["0", "0s"]), st.floats(0, 1e6)), min_size=3, max_size=3))
def test_parts_merge_to_the_same_in_any_order(parts: list[dict[str, float]]) -> None:
    results = []
    for order in permutations(parts):
        into: dict[str, dict[str, Metric]] = {}
        for part in order:
            merge_parts(into, {name: {"step.a": metric(value)} for name, value in part.items()})
        results.append(into)
    assert all(result == results[0] for result in results)


def test_a_part_keeps_its_first_metrics_only() -> None:
    into: dict[str, dict[str, Metric]] = {}
    merge_parts(into, {"0": {f"step.{number}": metric(1) for number in range(PART_METRICS_MAX + 5)}})
    assert len(into["0"]) == PART_METRICS_MAX


def test_a_threshold_reads_the_samples_of_all_groups_together() -> None:
    totals = Totals()
    for part, value in (("0", 1.0), ("0s", 10.0), ("1s", 30.0)):
        window = Window("w", 1, 0, parts={part: {"step.a": metric(value, failed=1), "request.fetch": metric(value)}})
        totals.add(window)
    sampled = totals.metric("full_sample.step.a")
    assert sampled is not None
    assert (sampled.values.count, sampled.values.min, sampled.values.max, sampled.failed) == (2, 10.0, 30.0, 2)
    requests = totals.metric("full_sample.requests")
    assert requests is not None
    assert requests.values.count == 2
    assert totals.metric("full_sample.step.b") is None
    assert totals.metrics == {}, "the whole is not counted twice"


@pytest.mark.parametrize(("written", "share"), [("2%", 0.02), ("100 %", 1.0), ("0.5%", 0.005)])
def test_a_sample_is_a_share_of_the_group(written: str, share: float) -> None:
    text = PLAN.format(group=f'rendering = "none"\nfull_sample = "{written}"', metric="full_sample.step.zap")
    reading = read_plan(text, file="plan.toml", name="plan.toml")
    assert reading.report.problems() == []
    assert reading.plan.groups[0].full_sample == pytest.approx(share)


@pytest.mark.parametrize("written", ['"0%"', '"101%"', '"-1%"', "2", '"2"', '"two%"', "true", '"nan%"'])
def test_what_is_no_share_is_refused_with_an_example(written: str) -> None:
    (problem,) = problems(f"full_sample = {written}")
    assert "full_sample" in problem
    assert "2%" in problem


def test_a_group_that_draws_everything_needs_no_sample() -> None:
    (problem,) = problems('rendering = "full"\nfull_sample = "2%"')
    assert "all users of the group draw all frames already" in problem


@pytest.mark.parametrize("metric", ["full_sample.page_errors", "full_sample.generator.timer_late", "full_sample.step."])
def test_a_sample_has_no_counters_and_no_metrics_of_the_machine(metric: str) -> None:
    assert "unknown metric" in problems('rendering = "none"\nfull_sample = "2%"', metric)[0]


def test_a_threshold_on_a_sample_needs_one() -> None:
    (problem,) = problems("", "full_sample.step.zap")
    assert "no group has a full sample" in problem
