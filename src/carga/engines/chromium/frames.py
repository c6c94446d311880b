"""Which page of a browser gets the next frame, and when. Pure: no clock, no browser.

Pages ask (page/frames.js): after a change 100 ms are soon enough, an endless animation is content with two frames a
second, a callback that waits wants the next one. A page that asks again and again spends its burst and then goes on at
the sustained gap, which grows with the number of pages that want frames at the same time: a browser full of spinners
draws no more frames than SUSTAINED_PER_S. Why these numbers: docs/decisions/0004-paced-frames.md.
"""

import msgspec

BURST_FRAMES = 15
"""What a page gets in a row after a while of quiet: a second of a transition, a list that is being scrolled."""
BURST_GAP_S = 1 / 15
SUSTAINED_GAP_S = 1 / 4
SUSTAINED_PER_S = 40.0
"""Frames of all pages together that have spent their burst."""
DELAY_S_MAX = 5.0
"""The latest that a page can ask for."""


class _Page(msgspec.Struct):
    last: float = float("-inf")
    burst: float = BURST_FRAMES
    """Frames left in a row, as of `last`."""


class FrameQueue:
    """Pages are known by any name. Times are of any monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}
        self._due: dict[str, float] = {}
        """Of those that have asked."""

    def ask(self, name: str, now: float, delay_s: float) -> None:
        """`name` would like a frame in `delay_s`. It gets one, however often it asks before that."""
        page = self._pages.setdefault(name, _Page())
        gap_s = BURST_GAP_S if self._burst(page, now) >= 1 else self._sustained_gap_s()
        due = max(page.last + gap_s, now + min(delay_s, DELAY_S_MAX))
        self._due[name] = min(due, self._due.get(name, due))

    def forget(self, name: str) -> None:
        self._pages.pop(name, None)
        self._due.pop(name, None)

    def next_due(self) -> float | None:
        """When somebody is to get a frame; None when nobody has asked."""
        return min(self._due.values(), default=None)

    def take(self, now: float) -> str | None:
        """The page whose time has passed for longest, which gets its frame now; None when it is nobody's time."""
        name = min(self._due, key=self._due.__getitem__, default=None)
        if name is None or self._due[name] > now:
            return None
        page = self._pages[name]
        page.burst = max(0.0, self._burst(page, now) - 1)
        page.last = now
        del self._due[name]
        return name

    def _sustained_gap_s(self) -> float:
        return max(SUSTAINED_GAP_S, len(self._due) / SUSTAINED_PER_S)

    def _burst(self, page: _Page, now: float) -> float:
        return min(BURST_FRAMES, page.burst + max(0.0, now - page.last) / self._sustained_gap_s())
