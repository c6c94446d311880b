"""Reads `run.db` into a `Record`, in memory that grows with the seconds of a run and not with its workers.

Windows are read in the order of the run's seconds. Those of one second are merged and then reduced to points; full
histograms exist for the whole run only. What cannot be decoded, or contradicts itself, is left out and counted.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from carga.errors import JournalError
from carga.model.duration import DURATION_S_MAX
from carga.model.histogram import Histogram
from carga.model.parts import is_part
from carga.model.plan import Plan
from carga.model.totals import Totals
from carga.model.windows import Area, Gauges, Metric, Window, merge_causes, merge_counts, merge_metrics
from carga.results.database import META_KEYS, SCHEMA_VERSION, open_for_reading
from carga.results.machine import Machine
from carga.results.timeline import Timeline

DATABASE = "run.db"
EVIDENCE = "evidence"
EVENTS_MAX = 100_000
EVIDENCE_MAX = 1000
META_BYTES_MAX = 64 * 1024 * 1024
COUNT_MAX = 2**53
"""Larger counts cannot be written as JSON numbers; nothing real reaches them."""
SECOND_MAX = int(DURATION_S_MAX)
_BUCKET_MAX = 1023 * 128
"""Buckets beyond the range of a float do not come from a measurement."""
_LOAD_OVER = ("draining", "finished")
_RECOVER = 'Copy the file and try to save it with `sqlite3 run.db ".recover"`.'

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_window_decoder: "msgspec.msgpack.Decoder[Window]" = msgspec.msgpack.Decoder(Window)


class Meta(msgspec.Struct, frozen=True):
    """The table `meta`, see META_KEYS."""

    run: str = ""
    plan_file: str = ""
    plan_text: str = ""
    behaviours: dict[str, str] = {}
    started_at: str = ""
    carga: str = ""
    machine: Machine = Machine()
    browsers: dict[str, str] = {}
    elapsed_s: float = 0.0
    state: str = ""
    ended: str = ""
    ended_detail: str = ""
    forced: str = ""


class Event(msgspec.Struct, frozen=True):
    elapsed_s: float
    kind: str
    worker: str
    count: int
    message: str


class EvidenceRow(msgspec.Struct, frozen=True):
    file: str
    user: int
    second: int
    name: str
    message: str


@dataclass(frozen=True)
class Record:
    """Everything that a run left behind."""

    folder: Path
    meta: Meta
    plan: Plan
    totals: Totals
    timeline: Timeline
    events: list[Event]
    evidence: list[EvidenceRow]
    users_refused: frozenset[int]
    """Users that could not be started at least once."""
    windows: int
    windows_damaged: int
    """Left out of everything above."""

    @property
    def duration_s(self) -> float:
        """Of the load: what comes after the plan's end, or after a stop, is clearing up."""
        load_s = self.meta.elapsed_s
        if self.meta.state not in _LOAD_OVER and self.timeline.second:
            load_s = max(load_s, self.timeline.second[-1] + 1.0)  # a coordinator that died wrote it some time before
        return min(load_s, self.plan.duration_s)

    @property
    def ended(self) -> tuple[str, str]:
        """Why the run ended and its detail; a journal that simply stops is an interrupted run."""
        meta = self.meta
        if not meta.ended and meta.state != "finished" and self.duration_s < self.plan.duration_s:
            return "interrupted", f"the journal ends after {self.duration_s:.0f} s of {self.plan.duration_s:.0f} s"
        return meta.ended, meta.ended_detail


