"""Groups beside each other, and users with frames beside those without."""

import io
import random
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from carga.cli.closing import print_closing
from carga.model.plan import Group, Threshold
from carga.model.windows import Metric, UserChange
from carga.results.groups import VALUES_MIN, differences
from carga.results.read import read_record
from carga.results.report import report_html
from carga.results.summary import summarize
from tests.results import pages
from tests.results.makers import make_run


def metric(mean: float, count: int, *, seed: int = 1, unit: str = "ms") -> Metric:
    rng = random.Random(seed)
    made = Metric(unit)
    for _ in range(count):
        made.values.record(rng.gauss(mean, mean / 10))
    return made


def outcomes(dense: Metric, sample: Metric) -> set[str]:
    return {entry.outcome for entry in differences({"step.a": dense}, {"step.a": sample})}


def test_alike_latencies_make_no_difference() -> None:
    assert outcomes(metric(50, 2000), metric(50, 400, seed=2)) == {"alike"}


def test_a_sample_that_is_clearly_slower_or_quicker_is_named() -> None:
    assert outcomes(metric(50, 2000), metric(90, 400)) == {"slower drawn"}
    assert outcomes(metric(90, 2000), metric(50, 400)) == {"quicker drawn"}


def test_a_difference_below_what_eyes_can_see_does_not_matter() -> None:
    assert outcomes(metric(2, 2000), metric(4, 2000)) == {"alike"}
    assert outcomes(metric(2, 2000, unit="score"), metric(4, 2000, unit="score")) == {"slower drawn"}


def test_too_few_values_are_said() -> None:
    assert outcomes(metric(50, 2000), metric(90, VALUES_MIN - 1)) == {"too few values"}
    entries = list(differences({"step.a": metric(50, 2000)}, {}))
    assert {entry.outcome for entry in entries} == {"too few values"}
    assert {entry.sample for entry in entries} == {None}


def test_a_percentile_near_the_end_needs_more_values() -> None:
    found = {
        entry.statistic: entry.outcome
        for entry in differences({"step.a": metric(50, 100)}, {"step.a": metric(90, 100)})
    }
    assert found == {"p50": "slower drawn", "p95": "too few values"}


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e5), max_size=60), st.lists(st.floats(0, 1e5), max_size=60))
def test_anything_that_was_measured_can_be_compared(dense: list[float], sample: list[float]) -> None:
    made = Metric(), Metric()
    for one, values in zip(made, (dense, sample), strict=True):
        for value in values:
            one.values.record(value)
    for entry in differences({"iteration": made[0]}, {"iteration": made[1]}):
        assert msgspec.json.encode(entry)
        assert (entry.dense_count, entry.sample_count) == (len(dense), len(sample))
        if entry.difference is not None and entry.outcome != "too few values" and entry.outcome != "alike":
            assert (entry.difference > 0) == (entry.outcome == "slower drawn")


@pytest.fixture
def mixed_run(tmp_path: Path) -> Path:
    """60 users without frames but for every fifth, and 20 of another group."""
    run = make_run(users=80, workers=1)
    viewers = Group("viewers", 60, rendering="none", full_sample=0.2, behaviour="zapper.js")
    others = Group("others", 20, first_index=60, rendering="full")
    limit = Threshold("full_sample.step.zap", "p95", "<=", 500.0, "full_sample.step.zap p95 <= 500 ms")
    run.plan = msgspec.structs.replace(run.plan, groups=(viewers, others), thresholds=(limit,))
    for window in run.windows:
        window.parts = {
            "0": {"step.zap": metric(40, 20), "request.fetch": metric(10, 30)},
            "0s": {"step.zap": metric(80, 8), "vitals.lcp": metric(900, 1)},
            "1": {"step.zap": metric(20, 5), "request.fetch": Metric(failed=3)},
        }
        window.users = [UserChange(index, "running") for index in range(78)]
    return run.write(tmp_path / "run")


def test_every_group_has_its_users_starts_failures_and_metrics(mixed_run: Path) -> None:
    viewers, others = summarize(read_record(mixed_run)).groups
    assert (viewers.name, viewers.rendering, viewers.users, viewers.started, viewers.failed_to_start) == (
        "viewers", "none", 60, 60, 0
    )  # fmt: skip
    assert (others.name, others.rendering, others.users, others.started, others.failed_to_start) == (
        "others", "full", 20, 18, 2
    )  # fmt: skip
    assert viewers.metrics["step.zap"].count == 28 * 60
    assert others.metrics["requests"].failed == 3 * 60
    assert others.full_sample is None


def test_a_sample_has_its_own_metrics_and_is_compared_with_its_group_alone(mixed_run: Path) -> None:
    sample = summarize(read_record(mixed_run)).groups[0].full_sample
    assert sample is not None
    assert (sample.users, sample.started) == (12, 12)
    assert sample.metrics["step.zap"].count == 8 * 60
    assert "vitals.lcp" in sample.metrics
    zaps = [entry for entry in sample.differences if entry.metric == "step.zap"]
    assert [(entry.dense_count, entry.sample_count, entry.outcome) for entry in zaps] == [
        (20 * 60, 8 * 60, "slower drawn")
    ] * 2
    assert zaps[0].ratio == pytest.approx(2, rel=0.2)
    assert zaps[0].difference == pytest.approx(40, rel=0.3)


def test_the_report_shows_groups_and_sample_side_by_side(mixed_run: Path) -> None:
    record = read_record(mixed_run)
    report = pages.parse(report_html(record, summarize(record)))
    groups = report.one("section", id="groups")
    rows = groups.rows()
    assert rows[0][:5] == ["viewers", "Chromium, own context, frames none, full for 20 %", "60", "60", "–"]
    assert rows[1][:5] == ["others", "Chromium, own context, frames full", "20", "18", "2"]
    assert re.search(r"\d+\Wms$", report.one("section", id="thresholds").rows()[0][1])
    sample = report.one("section", id="sample")
    assert (
        "Drawing all frames makes a difference in 2 of 2 percentiles, most in step.zap"
        in sample.one("p", class_="lead").text
    )
    assert [row[:3] + row[-1:] for row in sample.rows() if row[0] == "step.zap"] == [
        ["step.zap", "p50", "1 200", "slower with all frames"],
        ["step.zap", "p95", "1 200", "slower with all frames"],
    ]


def test_the_terminal_names_groups_and_says_whether_frames_matter(mixed_run: Path) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    print_closing(console, summarize(read_record(mixed_run)), mixed_run)
    text = console.export_text()
    assert re.search(r"others +chromium, frames full +18 +20 +0 +0 +180 +180", text)
    assert re.search(r"full_sample.step.zap p95 <= 500 ms +\d+(\.\d+)? ms +held", text)
    assert "viewers: Drawing all frames makes a difference in 2 of 2 percentiles, most in step.zap" in text


def test_a_plan_of_one_part_has_neither_section(tmp_path: Path) -> None:
    record = read_record(make_run(users=10, workers=1).write(tmp_path / "run"))
    summary = summarize(record)
    assert summary.groups[0].metrics == {}
    assert summary.groups[0].started == 10
    report = report_html(record, summary)
    assert 'id="groups"' not in report
    assert 'id="sample"' not in report
