"""The messages between worker and coordinator: MessagePack over one WebSocket, one message a frame.

Every message is a tagged struct. `Hello.protocol` and `Welcome.protocol` carry the version; two ends of
different versions part with a `Refuse` that says so. Times on the wire are durations in seconds or
milliseconds, never clock readings, so clocks are not compared between machines.

The life of a connection:

    worker                          coordinator
    Hello(token, running users) --> checks token and version, adopts the users
                                <-- Welcome(lease, run so far, plan) or Refuse
    Renew(number)               --> counts the lease from when it *answers*
                                <-- Granted(number): the worker counts the lease from when it *sent* Renew(number)
                                <-- Assign(users) / Release(users)
    Window(seq)                 --> journal, on disk
                                <-- Ack(seqs)
    Freed(users)                --> only now, or when the lease ended, may others get these users
    Evidence, Picture           -->
                                <-- TakePicture
                                <-- Finish: stop all users, send what is left, then Goodbye
    Goodbye                     --> all windows acknowledged, no user runs
"""

from typing import TypeAlias, TypeVar

import msgspec

from carga.errors import ProtocolError
from carga.model.plan import Plan
from carga.model.windows import Window

PROTOCOL = 1
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""A longer message is refused on both ends. A picture or a window of 2,000 users is far below."""
EVIDENCE_BYTES_MAX = 2 * 1024 * 1024


class UserSpec(msgspec.Struct, frozen=True):
    """One user as its worker needs it: everything is filled in."""

    index: int
    group: int
    """Position in `Plan.groups`."""
    assignment: int
    """Grows with every assignment of any user in the run; tells an old run of a user from a new one."""
    url: str
    identity: dict[str, str]
    user_agent: str = ""
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    """Name to value of the group's cookies, filled in."""


class Running(msgspec.Struct, frozen=True, array_like=True):
    """A user that a worker runs (starts, runs or stops)."""

    index: int
    assignment: int


# --- from the worker ---------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    protocol: int
    token: str
    worker: str
    """Unique for each worker process."""
    users_max: int
    """How many users this worker takes."""
    host: str = ""
    carga: str = ""
    running: list[Running] = []
    """Users that still run because the lease has not ended: a reconnect."""
    elapsed_s: float | None = None
    """The run's time as this worker counts it; None when it is new."""
    unacknowledged: int = 0
    pid: int = 0
    browsers: dict[str, str] = {}
    """Engine to version."""


class Renew(msgspec.Struct, frozen=True, tag="renew"):
    number: int


class WindowMessage(msgspec.Struct, frozen=True, tag="window"):
    window: Window


class Freed(msgspec.Struct, frozen=True, tag="freed"):
    """These users do not run here any more."""

    users: list[Running]


class Picture(msgspec.Struct, frozen=True, tag="picture"):
    """Answer to TakePicture. `image` is PNG or JPEG, empty when it failed; then `problem` says why."""

    request: int
    image: bytes = b""
    problem: str = ""


class Evidence(msgspec.Struct, frozen=True, tag="evidence"):
    """What a failure looked like."""

    user: int
    second: int
    name: str
    """Step or behaviour, and what failed."""
    message: str
    image: bytes = b""


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye"):
    """The worker has nothing left to say."""


FromWorker: TypeAlias = Hello | Renew | WindowMessage | Freed | Picture | Evidence | Goodbye


# --- from the coordinator ------------------------------------------------------------------------------


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    protocol: int
    run: str
    lease_s: float
    elapsed_s: float
    """The run's time now. Before the run starts: 0."""
    plan: Plan
    behaviours: dict[str, str]
    """Path as the plan names it, to source text."""
    keep: list[int] = []
    """Of the users in `Hello.running`, those that stay with this worker. It stops all others."""
    windows_stored: int = 0
    """Highest seq of this worker that the journal has with no gap below."""


class Refuse(msgspec.Struct, frozen=True, tag="refuse"):
    """`code`: "token", "protocol", "over", "duplicate"."""

    code: str
    message: str


class Granted(msgspec.Struct, frozen=True, tag="granted"):
    number: int


class Assign(msgspec.Struct, frozen=True, tag="assign"):
    users: list[UserSpec]


class Release(msgspec.Struct, frozen=True, tag="release"):
    users: list[Running]


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    seqs: list[int]


class TakePicture(msgspec.Struct, frozen=True, tag="take-picture"):
    request: int
    user: int


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """Stop every user within `grace_s`, send the windows, then Goodbye."""

    grace_s: float


FromCoordinator: TypeAlias = Welcome | Refuse | Granted | Assign | Release | Ack | TakePicture | Finish


_Message = TypeVar("_Message")

_encoder = msgspec.msgpack.Encoder()
_from_worker: "msgspec.msgpack.Decoder[FromWorker]" = msgspec.msgpack.Decoder(FromWorker)
_from_coordinator: "msgspec.msgpack.Decoder[FromCoordinator]" = msgspec.msgpack.Decoder(FromCoordinator)


def encode(message: FromWorker | FromCoordinator) -> bytes:
    return _encoder.encode(message)


def decode_from_worker(data: bytes) -> FromWorker:
    """Raises ProtocolError on anything that is not one whole message of a worker."""
    return _decode(_from_worker, data)


def decode_from_coordinator(data: bytes) -> FromCoordinator:
    """Raises ProtocolError on anything that is not one whole message of a coordinator."""
    return _decode(_from_coordinator, data)


def _decode(decoder: msgspec.msgpack.Decoder[_Message], data: bytes) -> _Message:
    if len(data) > MESSAGE_BYTES_MAX:
        raise ProtocolError(f"a message of {len(data)} bytes exceeds the limit of {MESSAGE_BYTES_MAX}.")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(
            f"a message of {len(data)} bytes cannot be read: {error}.",
            "Run the same version of carga on both ends.",
        ) from error