def read_record(out: Path) -> Record:
    """Reads the run folder `out`. Raises JournalError when there is no run that can be read."""
    path = out / DATABASE
    if not path.is_file():
        raise JournalError(f"{path} does not exist.", "Name the folder that a run was written to.")
    try:
        with closing(_open(path)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            connection.isolation_level = None
            connection.execute("BEGIN")  # one snapshot, even while a coordinator writes
            return _read(connection, out, path)
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be read: {error}.", _remedy(error)) from error


def _remedy(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")  # errors of the module itself have none
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _RECOVER
    return "Check that the file may be read and that the disk has room."


def _open(path: Path) -> sqlite3.Connection:
    connection = open_for_reading(path)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        connection.close()
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        # SQLite cannot make its shared memory in a folder that is full or not ours to write, and needs none here.
        return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
    return connection


def _read(connection: sqlite3.Connection, out: Path, path: Path) -> Record:
    texts = _meta_texts(connection, path)
    meta = _decode_meta(texts, path)
    plan = _decode(texts.get("plan", ""), Plan, "plan", path)
    reader = _WindowReader()
    reader.read(connection)
    return Record(
        folder=out,
        meta=meta,
        plan=plan,
        totals=reader.totals,
        timeline=reader.timeline,
        events=list(
            _rows(connection, "elapsed_s, kind, worker, count, message", "events ORDER BY id", Event, EVENTS_MAX)
        ),
        evidence=list(
            _rows(
                connection,
                "file, user, second, name, message",
                "evidence ORDER BY second, file",
                EvidenceRow,
                EVIDENCE_MAX,
            )
        ),
        users_refused=frozenset(reader.refused),
        windows=reader.read_count,
        windows_damaged=reader.damaged,
    )


def _meta_texts(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"meta", "windows", "events", "evidence"} <= tables:
        raise JournalError(f"{path} holds no run of carga.", "Name the folder that a run was written to.")
    (size,) = connection.execute("SELECT sum(length(value)) FROM meta").fetchone()
    if (size or 0) > META_BYTES_MAX:
        raise JournalError(f"{path} describes its run in {size} bytes; {META_BYTES_MAX} is the limit.", _RECOVER)
    texts = {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    schema = texts.get("schema")
    if schema is None:
        raise JournalError(f"{path} holds no run: it ended before the run was written down.", "Run the plan again.")
    if schema != str(SCHEMA_VERSION):
        raise JournalError(
            f"{path} has schema {schema[:20]}, this version of carga reads schema {SCHEMA_VERSION}.",
            f"Use the version of carga that wrote it ({texts.get('carga', 'unknown')[:40]}).",
        )
    return texts


def _decode_meta(texts: dict[str, str], path: Path) -> Meta:
    values: dict[str, object] = {key: texts[key] for key in META_KEYS if key in texts and key not in ("schema", "plan")}
    for key, type_ in (("behaviours", dict[str, str]), ("browsers", dict[str, str]), ("machine", Machine)):
        if key in values:
            values[key] = _decode(str(values[key]), type_, key, path)  # type: ignore[type-var]
    try:
        return msgspec.convert(values, Meta, strict=False)
    except msgspec.ValidationError as error:
        raise JournalError(f"{path} is damaged: {error}.", _RECOVER) from error


def _decode(text: str, type_: type[_Struct], key: str, path: Path) -> _Struct:
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise JournalError(f"{path} is damaged: its {key} cannot be read ({error}).", _RECOVER) from error


def _rows(
    connection: sqlite3.Connection, columns: str, source: str, type_: type[_Struct], limit: int
) -> Iterator[_Struct]:
    """Rows whose columns are of the right types; others are left out."""
    names = columns.split(", ")
    for row in connection.execute(f"SELECT {columns} FROM {source} LIMIT ?", (limit,)):  # noqa: S608 - our own names
        try:
            yield msgspec.convert(dict(zip(names, row, strict=True)), type_)
        except msgspec.ValidationError:
            continue


class _WindowReader:
    """Merges the windows of each second, then that second into the run."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.timeline = Timeline()
        self.refused: set[int] = set()
        self.read_count = 0
        self.damaged = 0

    def read(self, connection: sqlite3.Connection) -> None:
        # Keys alone are sorted, so that SQLite never has to sort payloads in a temporary file.
        keys = connection.execute("SELECT second, worker, seq FROM windows ORDER BY second, worker, seq")
        pending: list[Window] = []
        for second, worker, seq in keys:
            payload = connection.execute(
                "SELECT payload FROM windows WHERE worker = ? AND seq = ?", (worker, seq)
            ).fetchone()
            self.read_count += 1
            window = _decode_window(payload[0] if payload else None)
            if window is None or window.second != second:
                self.damaged += 1
                continue
            if pending and pending[0].second != second:
                self._close_second(pending)
                pending = []
            pending.append(window)
        if pending:
            self._close_second(pending)

    def _close_second(self, windows: list[Window]) -> None:
        metrics: dict[str, Metric] = {}
        counters: dict[str, int] = {}
        causes: dict[Area, dict[str, int]] = {}
        gauges: dict[str, Gauges] = {}
        dropped = 0
        for window in windows:
            if metrics:
                dropped += merge_metrics(metrics, window.metrics)
            else:
                metrics = window.metrics
            merge_counts(counters, window.counters)
            merge_causes(causes, window.causes)
            gauges[window.worker] = window.gauges
            self.totals.strain.add(window)  # as long as its metrics are there
            window.metrics = {}  # merged into the second above, which is merged into the totals below: half the work
            self.totals.add(window)
            self.refused.update(change.index for change in window.users if change.state == "failed")
        dropped += merge_metrics(self.totals.metrics, metrics)
        self.totals.counters["metrics_dropped"] += dropped
        self.timeline.append(windows[0].second, metrics, counters, causes, gauges)


def _decode_window(payload: object) -> Window | None:
    if not isinstance(payload, bytes):
        return None
    try:
        window = _window_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return window if _is_sound(window) else None


def _is_sound(window: Window) -> bool:
    """Whether nothing in a window contradicts itself, so that percentiles and sums of it exist."""
    counts = [*window.counters.values(), *(count for causes in window.causes.values() for count in causes.values())]
    return (
        0 <= window.second <= SECOND_MAX
        and all(0 <= count <= COUNT_MAX for count in counts)
        and all(map(is_part, window.parts))
        and all(
            0 <= metric.failed <= COUNT_MAX and _is_whole(metric.values)
            for metrics in (window.metrics, *window.parts.values())
            for metric in metrics.values()
        )
        and 0 <= window.gauges.users_running <= COUNT_MAX
        and 0 <= window.gauges.websockets_open <= COUNT_MAX
        and 0 <= window.gauges.browsers <= COUNT_MAX
    )


def _is_whole(values: Histogram) -> bool:
    buckets = values.buckets
    if not buckets:
        return values.count == values.zeros and 0 <= values.zeros <= COUNT_MAX
    return (
        0 <= values.zeros <= COUNT_MAX
        and values.count == values.zeros + sum(buckets.values())
        and values.count <= COUNT_MAX
        and min(buckets.values()) > 0
        and min(buckets) >= -_BUCKET_MAX
        and max(buckets) <= _BUCKET_MAX
        and 0.0 <= values.min <= values.max
    )
