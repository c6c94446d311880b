"""Windows on their way from a worker over the journal into the run's numbers. Each counts once."""

from collections import Counter, defaultdict

import msgspec

from carga.coordinator.distribution import Distribution
from carga.coordinator.events import StoreWindow, WindowKey
from carga.coordinator.intake import problem_of
from carga.coordinator.roster import Roster, WorkerRecord
from carga.coordinator.timeline import Timeline
from carga.model.totals import Totals
from carga.model.windows import Window

FAILURES_MAX = 200
"""Distinct words about users that could not be started."""

_encoder = msgspec.msgpack.Encoder()


class WindowRefused(Exception):
    """The words say what is wrong with the window."""


class Results:
    def __init__(self, roster: Roster, distribution: Distribution, totals: Totals, timeline: Timeline) -> None:
        self.totals = totals
        self.timeline = timeline
        self.someone_ran = bool(totals.started)
        self.failures: Counter[str] = Counter()
        """Why users could not be started."""
        self._roster = roster
        self._distribution = distribution
        self._pending: dict[WindowKey, Window] = {}
        """Not on disk yet. The journal's queue bounds them."""

    def take(self, record: WorkerRecord, window: Window, *, second_max: float) -> StoreWindow | None:
        """What to write; None when that is being done already. Raises WindowRefused."""
        key = (record.id, window.seq)
        if key in self._pending:
            return None
        if not record.log.takes(window.seq):
            raise WindowRefused(f"seq {window.seq} does not follow {record.log.contiguous}")
        if problem := problem_of(window, users=len(self._distribution.users), second_max=second_max):
            raise WindowRefused(problem)
        self._pending[key] = window
        self._apply_users(record, window)
        return StoreWindow(record.id, window.seq, window.second, _encoder.encode(window))

    def stored(self, keys: list[WindowKey]) -> tuple[dict[str, list[int]], list[Window]]:
        """The windows are on disk: returns their seqs by worker, and those that count from now on."""
        seqs: dict[str, list[int]] = defaultdict(list)
        merged = []
        for worker, seq in keys:
            seqs[worker].append(seq)
            window = self._pending.pop((worker, seq), None)
            if window is not None:
                self._merge(window)
                merged.append(window)
        return seqs, merged

    def dropped(self, keys: list[WindowKey]) -> None:
        """The journal had no room; the worker will send them again."""
        for key in keys:
            self._pending.pop(key, None)

    def _apply_users(self, record: WorkerRecord, window: Window) -> None:
        """At once, before the window is on disk. News about users that this worker does not hold are old or false."""
        if window.seq <= record.applied_seq:
            return
        record.applied_seq = window.seq
        for change in window.users:
            if self._distribution.leases.holder(change.index) != record.position:
                continue
            self._distribution.users.set(change.index, change.state, record.position, change.detail)
            if change.state == "running":
                self.someone_ran = True
            elif change.state == "failed" and (change.detail in self.failures or len(self.failures) < FAILURES_MAX):
                self.failures[change.detail] += 1

    def _merge(self, window: Window) -> None:
        record = self._roster.get(window.worker)
        assert record is not None
        record.log.add(window.seq)
        if window.seq > record.gauges_seq:
            record.gauges, record.gauges_seq = window.gauges, window.seq
        self.totals.add(window)
        self.timeline.add(window)
