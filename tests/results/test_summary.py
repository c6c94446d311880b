"""`summary.json` is the design's, and it is the merge of all windows."""

import json
from pathlib import Path

import pytest

from carga.exitcodes import ExitCode
from carga.model.plan import Group, Plan, Stage, Target
from carga.model.windows import COUNTERS, Gauges, UserChange, Window
from carga.results.read import read_record
from carga.results.summary import START_PATIENCE_S, summarize
from carga.results.write import summary_json
from tests.results.makers import Run, make_plan, make_run

KEYS = {
    "": "schema verdict reasons plan started_at duration_s users metrics counters causes thresholds generator workers "
    "exit_code carga groups",
    "groups/0": "name engine isolation rendering users started failed_to_start metrics full_sample",
    "users": "planned started peak failed_to_start moved browser_crashes",
    "metrics/step.open guide": "unit count failed min mean p50 p90 p95 p99 max",
    "generator": "trusted reasons timer_late_p99_ms loop_lag_max_ms cpu_percent_max memory_mb_max strained "
    "not_admitted released forced",
    "workers/0": "id users_peak lost",
    "thresholds/0": "threshold metric statistic limit value passed",
}


@pytest.mark.parametrize("path", KEYS)
def test_the_keys_are_exactly_those_of_the_design(ill_run: Path, path: str) -> None:
    value = json.loads(summary_json(summarize(read_record(ill_run))))
    for part in filter(None, path.split("/")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    assert list(value) == KEYS[path].split()


def test_every_counter_is_there_even_when_nothing_was_counted(tmp_path: Path) -> None:
    summary = summarize(read_record(Run(make_plan()).write(tmp_path / "run")))
    assert {*COUNTERS} <= {*summary.counters}
    assert not any(summary.counters.values())


def test_the_summary_does_not_depend_on_the_order_in_which_windows_were_stored(tmp_path: Path) -> None:
    run = make_run(users=60, workers=4, ramp_s=5, hold_s=10, ill_from_s=7)
    texts = {summary_json(summarize(read_record(run.write(tmp_path / str(seed), seed=seed)))) for seed in range(4)}
    assert len(texts) == 1


def test_an_ill_target_fails_with_its_reasons(ill_run: Path) -> None:
    summary = summarize(read_record(ill_run))
    assert summary.verdict == "failed"
    assert summary.exit_code == ExitCode.THRESHOLD
    assert any("step.open guide" in reason for reason in summary.reasons)
    assert next(iter(summary.causes["request"])) == "HTTP 503", "most frequent first"
    assert summary.metrics["requests"].failed == summary.counters["requests_failed"]


def test_a_lost_worker_and_its_moved_users_are_named(ill_run: Path) -> None:
    summary = summarize(read_record(ill_run))
    assert {worker.id: worker.lost for worker in summary.workers} == {"worker-1": False, "worker-2": True}
    assert summary.users.moved == 100


def test_a_good_run_passes(good_run: Path) -> None:
    summary = summarize(read_record(good_run))
    assert (summary.verdict, summary.reasons, summary.exit_code) == ("passed", [], 0)
    assert (summary.users.planned, summary.users.started, summary.users.peak) == (200, 200, 200)
    assert summary.duration_s == 60.0, "clearing up after the plan's end is no load"
    assert summary.started_at.endswith("Z")


def test_a_generator_that_is_late_makes_the_run_untrusted(tmp_path: Path) -> None:
    summary = summarize(read_record(make_run(timer_late_ms=900).write(tmp_path / "run")))
    assert (summary.verdict, summary.exit_code) == ("untrusted", ExitCode.UNTRUSTED)


def test_damaged_windows_are_a_reason_and_many_of_them_make_a_run_untrusted(tmp_path: Path) -> None:
    run = make_run(slowness=0.7)
    run.windows.append(Window("liar", 1, -1))
    one = summarize(read_record(run.write(tmp_path / "one")))
    assert one.verdict == "passed"
    assert "1 of 121 windows" in one.reasons[-1]
    run.windows += [Window("liar", seq, -1) for seq in range(2, 9)]
    many = summarize(read_record(run.write(tmp_path / "many")))
    assert (many.verdict, many.exit_code) == ("untrusted", ExitCode.UNTRUSTED)


def test_a_journal_that_simply_stops_is_an_interrupted_run(tmp_path: Path) -> None:
    run = make_run()
    run.windows = [window for window in run.windows if window.second < 20]
    run.meta = {"state": "running", "elapsed_s": "19.0"}
    summary = summarize(read_record(run.write(tmp_path / "run")))
    assert (summary.verdict, summary.exit_code) == ("interrupted", ExitCode.INTERRUPTED)
    assert "20 s of 60 s" in summary.reasons[0]


def test_what_is_measured_while_a_stopped_run_clears_up_is_no_load(tmp_path: Path) -> None:
    run = make_run()
    run.windows = [window for window in run.windows if window.second < 25]
    run.meta = {"elapsed_s": "20.25", "ended": "interrupted", "ended_detail": "stopped by a person"}
    assert summarize(read_record(run.write(tmp_path / "run"))).duration_s == 20.25


def starting(index: int, *, second: int) -> Window:
    return Window("w", second + 1, second, users=[UserChange(index, "starting")], gauges=Gauges(users_running=1))


def failed_to_start(tmp_path: Path, plan: Plan, windows: list[Window], **meta: str) -> int:
    run = Run(plan, windows=windows, meta=meta)
    return summarize(read_record(run.write(tmp_path / "run"))).users.failed_to_start


def test_users_that_were_asked_for_and_never_ran_failed_to_start(tmp_path: Path) -> None:
    running = Window("w", 1, 0, users=[UserChange(index, "running") for index in range(7)])
    assert failed_to_start(tmp_path, make_plan(10, ramp_s=0, hold_s=60), [running]) == 3


def test_users_that_no_worker_had_room_for_failed_to_start_too(tmp_path: Path) -> None:
    assert failed_to_start(tmp_path, make_plan(10, ramp_s=0, hold_s=60), [starting(0, second=1)]) == 10


def test_users_asked_for_in_the_last_seconds_had_no_time_to_start(tmp_path: Path) -> None:
    plan = make_plan(100, ramp_s=100, hold_s=0)
    running = Window("w", 1, 0, users=[UserChange(index, "running") for index in range(100 - int(START_PATIENCE_S))])
    assert failed_to_start(tmp_path, plan, [running]) == 0


def test_users_that_a_run_never_reached_because_it_was_stopped_did_not_fail(tmp_path: Path) -> None:
    running = Window("w", 1, 0, users=[UserChange(index, "running") for index in range(50)])
    plan = make_plan(100, ramp_s=100, hold_s=0)
    assert failed_to_start(tmp_path, plan, [running], elapsed_s="60", ended="interrupted") == 0


def test_a_group_that_starts_late_has_until_then(tmp_path: Path) -> None:
    groups = (Group("now", 5), Group("later", 5, first_index=5, start_delay_s=100.0))
    plan = Plan("plan.toml", Target("http://127.0.0.1/"), groups, (Stage(10, 0), Stage(10, 60)))
    running = Window("w", 1, 0, users=[UserChange(index, "running") for index in range(5)])
    assert failed_to_start(tmp_path, plan, [running]) == 0


def test_planned_users_are_those_that_the_load_profile_reaches(tmp_path: Path) -> None:
    plan = Plan("plan.toml", Target("http://127.0.0.1/"), (Group("g", 200),), (Stage(50, 10), Stage(0, 10)))
    summary = summarize(read_record(Run(plan).write(tmp_path / "run")))
    assert summary.users.planned == 50
