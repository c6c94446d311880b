"""Which worker holds which user, under which assignment, until when.

One lease for each worker covers all its users. A user has at most one holder: it can be assigned again only after
its holder freed it or the holder's lease ended. The worker counts its lease from an earlier moment than this table
does (from when it sent the renewal), so it has stopped its users before the lease ends here.
"""

from array import array

NOBODY = -1


class Leases:
    """Workers and users are small integers; `now` is any clock in seconds that only goes forward."""

    def __init__(self, users: int, *, lease_s: float, first_assignment: int = 1) -> None:
        self.lease_s = lease_s
        self.first_assignment = first_assignment
        self._next_assignment = first_assignment
        self._worker_of = array("i", [NOBODY]) * users
        self._assignment_of = array("q", [0]) * users
        self._released = bytearray(users)
        self._ends_at: dict[int, float] = {}
        self._users_of: dict[int, set[int]] = {}

    def renew(self, worker: int, now: float) -> None:
        """Starts the worker's lease or lengthens it."""
        self._ends_at[worker] = now + self.lease_s
        self._users_of.setdefault(worker, set())

    def has_ended(self, worker: int, now: float) -> bool:
        return now >= self._ends_at.get(worker, now)

    def ended(self, now: float) -> list[int]:
        """Workers whose lease is over but was not ended yet."""
        return [worker for worker, ends_at in self._ends_at.items() if now >= ends_at]

    def end(self, worker: int) -> list[int]:
        """Takes all users from the worker and forgets its lease; returns the users in ascending order."""
        self._ends_at.pop(worker, None)
        users = sorted(self._users_of.pop(worker, ()))
        for user in users:
            self._worker_of[user] = NOBODY
            self._released[user] = 0
        return users

    def assign(self, user: int, worker: int) -> int:
        """Gives a free user to a worker with a lease; returns the number of the assignment."""
        assignment = self._next_assignment
        self._hold(user, worker, assignment)
        self._next_assignment += 1
        return assignment

    def adopt(self, user: int, worker: int, assignment: int) -> bool:
        """Takes over what a worker runs since before this table existed. False when that cannot be."""
        if not 0 < assignment < self.first_assignment or self._worker_of[user] != NOBODY:
            return False
        self._hold(user, worker, assignment)
        return True

    def release(self, user: int) -> None:
        """The holder was asked to stop the user. It stays the holder until it frees it."""
        self._released[user] = 1

    def free(self, user: int, worker: int, assignment: int) -> bool:
        """The holder runs the user no more. False when it was not the holder under this assignment."""
        if not self.holds(worker, user, assignment):
            return False
        self._worker_of[user] = NOBODY
        self._released[user] = 0
        self._users_of[worker].discard(user)
        return True

    def holds(self, worker: int, user: int, assignment: int) -> bool:
        return self._worker_of[user] == worker and self._assignment_of[user] == assignment

    def holder(self, user: int) -> int:
        """The worker, or NOBODY."""
        return self._worker_of[user]

    def assignment(self, user: int) -> int:
        """The user's last one; 0 when it was never assigned here."""
        return self._assignment_of[user]

    def is_released(self, user: int) -> bool:
        return bool(self._released[user])

    def users_of(self, worker: int) -> set[int]:
        return self._users_of.get(worker, set())

    def _hold(self, user: int, worker: int, assignment: int) -> None:
        if self._worker_of[user] != NOBODY:
            raise ValueError(f"user {user} is held by worker {self._worker_of[user]}")
        self._users_of[worker].add(user)
        self._worker_of[user] = worker
        self._assignment_of[user] = assignment
        self._released[user] = 0
