"""Which worker gets the next user: the one whose capacity is used least.

A heap with lazy removal: every change of a worker's load adds an entry and makes its older ones void.
"""

import heapq
from dataclasses import dataclass

_SPARE_ENTRIES = 64
_ENTRIES_PER_WORKER_MAX = 4
"""With more void entries than that the heap is built anew."""


@dataclass
class _Load:
    used: int
    capacity: int
    version: int


class Placement:
    """Workers are small integers. Every operation costs O(log workers), amortized."""

    def __init__(self) -> None:
        self._loads: dict[int, _Load] = {}
        self._heap: list[tuple[float, int, int]] = []
        """(share of the capacity that is used, worker, version)"""
        self._version = 0
        self.capacity = 0
        """Of all workers that are offered."""

    def offer(self, worker: int, *, used: int, capacity: int) -> None:
        """The worker takes users from now on."""
        self.withdraw(worker)
        self.capacity += capacity
        self._loads[worker] = _Load(used, capacity, 0)
        self._push(worker)

    def withdraw(self, worker: int) -> None:
        """The worker takes no more users."""
        if load := self._loads.pop(worker, None):
            self.capacity -= load.capacity

    def take(self) -> int | None:
        """The worker for the next user, whose load grows by one; None when all are full."""
        if not self.has_room():
            return None
        worker = heapq.heappop(self._heap)[1]
        self._loads[worker].used += 1
        self._push(worker)
        return worker

    def has_room(self) -> bool:
        while self._heap and not self._is_current(self._heap[0]):
            heapq.heappop(self._heap)
        return bool(self._heap)

    def give_back(self, worker: int) -> None:
        """One user less. A worker that is not offered is left alone."""
        if load := self._loads.get(worker):
            load.used -= 1
            self._push(worker)

    def _push(self, worker: int) -> None:
        load = self._loads[worker]
        self._version += 1
        load.version = self._version
        if load.used < load.capacity:
            heapq.heappush(self._heap, (load.used / load.capacity, worker, load.version))
        if len(self._heap) > _SPARE_ENTRIES + _ENTRIES_PER_WORKER_MAX * len(self._loads):
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapq.heapify(self._heap)

    def _is_current(self, entry: tuple[float, int, int]) -> bool:
        load = self._loads.get(entry[1])
        return load is not None and load.version == entry[2]
