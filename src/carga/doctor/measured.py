"""What `carga doctor --measure` found out, kept for the check before a run.

One small JSON file for each host, engine, rendering, isolation and origin of the target, in the user's cache folder.
"""

import hashlib
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from carga.errors import CargaError
from carga.model.engines import BrowserKind

MEMORY_CHANGE_MAX = 0.1
"""A machine whose memory differs by more is another one, whatever it is called."""


class CacheUnwritable(CargaError):
    """The measurement cannot be kept."""

    code = "cache-unwritable"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    kind: BrowserKind
    origin: str
    users: int
    """That this machine holds."""
    limited_by: str
    """"CPU", "memory", "open files", or "measured": more were tried and were too many."""
    cores_per_user: float
    memory_mb_per_user: float
    base_cores: float = 0.0
    """That the machine used before any user ran."""
    held: int
    """The most users that were really tried and carried; `users` may go beyond."""
    timer_late_ms: float
    """With so many: the latest tenth of the timers, at the worst."""
    acts: str
    """What the users did, for people."""
    host: str = ""
    cores: int = 0
    memory_mb: float = 0.0
    measured_at: str = ""
    """ISO 8601, UTC."""
    carga: str = ""


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def save(measured: Measured) -> Path:
    """Returns where it is kept. Raises CacheUnwritable."""
    path = _path(measured.host, measured.kind, measured.origin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=2))
        temporary.replace(path)
    except OSError as error:
        raise CacheUnwritable(
            f"The measurement cannot be kept in {path.parent}: {error.strerror or error}.",
            "Make the folder writable, or set XDG_CACHE_HOME to one that is; the figures above are right all the same.",
        ) from error
    return path


def find(kind: BrowserKind, url: str, *, cores: int, memory_mb: float) -> Measured | None:
    """What was measured on this machine, if it still is the machine that it was."""
    try:
        measured = msgspec.json.decode(_path(socket.gethostname(), kind, origin_of(url)).read_bytes(), type=Measured)
    except (OSError, msgspec.MsgspecError):
        return None
    is_alike = measured.cores == cores and abs(measured.memory_mb - memory_mb) <= memory_mb * MEMORY_CHANGE_MAX
    return measured if is_alike else None


def folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "carga" / "capacity"


def _path(host: str, kind: BrowserKind, origin: str) -> Path:
    key = "\n".join((host, kind.engine, kind.rendering, kind.isolation, origin))
    return folder() / f"{kind.engine}-{kind.rendering}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
