"""The worker's side of its lease: when to renew it, and until when its users may run.

The lease counts from when the worker *sent* the renewal that was granted, which is before the coordinator answered it.
"""

RENEW_SHARE = 0.25
"""Of the lease: how often it is renewed. Three renewals may be lost before users are."""
STOP_SHARE = 0.2
"""Of the lease: how long before its end users are killed. Killing takes far less."""


class Lease:
    """Times are of any monotonic clock, in seconds. Nothing is granted before `begin`."""

    def __init__(self, now: float) -> None:
        self._length_s = 0.0
        self._until = now
        self._renew_at = now
        self._sent: dict[int, float] = {}
        """Renewal to when it was sent; those not granted yet."""
        self._last = 0

    def begin(self, length_s: float, *, asked_at: float) -> None:
        """The coordinator has welcomed a hello that was sent at `asked_at`."""
        self._length_s = length_s
        self._until = asked_at + length_s
        self._renew_at = asked_at + length_s * RENEW_SHARE

    def renewal_due(self, now: float) -> int | None:
        """The number of a renewal that is to be sent now."""
        if now < self._renew_at:
            return None
        self._last += 1
        self._sent[self._last] = now
        self._renew_at = now + self._length_s * RENEW_SHARE
        return self._last

    def granted(self, number: int) -> None:
        sent_at = self._sent.pop(number, None)
        if sent_at is not None:
            self._until = max(self._until, sent_at + self._length_s)

    def disconnected(self) -> None:
        """What was asked for on a connection that is gone is not answered on another."""
        self._sent.clear()

    def is_over(self, now: float) -> bool:
        """Whether users must be ended now, with time to spare for it."""
        return now >= self._until - self._length_s * STOP_SHARE

    def browsers_may_live_s(self, now: float) -> float:
        """For how long the browsers may go on when nothing more is heard from this worker."""
        return max(0.0, self._until - self._length_s * STOP_SHARE / 2 - now)
