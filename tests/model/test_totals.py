import random

from hypothesis import given
from hypothesis import strategies as st

from carga.model.totals import ERROR_SAMPLES_MAX, Second, Totals, all_requests
from carga.model.windows import COUNTERS, ErrorSample, Gauges, Metric, UserChange, Window


def window(seq: int, *, worker: str = "w", values: tuple[float, ...] = (), **more: object) -> Window:
    made = Window(worker=worker, seq=seq, second=seq, **more)  # type: ignore[arg-type]
    for value in values:
        made.metrics.setdefault("request.fetch", Metric()).values.record(value)
    return made


@given(st.lists(st.lists(st.floats(0, 1e6), max_size=4), max_size=12), st.randoms())
def test_the_order_of_arrival_changes_nothing(parts: list[list[float]], shuffle: random.Random) -> None:
    windows = [
        window(
            seq,
            worker=f"w{seq % 3}",
            values=tuple(values),
            counters={"requests": len(values)},
            causes={"request": {"HTTP 500": seq}},
            users=[UserChange(seq, "running")],
            gauges=Gauges(users_running=seq, cpu_percent=seq * 2.0, memory_mb=seq, loop_lag_ms=seq),
        )
        for seq, values in enumerate(parts)
    ]
    in_order, shuffled = Totals(), Totals()
    for each in windows:
        in_order.add(each)
    for each in shuffle.sample(windows, len(windows)):
        shuffled.add(each)
    for attribute in ("metrics", "counters", "causes", "started", "states", "workers"):
        assert getattr(in_order, attribute) == getattr(shuffled, attribute)


def test_requests_are_all_kinds_together_and_leave_the_kinds_alone() -> None:
    totals = Totals()
    totals.add(window(1, values=(1.0, 2.0), metrics={"request.script": Metric(failed=1), "step.a": Metric(failed=9)}))
    merged = totals.metric("requests")
    assert merged is not None
    assert merged.attempts == 3
    assert totals.metrics["request.fetch"].attempts == 2
    assert totals.metric("step.b") is None
    assert all_requests({"step.a": Metric()}) is None


def test_every_counter_is_there_from_the_start() -> None:
    assert Totals().counters == dict.fromkeys(COUNTERS, 0)


def test_a_user_counts_as_started_once_it_has_run_whatever_becomes_of_it() -> None:
    totals = Totals()
    totals.add(window(1, users=[UserChange(3, "starting"), UserChange(3, "running"), UserChange(4, "failed", "gone")]))
    totals.add(window(2, users=[UserChange(3, "lost", "its browser died")]))
    assert totals.started == {3}
    assert totals.states == {3: "lost", 4: "failed"}
    assert totals.details[4] == "gone"


def test_error_samples_are_kept_up_to_a_limit() -> None:
    totals = Totals()
    for seq in range(1, 4):
        totals.add(window(seq, errors=[ErrorSample("page", "TypeError", 0, "x")] * (ERROR_SAMPLES_MAX - 100)))
    assert len(totals.errors) == ERROR_SAMPLES_MAX


def test_a_second_adds_up_the_workers_and_counts_no_worker_twice() -> None:
    second = Second()
    second.add(window(1, worker="a", gauges=Gauges(users_running=3, websockets_open=2)))
    second.add(window(1, worker="b", gauges=Gauges(users_running=4, websockets_open=5)))
    second.add(window(2, worker="b", gauges=Gauges(users_running=5, websockets_open=5)))
    assert second.users_running == 8
    assert second.websockets_open == 7
