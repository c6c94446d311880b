"""What displays leave behind when their worker was killed: the sockets by which programs find them."""

import contextlib
import os
import socket
import time
from pathlib import Path

FOLDER = Path("/tmp/.X11-unix")  # noqa: S108 - where all of X looks for them
AGE_MIN_S = 60.0
"""A younger socket may be one on which its display does not listen yet."""
SWEPT_MAX = 200
"""In one sweep; the next browser's start removes more."""


def sweep_displays(owners: set[int]) -> int:
    """Removes sockets of `owners` on which nobody listens, SWEPT_MAX at most; returns how many."""
    swept = 0
    with contextlib.suppress(OSError):
        for path in sorted(FOLDER.iterdir()):
            if swept >= SWEPT_MAX:
                break
            with contextlib.suppress(OSError):
                status = path.lstat()
                if status.st_uid in owners and time.time() - status.st_mtime >= AGE_MIN_S and _is_dead(path):
                    path.unlink()
                    swept += 1
    return swept


def _is_dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(os.fspath(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
