"""How many pictures of failures a worker takes. A broken step fails thousands of times and looks the same."""

PER_NAME_MAX = 3
TOTAL_MAX = 20


class EvidenceLimits:
    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def admit(self, name: str) -> bool:
        """Whether a picture for `name` (a step, a behaviour) is still wanted; counts it."""
        if self._taken.get(name, 0) >= PER_NAME_MAX or sum(self._taken.values()) >= TOTAL_MAX:
            return False
        self._taken[name] = self._taken.get(name, 0) + 1
        return True
