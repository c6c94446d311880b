"""What the coordinator's state machine hears (events) and what it wants done (actions)."""

from typing import TypeAlias

import msgspec

from carga.model.summary import Verdict
from carga.wire.messages import FromCoordinator, FromWorker

# --- events ---------------------------------------------------------------------------------------------


class WorkerSaid(msgspec.Struct, frozen=True):
    """`connection` numbers connections; a worker that reconnects has another one."""

    connection: int
    message: FromWorker


class WorkerBroke(msgspec.Struct, frozen=True):
    """What came over the connection is not a message."""

    connection: int
    problem: str


class WorkerLeft(msgspec.Struct, frozen=True):
    connection: int


class Tick(msgspec.Struct, frozen=True):
    """Time goes on."""


WindowKey: TypeAlias = tuple[str, int]
"""(worker, seq)"""


class WindowsStored(msgspec.Struct, frozen=True):
    """These windows are on disk."""

    keys: list[WindowKey]


class WindowsDropped(msgspec.Struct, frozen=True):
    """There was no room for these windows while the disk took nothing; their workers still have them."""

    keys: list[WindowKey]


class EvidenceStored(msgspec.Struct, frozen=True):
    file: str
    user: int
    second: int
    name: str
    message: str


class JournalFailed(msgspec.Struct, frozen=True):
    problem: str


class JournalRecovered(msgspec.Struct, frozen=True):
    pass


class StopRequested(msgspec.Struct, frozen=True):
    """The first drains the run, the second aborts it."""

    detail: str


class PictureWanted(msgspec.Struct, frozen=True):
    request: int
    user: int


class PictureExpired(msgspec.Struct, frozen=True):
    request: int


class ResultsWritten(msgspec.Struct, frozen=True):
    verdict: Verdict
    reasons: list[str]
    exit_code: int
    report: str | None


Event: TypeAlias = (
    WorkerSaid
    | WorkerBroke
    | WorkerLeft
    | Tick
    | WindowsStored
    | WindowsDropped
    | EvidenceStored
    | JournalFailed
    | JournalRecovered
    | StopRequested
    | PictureWanted
    | PictureExpired
    | ResultsWritten
)

# --- actions --------------------------------------------------------------------------------------------


class Send(msgspec.Struct, frozen=True):
    connection: int
    message: FromCoordinator


class Close(msgspec.Struct, frozen=True):
    """After everything that was sent before."""

    connection: int
    reason: str


class StoreWindow(msgspec.Struct, frozen=True):
    worker: str
    seq: int
    second: int
    payload: bytes


class StoreEvent(msgspec.Struct, frozen=True):
    elapsed_s: float
    kind: str
    worker: str = ""
    count: int = 0
    message: str = ""


class StoreMeta(msgspec.Struct, frozen=True):
    values: dict[str, str]


class StoreEvidence(msgspec.Struct, frozen=True):
    file: str
    user: int
    second: int
    name: str
    message: str
    image: bytes


class PictureTaken(msgspec.Struct, frozen=True):
    """Answer to PictureWanted; `problem` says why there is no image."""

    request: int
    image: bytes = b""
    problem: str = ""


class WriteResults(msgspec.Struct, frozen=True):
    """The run is over: close the journal, write the results, say ResultsWritten."""


Action: TypeAlias = Send | Close | StoreWindow | StoreEvent | StoreMeta | StoreEvidence | PictureTaken | WriteResults
