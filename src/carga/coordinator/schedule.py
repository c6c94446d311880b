"""Which users are wanted now, and which of them wait for a worker.

The wanted users are always the first ones of the activation order, so a change of the load profile touches only
those between the old and the new target.
"""

import heapq
from array import array

_LOST, _NEW = 0, 1
"""Ranks in the queue: users that were cut off come before those that have not run yet."""


class Schedule:
    def __init__(self, order: list[int], delay_s: dict[int, float]) -> None:
        """`delay_s` holds only the users that may not start before some time of the run."""
        self.order = order
        self.target = 0
        self._delay_s = delay_s
        self._position_of = array("i", [0]) * len(order)
        for position, user in enumerate(order):
            self._position_of[user] = position
        self._queued = bytearray(len(order))
        self._ready: list[tuple[int, int]] = []
        """Heap of (rank, position)."""
        self._delayed: list[tuple[float, int, int]] = []
        """Heap of (time of the run, rank, position)."""

    def is_wanted(self, user: int) -> bool:
        return self._position_of[user] < self.target

    def move_target(self, target: int) -> tuple[list[int], list[int]]:
        """Returns the users that are wanted now but were not, and those that are not wanted any more, last first."""
        old, self.target = self.target, target
        return self.order[old:target], self.order[target:old][::-1]

    def queue(self, user: int, *, lost: bool = False, not_before_s: float = 0.0) -> None:
        """The user waits for a worker. Nothing happens when it does already."""
        if self._queued[user]:
            return
        self._queued[user] = 1
        ready_s = max(not_before_s, self._delay_s.get(user, 0.0))
        heapq.heappush(self._delayed, (ready_s, _LOST if lost else _NEW, self._position_of[user]))

    def next(self, elapsed_s: float) -> int | None:
        """Takes the next user from the queue that is still wanted and may start now."""
        while self._delayed and self._delayed[0][0] <= elapsed_s:
            heapq.heappush(self._ready, heapq.heappop(self._delayed)[1:])
        while self._ready:
            position = heapq.heappop(self._ready)[1]
            self._queued[self.order[position]] = 0
            if position < self.target:
                return self.order[position]
        return None
