"""Two runs beside each other: real changes are named, noise is called noise."""

from pathlib import Path

import msgspec
import pytest

from carga.errors import JournalError
from carga.results.compare import write_comparison
from carga.results.comparison import Change, Comparison, change_percent, comparison
from carga.results.read import read_record
from tests.results import pages
from tests.results.makers import Run, make_plan, make_run


def compared(tmp_path: Path, first: Run, second: Run) -> Comparison:
    return comparison(read_record(first.write(tmp_path / "a")), read_record(second.write(tmp_path / "b")))


def change_of(result: Comparison, metric: str, statistic: str) -> Change:
    (change,) = [it for it in result.changes if (it.metric, it.statistic) == (metric, statistic)]
    return change


def test_a_run_compared_with_itself_has_changed_nowhere(tmp_path: Path) -> None:
    result = compared(tmp_path, make_run(), make_run())
    assert {change.outcome for change in result.changes} == {"within noise"}
    assert {change.change_percent for change in result.changes} <= {0.0}


def test_runs_that_differ_by_chance_alone_are_within_noise(tmp_path: Path) -> None:
    result = compared(tmp_path, make_run(seed=1), make_run(seed=2))
    judged = [change for change in result.changes if change.outcome in ("better", "worse", "changed")]
    assert judged == []


def test_a_slower_run_is_worse_and_the_other_way_round_better(tmp_path: Path) -> None:
    result = compared(tmp_path, make_run(seed=1), make_run(seed=2, slowness=1.3))
    slower = change_of(result, "step.open guide", "p95")
    assert slower.outcome == "worse"
    assert slower.change_percent == pytest.approx(30, abs=6)
    assert change_of(result, "vitals.lcp", "p50").outcome == "within noise"
    back = compared(tmp_path / "back", make_run(seed=1, slowness=1.3), make_run(seed=2))
    assert change_of(back, "step.open guide", "p95").outcome == "better"


def test_new_failures_are_worse_though_no_percentage_exists(tmp_path: Path) -> None:
    result = compared(tmp_path, make_run(), make_run(ill_from_s=30))
    failed = change_of(result, "requests", "failed")
    assert (failed.outcome, failed.first, failed.change_percent) == ("worse", 0.0, None)
    assert (result.causes[0].cause, result.causes[0].first) == ("HTTP 503", 0)
    assert result.causes[0].second > 0


def test_a_metric_of_the_behaviour_changes_without_being_better_or_worse(tmp_path: Path) -> None:
    other = make_run(seed=2)
    for window in other.windows:
        window.metrics["custom.buffer"] = window.metrics["request.image"]
    result = compared(tmp_path, make_run(), other)
    assert change_of(result, "custom.buffer", "p50").outcome == "changed"


def test_what_only_one_run_measured_is_said(tmp_path: Path) -> None:
    other = make_run()
    for window in other.windows:
        window.metrics["step.new"] = window.metrics.pop("step.zap")
    result = compared(tmp_path, make_run(), other)
    assert change_of(result, "step.new", "p95").outcome == "only in one"
    assert change_of(result, "step.zap", "p95").second is None


def test_a_few_seconds_are_too_little_to_judge(tmp_path: Path) -> None:
    result = compared(tmp_path, make_run(ramp_s=1, hold_s=2), make_run(ramp_s=1, hold_s=2, slowness=3))
    assert change_of(result, "step.zap", "p50").outcome == "too little data"


def test_the_comparison_is_the_same_each_time_and_is_json(tmp_path: Path) -> None:
    records = [read_record(make_run(seed=seed, slowness=seed).write(tmp_path / str(seed))) for seed in (1, 2)]
    first, second = (msgspec.json.encode(comparison(*records)) for _ in range(2))
    assert first == second
    assert {"first", "second", "changes", "counters", "causes"} <= set(msgspec.json.decode(first))


@pytest.mark.parametrize(
    ("first", "second", "percent"), [(100.0, 150.0, 50.0), (200.0, 100.0, -50.0), (0.0, 3.0, None), (0.0, 0.0, 0.0)]
)
def test_a_change_in_percent(first: float, second: float, percent: float | None) -> None:
    assert change_percent(first, second) == percent


def test_the_page_shows_both_runs_and_their_differences(tmp_path: Path, good_run: Path, ill_run: Path) -> None:
    write_comparison(good_run, ill_run, tmp_path / "comparison.html")
    root = pages.parse((tmp_path / "comparison.html").read_text())
    assert root.one("section", id="runs").rows()[0] == ["Verdict", "Passed", "Failed"]
    rows = {row[0]: row for row in root.one("section", id="metrics").rows()}
    assert "worse" in rows["step.open guide"][8]
    assert root.one("section", id="failures").rows()[0][-1] == "only in B"
    charts = {chart["id"]: chart for chart in pages.chart_data(root)["charts"]}
    assert [series["label"] for series in charts["percentiles"]["views"][0]["series"]] == [
        "A p95", "A p50", "B p95", "B p50",
    ]  # fmt: skip
    assert all(address.startswith("#") for address in pages.addresses(root))


def test_runs_of_different_length_and_an_empty_one_can_be_compared(tmp_path: Path) -> None:
    empty = Run(make_plan()).write(tmp_path / "empty")
    long = make_run(users=8, workers=1, ramp_s=5, hold_s=25).write(tmp_path / "long")
    result = write_comparison(empty, long, tmp_path / "comparison.html")
    assert {change.outcome for change in result.changes} == {"only in one"}
    assert pages.parse((tmp_path / "comparison.html").read_text()).all("figure")


def test_a_place_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path, good_run: Path) -> None:
    with pytest.raises(JournalError) as caught:
        write_comparison(good_run, good_run, tmp_path / "nowhere" / "comparison.html")
    assert "folder" in caught.value.remedy
