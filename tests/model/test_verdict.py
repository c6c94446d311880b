import pytest

from carga.exitcodes import ExitCode
from carga.model.plan import Threshold
from carga.model.summary import GeneratorSummary, UsersSummary
from carga.model.thresholds import evaluate
from carga.model.totals import Totals
from carga.model.verdict import (
    GENERATOR_LOOP_LAG_MS_MAX,
    GENERATOR_TIMER_LATE_P99_MS_MAX,
    Judgement,
    generator_summary,
    judge,
)
from carga.model.windows import Gauges, Metric, Window

SLOW = Threshold("step.open guide", "p95", "<=", 800.0, "step.open guide p95 <= 800 ms")
NEVER = Threshold("step.zap", "p95", "<=", 800.0, "step.zap p95 <= 800 ms")
RATE = Threshold("step.open guide", "rate", ">=", 10.0, "step.open guide rate >= 10/s")
FINE = Threshold("page_errors", "count", "<=", 0.0, "page_errors count <= 0")


def run(
    *thresholds: Threshold,
    step_ms: float = 912.0,
    users: UsersSummary | None = None,
    trusted: bool = True,
    ended: str = "",
    detail: str = "",
) -> Judgement:
    totals = Totals()
    totals.metrics["step.open guide"] = Metric()
    totals.metrics["step.open guide"].values.record(step_ms)
    return judge(
        totals=totals,
        thresholds=evaluate(thresholds, totals, duration_s=4.0),
        users=users or UsersSummary(planned=200, started=200),
        generator=GeneratorSummary(trusted, [] if trusted else ["The generator was too slow: by far."]),
        ended=ended,
        ended_detail=detail,
    )


def test_a_run_in_which_all_holds_has_passed_and_needs_no_reason() -> None:
    assert run(FINE) == Judgement("passed", [], ExitCode.PASSED)


def test_a_broken_threshold_is_told_with_numbers() -> None:
    assert run(FINE, SLOW) == Judgement(
        "failed", ["step.open guide p95 was 912 ms, more than 800 ms."], ExitCode.THRESHOLD
    )
    assert run(RATE).reasons == ["step.open guide rate was 0.25/s, less than 10/s."]


def test_a_value_just_above_its_limit_is_not_told_as_equal() -> None:
    assert "800 ms, to be exact 800.25, more than 800 ms" in run(SLOW, step_ms=800.25).reasons[0]


def test_a_threshold_that_was_never_measured_fails_and_says_so() -> None:
    judgement = run(NEVER)
    assert judgement.verdict == "failed"
    assert judgement.reasons == ["step.zap p95 <= 800 ms cannot be judged: nothing was measured."]


@pytest.mark.parametrize(("failed", "verdict"), [(2, "passed"), (3, "failed")])
def test_more_than_one_percent_of_users_that_never_start_fail_the_run(failed: int, verdict: str) -> None:
    judgement = run(users=UsersSummary(planned=200, started=200 - failed, failed_to_start=failed))
    assert judgement.verdict == verdict
    if verdict == "failed":
        assert judgement.reasons == ["3 of 200 users (1.5 %) could not be started."]
        assert judgement.exit_code == ExitCode.THRESHOLD


def test_a_generator_that_was_too_slow_outweighs_thresholds_and_both_are_told() -> None:
    judgement = run(SLOW, trusted=False)
    assert (judgement.verdict, judgement.exit_code) == ("untrusted", ExitCode.UNTRUSTED)
    assert len(judgement.reasons) == 2


@pytest.mark.parametrize("ended", ["", "no-user"])
def test_without_any_user_there_is_nothing_to_judge(ended: str) -> None:
    judgement = run(FINE, users=UsersSummary(planned=5), trusted=False, ended=ended, detail="no browser was found.")
    assert judgement == Judgement("failed", ["No user could run: no browser was found."], ExitCode.NO_USER)


def test_an_interrupted_run_is_nothing_else() -> None:
    judgement = run(SLOW, users=UsersSummary(planned=5), trusted=False, ended="interrupted")
    assert judgement == Judgement("interrupted", ["The run was interrupted."], ExitCode.INTERRUPTED)


def test_an_internal_error_is_told() -> None:
    judgement = run(FINE, ended="internal", detail="the disk is full")
    assert (judgement.verdict, judgement.exit_code) == ("failed", ExitCode.INTERNAL)
    assert judgement.reasons == ["The run ended by an internal error: the disk is full."]


