"""What happens to a worker, and what it does about it."""

from typing import TypeAlias

import msgspec

from carga.model.engines import BrowserKind
from carga.model.windows import UserState
from carga.wire.messages import FromCoordinator, FromWorker, UserSpec

# --- events --------------------------------------------------------------------------------------------


class Connected(msgspec.Struct, frozen=True):
    """A connection to the coordinator is open; nothing was said on it yet."""


class Disconnected(msgspec.Struct, frozen=True):
    """The connection is gone."""


class Received(msgspec.Struct, frozen=True):
    message: FromCoordinator


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


class BrowserOpened(msgspec.Struct, frozen=True):
    browser: int


class BrowserFailed(msgspec.Struct, frozen=True):
    """It did not start."""

    browser: int
    reason: str


class BrowserLost(msgspec.Struct, frozen=True):
    """It was open and is gone with all its processes."""

    browser: int
    reason: str


class PageRunning(msgspec.Struct, frozen=True):
    """The user's first document has started."""

    index: int
    assignment: int
    browser: int


class PageFailed(msgspec.Struct, frozen=True):
    """The user's page could not be opened; nothing of it is left."""

    index: int
    assignment: int
    browser: int
    reason: str


class PageLost(msgspec.Struct, frozen=True):
    """The page was open and is gone."""

    index: int
    assignment: int
    browser: int
    reason: str


class PageClosed(msgspec.Struct, frozen=True):
    """The answer to ClosePage: nothing of the user runs any more."""

    index: int
    assignment: int


class MachineJudged(msgspec.Struct, frozen=True):
    """Once a second. `full` is why the machine takes no more users, "" when it does."""

    full: str
    release: int = 0
    """So many users are too many for its memory."""
    pace: float = 1.0
    """Share of the users that may usually be opened at once; one always may."""


class OutboxEmpty(msgspec.Struct, frozen=True):
    """Every window was acknowledged, and the last one of the run is among them."""


Event: TypeAlias = (
    Connected
    | Disconnected
    | Received
    | Tick
    | BrowserOpened
    | BrowserFailed
    | BrowserLost
    | PageRunning
    | PageFailed
    | PageLost
    | PageClosed
    | MachineJudged
    | OutboxEmpty
)


# --- actions -------------------------------------------------------------------------------------------


class Send(msgspec.Struct, frozen=True):
    """Dropped when there is no connection."""

    message: FromWorker


class OpenBrowser(msgspec.Struct, frozen=True):
    browser: int
    kind: BrowserKind
    user: UserSpec | None = None
    """The only one that it is for."""


class CloseBrowser(msgspec.Struct, frozen=True):
    browser: int


class KillBrowsers(msgspec.Struct, frozen=True):
    """All of them, at once: the lease is about to end."""


class OpenPage(msgspec.Struct, frozen=True):
    spec: UserSpec
    browser: int


class ClosePage(msgspec.Struct, frozen=True):
    index: int
    assignment: int
    grace_s: float


class Note(msgspec.Struct, frozen=True):
    """A user's state, for the window."""

    index: int
    state: UserState
    detail: str = ""


class Count(msgspec.Struct, frozen=True):
    counter: str


class SealLast(msgspec.Struct, frozen=True):
    """All users have ended: seal the last window, send it, and say OutboxEmpty when everything is acknowledged."""


class Exit(msgspec.Struct, frozen=True):
    code: int
    reason: str = ""


Action: TypeAlias = (
    Send | OpenBrowser | CloseBrowser | KillBrowsers | OpenPage | ClosePage | Note | Count | SealLast | Exit
)
