from carga.model.totals import Totals
from carga.model.windows import Gauges, Window
from carga.worker import collector as module
from carga.worker.collector import CAUSES_PER_WINDOW_MAX, ERRORS_PER_WINDOW_MAX, WINDOWS_UNSENT_MAX, Collector, Outbox


def test_a_sealed_window_holds_what_was_said_and_the_next_begins_empty() -> None:
    collector = Collector("w")
    collector.value("step.zap", 12.5)
    collector.value("custom.depth", 3, "rows")
    collector.failure("step.zap")
    collector.count("actions", 2)
    collector.cause("step", "zap: oops", user=4, message="oops", where="http://x/")
    collector.user(4, "running")
    first = collector.seal(7, Gauges(users_running=1))
    second = collector.seal(8, Gauges())
    assert (first.seq, first.second, second.seq, second.second) == (1, 7, 2, 8)
    assert first.metrics["step.zap"].values.count == 1
    assert first.metrics["step.zap"].failed == 1
    assert first.metrics["custom.depth"].unit == "rows"
    assert first.counters == {"actions": 2}
    assert first.causes == {"step": {"zap: oops": 1}}
    assert first.errors[0].user == 4
    assert not second.metrics
    assert not second.users


def test_values_that_no_histogram_takes_are_counted_as_dropped() -> None:
    collector = Collector("w")
    for value in (-1.0, float("nan"), float("inf"), 1e300):
        collector.value("step.zap", value)
    window = collector.seal(0, Gauges())
    assert window.counters == {"samples_dropped": 4}
    assert not window.metrics


def test_causes_and_error_samples_are_bounded_and_no_count_is_lost() -> None:
    collector = Collector("w")
    for number in range(CAUSES_PER_WINDOW_MAX * 2):
        collector.cause("page", f"error {number}", user=0)
    window = collector.seal(0, Gauges())
    assert sum(window.causes["page"].values()) == CAUSES_PER_WINDOW_MAX * 2
    assert len(window.causes["page"]) == CAUSES_PER_WINDOW_MAX + 1
    assert len(window.errors) == ERRORS_PER_WINDOW_MAX


def _windows(count: int) -> list[Window]:
    collector = Collector("w")
    windows = []
    for second in range(count):
        collector.value("step.zap", second + 1.0)
        collector.count("actions")
        collector.user(second, "running")
        windows.append(collector.seal(second, Gauges(users_running=second)))
    return windows


def test_windows_stay_until_they_are_acknowledged_and_are_sent_again_after_a_reconnect() -> None:
    outbox = Outbox()
    for window in _windows(3):
        outbox.add(window)
    assert [window.seq for window in outbox.take_unsent()] == [1, 2, 3]
    assert not outbox.take_unsent()
    outbox.acknowledge([2])
    outbox.reconnected(1)
    assert [window.seq for window in outbox.take_unsent()] == [3]
    outbox.acknowledge([3])
    assert len(outbox) == 0


def test_too_many_unsent_windows_are_merged_and_nothing_is_lost(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "WINDOWS_UNSENT_MAX", 8)
    plain, merged = Totals(), Totals()
    outbox = Outbox()
    for window in _windows(50):
        plain.add(window)
    for window in _windows(50):
        outbox.add(window)
    assert len(outbox) <= 9
    for window in outbox.take_unsent():
        merged.add(window)
    assert merged.metrics == plain.metrics
    assert merged.counters == plain.counters
    assert merged.started == plain.started
    assert WINDOWS_UNSENT_MAX == 900


def test_windows_that_were_sent_are_never_merged(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "WINDOWS_UNSENT_MAX", 2)
    outbox = Outbox()
    windows = _windows(6)
    outbox.add(windows[0])
    outbox.take_unsent()
    for window in windows[1:]:
        outbox.add(window)
    outbox.reconnected(0)
    assert outbox.take_unsent()[0].metrics == _windows(1)[0].metrics


def test_users_of_a_part_are_in_the_whole_and_in_their_part() -> None:
    collector = Collector("w")
    recorder = collector.of_part("0s")
    recorder.value("step.zap", 12.5)
    recorder.failure("step.zap")
    recorder.value("generator.timer_late", 1.0)
    recorder.count("actions")
    recorder.cause("page", "TypeError", user=3)
    collector.of_part("").value("step.zap", 5.0)
    window = collector.seal(0, Gauges())
    assert window.metrics["step.zap"].values.count == 2
    assert list(window.parts) == ["0s"]
    assert list(window.parts["0s"]) == ["step.zap"], "how late timers are is the machine's"
    assert (window.parts["0s"]["step.zap"].values.count, window.parts["0s"]["step.zap"].failed) == (1, 1)
    assert window.counters == {"actions": 1}
    assert window.causes == {"page": {"TypeError": 1}}


def test_parts_survive_windows_that_are_merged() -> None:
    collector, outbox = Collector("w"), Outbox()
    for second in range(WINDOWS_UNSENT_MAX + 1):
        collector.of_part("1").value("step.zap", 1.0)
        outbox.add(collector.seal(second, Gauges()))
    windows = outbox.take_unsent()
    assert len(windows) < WINDOWS_UNSENT_MAX
    assert sum(window.parts["1"]["step.zap"].values.count for window in windows) == WINDOWS_UNSENT_MAX + 1
