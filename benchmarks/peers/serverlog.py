"""Reads the server's log while it grows: who acts, how often, how quickly, and how many sockets are open."""

from bisect import bisect_left
from pathlib import Path
from urllib.parse import unquote


class ServerLog:
    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self._rest = ""
        self.acts: list[tuple[float, str]] = []
        """Time and user of each action, in the order of time."""
        self.latencies: list[tuple[float, float]] = []
        """Time and milliseconds, as the pages measured them."""
        self.first_acts: dict[str, float] = {}
        self.agents: dict[str, str] = {}
        """The user agent with which each user's socket was opened."""
        self.sockets: list[tuple[float, int]] = [(0.0, 0)]
        """How many were open, from each moment at which that changed."""

    def read(self) -> None:
        """Takes in what was written since the last time."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            kind, time, user, *words = line.split(" ")
            moment = float(time)
            if kind == "act":
                self.acts.append((moment, user))
                self.first_acts.setdefault(user, moment)
                if words[1] != "-":
                    self.latencies.append((moment, float(words[1])))
            else:
                self.sockets.append((moment, self.sockets[-1][1] + (1 if kind == "open" else -1)))
                if kind == "open":
                    self.agents[user] = unquote(words[0])

    @property
    def sockets_open(self) -> int:
        return self.sockets[-1][1]

    def acts_between(self, begin: float, end: float) -> int:
        return bisect_left(self.acts, (end,)) - bisect_left(self.acts, (begin,))

    def users_between(self, begin: float, end: float) -> int:
        return len({user for _, user in self.acts[bisect_left(self.acts, (begin,)) : bisect_left(self.acts, (end,))]})

    def latencies_between(self, begin: float, end: float) -> list[float]:
        first, last = bisect_left(self.latencies, (begin,)), bisect_left(self.latencies, (end,))
        return [ms for _, ms in self.latencies[first:last]]

    def sockets_min(self, begin: float, end: float) -> int:
        """The fewest that were open at any moment between the two."""
        first, last = bisect_left(self.sockets, (begin,)), bisect_left(self.sockets, (end,))
        return min((count for _, count in self.sockets[max(0, first - 1) : last]), default=0)

    def sockets_max(self) -> int:
        return max(count for _, count in self.sockets)
