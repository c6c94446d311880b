"""The worker's end of its watchdog, see `watchdog.py`."""

import contextlib
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("watchdog.py")
END_TIMEOUT_S = 5.0
"""What it does then goes on without us."""


class Guard:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # what is sent to the worker's group is not for it
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin

    def allow(self, seconds: float, browsers: list[int]) -> None:
        """These browsers (process groups) may go on for so long from now; the last word counts."""
        words = " ".join(map(str, (round(max(0.0, seconds), 3), *browsers)))
        self._say(words)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._pipe.write(f"{line}\n".encode())
            self._pipe.flush()

    def add_containers(self, owner: str) -> None:
        """Docker containers with this label are to be removed with the browsers."""
        self._say(f"containers {owner}")

    def end(self) -> None:
        """Kills what it still guards, and ends it."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
