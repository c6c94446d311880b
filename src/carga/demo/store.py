"""What the guide keeps: SQLite in a file, small indexed queries that take well under a millisecond each.

Everything is called on the event loop. Nothing here has to outlive the process, so SQLite never waits for the disk.
"""

import sqlite3
import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from carga.demo.content import DAY_S, HALF_HOUR_S, Channel, Genre, channels, programmes, titles

DAYS_BEFORE, DAYS_AFTER = 1, 7
"""How far from today the guide reaches; days are written when somebody first asks for them."""
DAYS_AT_START = 3
LONGEST_S = 5 * HALF_HOUR_S
"""No programme is longer, so a query looks no further back than this."""
HITS_MAX = 20
AGAIN_MAX = 4

Volume = Annotated[int, msgspec.Meta(ge=0, le=100)]
Audio = Literal["original", "pt", "en", "es"]
Subtitles = Literal["off", "pt", "en", "es"]


class Settings(msgspec.Struct, frozen=True):
    volume: Volume = 40
    audio: Audio = "original"
    subtitles: Subtitles = "off"


class SettingsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a viewer changes; None leaves as it is."""

    volume: Volume | None = None
    audio: Audio | None = None
    subtitles: Subtitles | None = None


class GuideEntry(msgspec.Struct, frozen=True, array_like=True):
    """A cell of the grid; as an array, because a guide has hundreds."""

    id: int
    channel: int
    title: str
    genre: Genre
    starts_s: int
    ends_s: int


class Details(msgspec.Struct, frozen=True):
    id: int
    channel: int
    title_id: int
    title: str
    genre: Genre
    line: str
    year: int
    people: tuple[int, ...]
    episode: str
    starts_s: int
    ends_s: int
    again: tuple[GuideEntry, ...] = ()


_SCHEMA = """
CREATE TABLE channels (number INTEGER PRIMARY KEY, name TEXT, genre TEXT, hue INTEGER, hd INTEGER);
CREATE TABLE titles (id INTEGER PRIMARY KEY, name TEXT, genre TEXT, line TEXT, year INTEGER, people TEXT);
CREATE TABLE programmes (
    id INTEGER PRIMARY KEY, channel INTEGER, title INTEGER, starts_s INTEGER, ends_s INTEGER, episode TEXT
);
CREATE INDEX programmes_by_time ON programmes (starts_s);
CREATE INDEX programmes_by_channel ON programmes (channel, starts_s);
CREATE INDEX programmes_by_title ON programmes (title, starts_s);
CREATE TABLE settings (subscriber TEXT PRIMARY KEY, volume INTEGER, audio TEXT, subtitles TEXT) WITHOUT ROWID;
CREATE TABLE sessions (subscriber TEXT PRIMARY KEY, started_s INTEGER, visits INTEGER) WITHOUT ROWID;
"""
_ENTRY = (
    "SELECT p.id, p.channel, t.name, t.genre, p.starts_s, p.ends_s FROM programmes p JOIN titles t ON t.id = p.title"
)


class Store:
    """Opens a new database at `path`; one that is there from an earlier time is replaced."""

    def __init__(self, path: Path, *, now_s: float | None = None) -> None:
        for old in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            old.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "temp_store = MEMORY"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self.channels: list[Channel] = channels()
        self._db.executemany("INSERT INTO channels VALUES (?, ?, ?, ?, ?)", map(msgspec.structs.astuple, self.channels))
        self._db.executemany(
            "INSERT INTO titles VALUES (?, ?, ?, ?, ?, ?)",
            ((t.id, t.name, t.genre, t.line, t.year, ",".join(map(str, t.people))) for t in titles()),
        )
        today_s = int(now_s if now_s is not None else time.time()) // DAY_S * DAY_S
        self._begins_s = self._ends_s = today_s - DAYS_BEFORE * DAY_S
        self._write_until(today_s + DAYS_AT_START * DAY_S)

    def close(self) -> None:
        self._db.close()

    def guide(self, from_s: int, to_s: int, channel: int | None) -> list[GuideEntry]:
        """Programmes that are on at some time in between, by channel and time. Outside what is kept: nothing."""
        self._write_until(min(to_s, int(time.time()) + DAYS_AFTER * DAY_S))
        if channel is None:
            rows = self._db.execute(
                f"{_ENTRY} WHERE p.starts_s > ? AND p.starts_s < ? AND p.ends_s > ? ORDER BY p.channel, p.starts_s",
                (from_s - LONGEST_S, to_s, from_s),
            )
        else:
            rows = self._db.execute(
                f"{_ENTRY} WHERE p.channel = ? AND p.starts_s > ? AND p.starts_s < ? AND p.ends_s > ? "
                "ORDER BY p.starts_s",
                (channel, from_s - LONGEST_S, to_s, from_s),
            )
        return [GuideEntry(*row) for row in rows]

    def programme(self, programme_id: int, *, again: bool) -> Details | None:
        """One programme; with `again`, when it is shown later."""
        row = self._db.execute(
            "SELECT p.id, p.channel, t.id, t.name, t.genre, t.line, t.year, t.people, p.episode, p.starts_s, p.ends_s "
            "FROM programmes p JOIN titles t ON t.id = p.title WHERE p.id = ?",
            (programme_id,),
        ).fetchone()
        if row is None:
            return None
        people = tuple(map(int, row[7].split(",")))
        columns = (*row[:7], people, *row[8:])
        found = Details(*columns)
        if not again:
            return found
        others = self._db.execute(
            f"{_ENTRY} WHERE p.title = ? AND p.starts_s > ? ORDER BY p.starts_s LIMIT ?",
            (found.title_id, max(found.starts_s, int(time.time())), AGAIN_MAX),
        )
        return msgspec.structs.replace(found, again=tuple(GuideEntry(*other) for other in others))

    def search(self, words: str, now_s: int) -> list[GuideEntry]:
        """The next showing of each title that has `words` in its name."""
        pattern = words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        rows = self._db.execute(
            "SELECT p.id, p.channel, t.name, t.genre, min(p.starts_s), p.ends_s "
            "FROM titles t JOIN programmes p ON p.title = t.id AND p.starts_s > ? AND p.ends_s > ? "
            r"WHERE t.name LIKE ? ESCAPE '\' GROUP BY t.id ORDER BY 5 LIMIT ?",
            (now_s - LONGEST_S, now_s, f"%{pattern}%", HITS_MAX),
        )
        return [GuideEntry(*row) for row in rows]

    def settings(self, subscriber: str) -> Settings:
        row = self._db.execute(
            "SELECT volume, audio, subtitles FROM settings WHERE subscriber = ?", (subscriber,)
        ).fetchone()
        return Settings(*row) if row else Settings()

    def change_settings(self, subscriber: str, change: SettingsChange) -> Settings:
        changed = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        settings = msgspec.structs.replace(self.settings(subscriber), **changed)
        self._db.execute(
            "INSERT INTO settings VALUES (?, ?, ?, ?) ON CONFLICT (subscriber) DO UPDATE "
            "SET volume = excluded.volume, audio = excluded.audio, subtitles = excluded.subtitles",
            (subscriber, settings.volume, settings.audio, settings.subtitles),
        )
        return settings

    def begin_session(self, subscriber: str, now_s: int) -> int:
        """How often this subscriber has logged in, this time included."""
        row = self._db.execute(
            "INSERT INTO sessions VALUES (?, ?, 1) ON CONFLICT (subscriber) DO UPDATE "
            "SET started_s = excluded.started_s, visits = visits + 1 RETURNING visits",
            (subscriber, now_s),
        ).fetchone()
        return int(row[0])

    def _write_until(self, end_s: int) -> None:
        if end_s <= self._ends_s:
            return
        days = -(-(end_s - self._ends_s) // DAY_S)
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO programmes (channel, title, starts_s, ends_s, episode) VALUES (?, ?, ?, ?, ?)",
            map(msgspec.structs.astuple, programmes(self._ends_s, days)),
        )
        self._db.execute("COMMIT")
        self._ends_s += days * DAY_S
