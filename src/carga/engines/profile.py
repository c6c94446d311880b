"""A browser's folder, and what becomes of the folders of workers that were killed.

The owner holds a lock on a file in the folder as long as it lives; the kernel takes the lock away from whoever dies,
however that happens. So a folder whose lock can be had belongs to nobody and may go.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "carga-browser-"
_LOCK = "owner.lock"
SWEPT_MAX = 50
"""Folders in one sweep; the next browser's start removes more."""
AGE_MIN_S = 60.0
"""A younger folder may be one that its owner has not locked yet."""


class Profile:
    """A new folder with `home` in it, locked for this process. Raises OSError when it cannot be made."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            (self.path / "home").mkdir()
            self._lock: int | None = os.open(
                self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def remove(self) -> None:
        """Safe to call again."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def sweep() -> int:
    """Removes folders whose owner is gone, SWEPT_MAX at most; returns how many. Other users' are left alone."""
    swept = 0
    for folder in _folders():
        if swept >= SWEPT_MAX:
            break
        with contextlib.suppress(OSError), _owned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _folders() -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Holds the folder's lock. Raises OSError when it is held by its owner or by another sweep, or may be soon."""
    # The temporary directory is open to all, so what lies there may be a trap: a link, or a pipe that nobody writes to.
    lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(lock)
        if not stat.S_ISREG(status.st_mode) or time.time() - status.st_mtime < AGE_MIN_S:
            raise BlockingIOError
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
