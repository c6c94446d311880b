"""What a page sends, see page/channel.js. Pages under test are strangers: everything is typed and bounded."""

import msgspec

from carga.engines.engine import InputKind

VALUES_PER_METRIC_MAX = 5000
INPUTS_MAX = 50
METRIC_NAME_MAX = 200
BATCH_CHARACTERS_MAX = 2_000_000

Values = list[float]


class Started(msgspec.Struct, frozen=True):
    """A document has started."""

    url: str


class CarriedStep(msgspec.Struct, frozen=True):
    """A step that is open while its document goes away, and its duration so far in ms. Without a name: it has ended."""

    name: str
    ms: float


class Batch(msgspec.Struct, frozen=True):
    values: dict[str, Values] = msgspec.field(default={}, name="v")
    failures: dict[str, int] = msgspec.field(default={}, name="f")
    units: dict[str, str] = msgspec.field(default={}, name="u")
    counters: dict[str, int] = msgspec.field(default={}, name="c")
    undecided: list[tuple[str, str, float, bool]] = msgspec.field(default=[], name="r")
    """Requests without a status: (kind, URL, ms, whether the page may know its status)."""
    unopened: list[str] = msgspec.field(default=[], name="o")
    """URLs of WebSockets that failed to open."""
    causes: list[tuple[str, str, str, str]] = msgspec.field(default=[], name="x")
    pictures: list[tuple[str, str]] = msgspec.field(default=[], name="e")
    inputs: list[tuple[InputKind, msgspec.Raw]] = msgspec.field(default=[], name="i")
    log: list[str] = msgspec.field(default=[], name="l")
    memory: str | None = msgspec.field(default=None, name="m")
    iteration: int | None = msgspec.field(default=None, name="n")
    """How often the behaviour was called."""
    websockets_open: int | None = msgspec.field(default=None, name="w")
    started: Started | None = msgspec.field(default=None, name="h")
    trial: tuple[str, float, str] | None = msgspec.field(default=None, name="t")
    """In a trial, a step that has ended: (name, ms, problem); without a name it is the iteration."""
    pace_due_ms: float | None = msgspec.field(default=None, name="p")
    """The document goes away: until its user's next iteration is due, negative when it is late."""
    carried: CarriedStep | None = msgspec.field(default=None, name="s")


_decoder = msgspec.json.Decoder(Batch)


def read_batch(payload: str) -> Batch | None:
    """None for anything that the runtime does not send."""
    if len(payload) > BATCH_CHARACTERS_MAX:
        return None
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
