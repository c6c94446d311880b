"""What a child writes to stdout and stderr, kept in a file that cannot grow without end."""

import contextlib
import os
from pathlib import Path

LOG_BYTES_MAX = 8 * 1024 * 1024
"""At this size the file becomes NAME.1 (replacing an older one) and a new one starts: two files at most."""
TAIL_LINES = 20
_TAIL_BYTES = 8192
_READ_BYTES = 65_536


class ChildLog:
    """Reads the pipe of a child into a file. `write_end` goes to the child."""

    def __init__(self, path: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._bytes_max = bytes_max
        self._file = path.open("ab", buffering=0)
        self._tail = b""
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)

    def child_started(self) -> None:
        """Only the child holds the write end from now on."""
        os.close(self.write_end)

    def pump(self) -> bool:
        """Moves what is in the pipe to the file. False at its end."""
        while True:
            try:
                data = os.read(self.read_end, _READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._write(data)

    def _write(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        with contextlib.suppress(OSError):  # a full disk must not end the run that the log is about
            if self._file.tell() + len(data) > self._bytes_max:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                full, self._file = self._file, self.path.open("ab", buffering=0)
                full.close()
            self._file.write(data)

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._tail.decode(errors="replace").splitlines()[-TAIL_LINES:])

    def close(self) -> None:
        os.close(self.read_end)
        self._file.close()
