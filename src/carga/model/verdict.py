"""The verdict of a run: one word, an exit code, and the reasons in sentences with numbers."""

from dataclasses import dataclass

from carga.exitcodes import ExitCode
from carga.model.strain import TIMER_LATE, TIMER_LATE_MS_MAX, StrainedInterval
from carga.model.summary import GeneratorSummary, ThresholdResult, UsersSummary, Verdict
from carga.model.thresholds import number, quantity, unit_of
from carga.model.totals import Totals

FAILED_TO_START_SHARE_MAX = 0.01
"""With more users missing, the load was not the planned one."""

GENERATOR_TIMER_LATE_P99_MS_MAX = TIMER_LATE_MS_MAX
GENERATOR_LOOP_LAG_MS_MAX = 2000.0
"""The worst single pause of a worker. Key presses wait that long, but one short pause changes no percentile."""
GENERATOR_DROPPED_SHARE_MAX = 0.01
"""Of all samples. With more of them dropped, p99 no longer describes the run."""

GENERATOR_NOT_ADMITTED_SHARE_MAX = 0.01
"""Of the planned users. With more of them missing the load was not the planned one, which is the generator's doing."""
INTERVALS_TOLD_MAX = 3
"""In the reasons; all are in the summary."""
LESS = "Use fewer users on a machine, or more machines."


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reasons: list[str]
    exit_code: ExitCode


def judge(
    *,
    totals: Totals,
    thresholds: list[ThresholdResult],
    users: UsersSummary,
    generator: GeneratorSummary,
    ended: str,
    ended_detail: str,
) -> Judgement:
    """`ended` is why the run ended, as in the journal: "", "interrupted", "no-user", "internal".

    A generator that cannot be trusted outweighs thresholds: numbers that nobody may believe decide nothing.
    """
    if ended == "interrupted":
        return Judgement("interrupted", [_sentence("The run was interrupted", ended_detail)], ExitCode.INTERRUPTED)
    if ended == "internal":
        return Judgement("failed", [_sentence("The run ended by an internal error", ended_detail)], ExitCode.INTERNAL)
    if ended == "no-user" or not users.started:
        return Judgement("failed", [_sentence("No user could run", ended_detail)], ExitCode.NO_USER)
    failures = [_threshold_reason(result, totals) for result in thresholds if not result.passed]
    if users.failed_to_start > users.planned * FAILED_TO_START_SHARE_MAX:
        share = quantity("failed", users.failed_to_start / max(users.planned, 1), "")
        failures.append(f"{users.failed_to_start} of {users.planned} users ({share}) could not be started.")
    if not generator.trusted:
        return Judgement("untrusted", [*generator.reasons, *failures], ExitCode.UNTRUSTED)
    if failures:
        return Judgement("failed", failures, ExitCode.THRESHOLD)
    return Judgement("passed", [], ExitCode.PASSED)


def generator_summary(
    totals: Totals, *, until_s: float | None = None, planned: int = 0, not_admitted: int = 0, forced: str = ""
) -> GeneratorSummary:
    """Whether the generator kept up. CPU and memory are those of the busiest worker; they only explain.

    `until_s` is the end of the load: what comes later is clearing up. `not_admitted` of the `planned` users never ran
    because the machine was full.
    """
    late = totals.metric(TIMER_LATE)
    late_p99_ms = late.values.quantile(0.99) if late is not None and late.values.count else None
    lag_ms = max((worker.loop_lag_ms_max for worker in totals.workers.values()), default=0.0)
    dropped = totals.counters["samples_dropped"]
    samples = dropped + sum(metric.attempts for metric in totals.metrics.values())
    strained = totals.strain.intervals(until_s=until_s)
    reasons = _strain_reasons(strained)
    if late_p99_ms is not None and late_p99_ms > GENERATOR_TIMER_LATE_P99_MS_MAX:
        limit = number(GENERATOR_TIMER_LATE_P99_MS_MAX)
        reasons.append(
            f"The generator was too slow: 1 % of the timers in the pages were {number(late_p99_ms)} ms late or more, "
            f"over the limit of {limit} ms. {LESS}"
        )
    if lag_ms > GENERATOR_LOOP_LAG_MS_MAX:
        limit = number(GENERATOR_LOOP_LAG_MS_MAX)
        reasons.append(
            f"The generator was too slow: a worker stood still for {number(lag_ms)} ms, over the limit of {limit} ms. "
            "Use fewer users for each worker."
        )
    if dropped > samples * GENERATOR_DROPPED_SHARE_MAX:
        reasons.append(f"The generator was too slow: it dropped {dropped} of {samples} samples.")
    if not_admitted > planned * GENERATOR_NOT_ADMITTED_SHARE_MAX:
        why = next((worker.full for worker in totals.workers.values() if worker.full), "")
        reasons.append(
            _sentence(f"The machine was full: {not_admitted} of {planned} users could not be admitted", why)
            + f" {LESS}"
        )
    released = totals.counters["users_released"]
    if released > planned * GENERATOR_NOT_ADMITTED_SHARE_MAX:
        reasons.append(f"The machine ran low on memory: {released} users had to be released. {LESS}")
    if forced and reasons:
        reasons.append(_sentence("The run was forced", forced))
    return GeneratorSummary(
        trusted=not reasons,
        reasons=reasons,
        timer_late_p99_ms=late_p99_ms,
        loop_lag_max_ms=lag_ms,
        cpu_percent_max=max((worker.cpu_percent_max for worker in totals.workers.values()), default=0.0),
        memory_mb_max=max((worker.memory_mb_max for worker in totals.workers.values()), default=0.0),
        strained=strained,
        not_admitted=not_admitted,
        released=released,
        forced=forced,
    )


def _strain_reasons(strained: list[StrainedInterval]) -> list[str]:
    """The longest intervals first."""
    longest = sorted(strained, key=lambda interval: interval.from_s - interval.until_s)
    reasons = [f"The generator was too slow {interval.text}. {LESS}" for interval in longest[:INTERVALS_TOLD_MAX]]
    if more := len(strained) - INTERVALS_TOLD_MAX:
        times = "once more" if more == 1 else f"{more} times more"
        reasons += [f"The generator was too slow {times}, for shorter."] if more > 0 else []
    return reasons


def _threshold_reason(result: ThresholdResult, totals: Totals) -> str:
    name = f"{result.metric} {result.statistic}"
    if result.value is None:
        return f"{result.threshold} cannot be judged: nothing was measured."
    metric = totals.metric(result.metric)
    unit = metric.unit if metric is not None else unit_of(result.metric) or ""
    value, limit = (quantity(result.statistic, amount, unit) for amount in (result.value, result.limit))
    if value == limit:  # so close that rounding hides the difference
        value = f"{value}, to be exact {result.value!r}"
    return f"{name} was {value}, {'more' if result.value > result.limit else 'less'} than {limit}."


def _sentence(what: str, detail: str) -> str:
    detail = detail.strip().rstrip(".")
    return f"{what}: {detail}." if detail else f"{what}."