def generator(*, late_ms: float = 1.0, lag_ms: float = 1.0, dropped: int = 0) -> GeneratorSummary:
    late = Metric()
    late.values.record(late_ms, times=1000)
    totals = Totals()
    for worker, share in (("a", 1.0), ("b", 0.5)):
        gauges = Gauges(cpu_percent=80 * share, memory_mb=1000 * share, loop_lag_ms=lag_ms * share)
        totals.add(Window(worker, 1, 0, gauges=gauges))
    totals.add(Window("a", 2, 1, {"generator.timer_late": late}, {"samples_dropped": dropped}))
    return generator_summary(totals)


def test_a_generator_that_keeps_up_is_trusted_and_described_by_its_busiest_worker() -> None:
    summary = generator()
    assert summary.trusted
    assert summary.timer_late_p99_ms == pytest.approx(1.0)
    assert (summary.cpu_percent_max, summary.memory_mb_max, summary.loop_lag_max_ms) == (80, 1000, 1)


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (generator(late_ms=GENERATOR_TIMER_LATE_P99_MS_MAX * 2), "500 ms late"),
        (generator(lag_ms=GENERATOR_LOOP_LAG_MS_MAX * 2), "stood still for 4000 ms"),
        (generator(dropped=100), "dropped 100 of 1100 samples"),
    ],
)
def test_a_generator_that_does_not_is_not_and_says_why(summary: GeneratorSummary, text: str) -> None:
    assert not summary.trusted
    assert text in summary.reasons[0]


def strained(first: int, seconds: int) -> list[Window]:
    gauges = Gauges(
        users_running=5, core_wait=50.0, core_turn_ms=30.0, cpu_percent=100.0, processes_waiting=12, cores=2
    )
    return [Window("w", first + second + 1, first + second, gauges=gauges) for second in range(seconds)]


def test_a_bad_interval_in_a_long_run_makes_it_untrusted_and_is_named() -> None:
    totals = Totals()
    for window in strained(20, 21):
        totals.add(window)
    summary = generator_summary(totals)
    assert not summary.trusted
    assert summary.reasons == [
        "The generator was too slow from 0:20 to 0:41: the browsers waited 50 times as long for a core as they worked; "
        "CPU 100 %, 12 processes for 2 cores. Use fewer users on a machine, or more machines."
    ]
    assert [(interval.from_s, interval.until_s) for interval in summary.strained] == [(20, 41)]
    assert generator_summary(totals, until_s=22.0).trusted, "what comes after the load does not count"


def test_of_many_bad_intervals_the_longest_are_told_and_the_others_counted() -> None:
    totals = Totals()
    for number in range(6):
        for window in strained(number * 100, 10 + number):
            totals.add(window)
    summary = generator_summary(totals)
    assert len(summary.strained) == 6
    assert [reason.split(": ")[0] for reason in summary.reasons[:2]] == [
        "The generator was too slow from 8:20 to 8:35",
        "The generator was too slow from 6:40 to 6:54",
    ]
    assert summary.reasons[3] == "The generator was too slow 3 times more, for shorter."


@pytest.mark.parametrize(("missing", "trusted"), [(2, True), (3, False)])
def test_more_than_one_percent_of_users_that_found_no_room_are_the_generators_doing(
    missing: int, trusted: bool
) -> None:
    totals = Totals()
    totals.add(Window("w", 1, 0, gauges=Gauges(full="only 300 MB of memory are left")))
    summary = generator_summary(totals, planned=200, not_admitted=missing)
    assert summary.trusted is trusted
    assert summary.not_admitted == missing
    if not trusted:
        assert summary.reasons[0].startswith(
            "The machine was full: 3 of 200 users could not be admitted: only 300 MB of memory are left."
        )


def test_users_released_for_memory_and_a_forced_run_are_told() -> None:
    totals = Totals()
    totals.add(Window("w", 1, 0, counters={"users_released": 7}))
    summary = generator_summary(totals, planned=100, forced="the plan wants too much")
    assert not summary.trusted
    assert summary.reasons[0].startswith("The machine ran low on memory: 7 users had to be released.")
    assert summary.reasons[1] == "The run was forced: the plan wants too much."
    assert generator_summary(Totals(), forced="the plan wants too much").trusted


def test_a_generator_that_measured_nothing_is_not_accused() -> None:
    assert generator_summary(Totals()) == GeneratorSummary(trusted=True)
