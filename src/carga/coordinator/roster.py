"""The workers that have ever joined this run, and their connections."""

from typing import Literal

from carga.coordinator.intake import SeqLog
from carga.model.windows import Gauges

WORKERS_MAX = 100_000
"""Processes that may join one run, those started again included."""

WorkerState = Literal["connected", "silent", "lost", "gone"]


class WorkerRecord:
    def __init__(self, id_: str, position: int) -> None:
        self.id = id_
        self.position = position
        self.process: tuple[str, int] | None = None
        """(host, pid): tells the process from an impostor. None: known from the journal only."""
        self.users_max = 0
        self.state: WorkerState = "silent"
        self.connection: int | None = None
        self.heard_at = 0.0
        """When it last said something."""
        self.log = SeqLog()
        self.applied_seq = 0
        """The last window whose news about users were taken."""
        self.gauges = Gauges()
        self.gauges_seq = 0
        self.full = ""
        """Why the worker takes no more users for now, as it said last; "": it does."""

    @property
    def host(self) -> str:
        return self.process[0] if self.process else ""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.id} on {self.host}" if self.host else self.id

    @property
    def is_active(self) -> bool:
        """May still run users."""
        return self.state in ("connected", "silent")


class Roster:
    def __init__(self) -> None:
        self.records: list[WorkerRecord] = []
        """By position, which never changes."""
        self._by_id: dict[str, WorkerRecord] = {}
        self._by_connection: dict[int, WorkerRecord] = {}

    def get(self, id_: str) -> WorkerRecord | None:
        return self._by_id.get(id_)

    def add(self, id_: str) -> WorkerRecord:
        record = WorkerRecord(id_, len(self.records))
        self.records.append(record)
        self._by_id[id_] = record
        return record

    def at(self, connection: int) -> WorkerRecord | None:
        return self._by_connection.get(connection)

    def connect(self, record: WorkerRecord, connection: int) -> int | None:
        """Returns the worker's connection before, which counts no more."""
        old = self.disconnect(record)
        record.connection = connection
        record.state = "connected"
        self._by_connection[connection] = record
        return old

    def disconnect(self, record: WorkerRecord) -> int | None:
        old, record.connection = record.connection, None
        if old is not None:
            del self._by_connection[old]
        return old

    def active(self) -> list[WorkerRecord]:
        return [record for record in self.records if record.is_active]

    def connected(self) -> list[WorkerRecord]:
        return [record for record in self.records if record.connection is not None]
