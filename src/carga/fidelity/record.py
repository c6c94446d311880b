"""What was seen of one user: by the network, and in its page at the end."""

import msgspec

EXCHANGES_MAX = 20_000
MESSAGES_MAX = 50_000
"""Of a user. What comes after is passed on and counted in `not_recorded`."""


class Exchange(msgspec.Struct):
    """One HTTP request or WebSocket handshake, in the order of their beginnings."""

    method: str
    """`WS` for a WebSocket."""
    url: str
    """By shape, see `shape.url_shape`."""
    headers: list[tuple[str, str]]
    """(name in lower case, shape of the value) in their order."""
    body: str = ""
    """By shape."""
    status: int = 0
    """0: no answer came."""


class Message(msgspec.Struct, frozen=True):
    url: str
    """Of its WebSocket, by shape."""
    sent: bool
    """By the page; else received by it."""
    shape: str


class PageState(msgspec.Struct, frozen=True):
    """The document at the end. Everything by shape, with how often."""

    title: str = ""
    url: str = ""
    elements: dict[str, int] = {}
    """`main > div.card`."""
    texts: dict[str, int] = {}
    foreign: dict[str, int] = {}
    """Origins other than the page's own that it loaded from or points to."""


class UserRecord(msgspec.Struct):
    index: int
    exchanges: list[Exchange] = []
    messages: list[Message] = []
    outcomes: dict[str, int] = {}
    """`step zap: ok`, `step zap: failed`, `iteration: ok`, `page: lost` with how often."""
    errors: dict[str, int] = {}
    """Of the page, by shape."""
    page: PageState | None = None
    """None when there was no page to ask."""
    not_recorded: int = 0
    rewritten: dict[str, int] = {}
    """Answers that named the target's origin, by URL shape: they were made to name the recorder's."""
    unanswered: int = 0
    """Requests that the target did not answer."""


class Side(msgspec.Struct, frozen=True):
    """All users in one engine and rendering."""

    engine: str
    isolation: str
    rendering: str
    version: str
    users: list[UserRecord]
