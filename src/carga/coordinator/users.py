"""The list of all users as a live page shows it: state, worker and a few words. A few bytes a user."""

from array import array

from carga.model.windows import UserState
from carga.wire.live import USER_STATES

DETAIL_LENGTH_MAX = 300

_NUMBER: dict[str, int] = {state: number for number, state in enumerate(USER_STATES)}
UserRow = tuple[int, int, int, str]
"""(index, position in USER_STATES, position of the worker or -1, detail)"""


class Users:
    def __init__(self, count: int) -> None:
        self._states = bytearray(count)
        self._workers = array("i", [-1]) * count
        self._details = [""] * count
        self._counts = [0] * len(USER_STATES)
        self._counts[_NUMBER["waiting"]] = count
        self._changed: dict[int, None] = {}
        """In the order of the first change."""

    def __len__(self) -> int:
        return len(self._states)

    def set(self, user: int, state: UserState, worker: int, detail: str = "") -> None:
        number = _NUMBER[state]
        self._counts[self._states[user]] -= 1
        self._counts[number] += 1
        self._states[user] = number
        self._workers[user] = worker
        self._details[user] = detail[:DETAIL_LENGTH_MAX]
        self._changed[user] = None

    def state(self, user: int) -> str:
        return USER_STATES[self._states[user]]

    def counts(self) -> dict[str, int]:
        return dict(zip(USER_STATES, self._counts, strict=True))

    def rows(self) -> list[UserRow]:
        return list(zip(range(len(self._states)), self._states, self._workers, self._details, strict=True))

    def take_changed(self, limit: int) -> list[UserRow]:
        """At most `limit` rows that changed; the others are kept for the next time."""
        taken = list(self._changed)[:limit] if len(self._changed) > limit else list(self._changed)
        for user in taken:
            del self._changed[user]
        return [(user, self._states[user], self._workers[user], self._details[user]) for user in taken]
