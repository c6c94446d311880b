"""Which browser a user gets: shared by users of one kind up to a limit, or one user's alone."""

from collections.abc import Callable, Iterator

import msgspec

from carga.model.engines import BrowserKind

BROWSER_IDLE_S = 10.0
"""A shared browser without users is kept so long: the next user may be there at once."""


class PooledBrowser(msgspec.Struct):
    kind: BrowserKind
    owner: int | None = None
    """The only user that it is for."""
    open: bool = False
    users: set[int] = msgspec.field(default_factory=set)
    empty_since: float = 0.0


class BrowserPool:
    """`users_per_browser` is for isolation `context`; None: as measured for each engine."""

    def __init__(self, *, users_per_browser: int | None, opening_max: int) -> None:
        self.browsers: dict[int, PooledBrowser] = {}
        self._users_per_browser = users_per_browser
        self._opening_max = opening_max
        self._last = 0

    def room_for(self, user: int, kind: BrowserKind) -> int | None:
        """An open browser that takes the user."""
        return next((number for number, browser in self._with_room(user, kind) if browser.open), None)

    def order_for(self, user: int, kind: BrowserKind, now: float) -> int | None:
        """The number of a browser that is to be opened for the user; None when one with room is on its way already,
        or too many others are."""
        opening = sum(not browser.open for browser in self.browsers.values())
        if opening >= self._opening_max or any(True for _ in self._with_room(user, kind)):
            return None
        self._last += 1
        self.browsers[self._last] = PooledBrowser(kind, user if kind.alone else None, empty_since=now)
        return self._last

    def leave(self, number: int, user: int, now: float) -> None:
        browser = self.browsers.get(number)
        if browser is not None:
            browser.users.discard(user)
            browser.empty_since = now

    def take_idle(self, now: float) -> list[int]:
        """Takes out what nobody has used for a while."""
        return self._take(
            lambda browser: browser.open and not browser.users and now - browser.empty_since > BROWSER_IDLE_S
        )

    def take_owned(self, user: int) -> list[int]:
        """Takes out what was the user's alone, since nobody else may have it. One that still opens ends when idle."""
        return self._take(lambda browser: browser.open and browser.owner == user)

    def _take(self, wanted: Callable[[PooledBrowser], bool]) -> list[int]:
        taken = [number for number, browser in self.browsers.items() if wanted(browser)]
        for number in taken:
            del self.browsers[number]
        return taken

    def _with_room(self, user: int, kind: BrowserKind) -> Iterator[tuple[int, PooledBrowser]]:
        owner = user if kind.alone else None
        users_max = kind.users_max if kind.alone else self._users_per_browser or kind.users_max
        for number, browser in self.browsers.items():
            if browser.kind == kind and browser.owner == owner and len(browser.users) < users_max:
                yield number, browser
