"""Pictures of failures from the run folder, as many as a report can carry."""

from dataclasses import dataclass

from carga.results.read import EVIDENCE, EvidenceRow, Record

BYTES_MAX = 5 * 1024 * 1024
"""Of all pictures in a report together; the others stay in the folder."""
PICTURES_MAX = 24

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


@dataclass(frozen=True)
class Picture:
    row: EvidenceRow
    media_type: str
    image: bytes


def pictures(record: Record) -> list[Picture]:
    """Different failures first, so that one frequent failure does not crowd out the others."""
    found: list[Picture] = []
    room = BYTES_MAX
    for row in _varied(record.evidence):
        if len(found) >= PICTURES_MAX:
            break
        picture = _load(record, row, room)
        if picture is not None:
            found.append(picture)
            room -= len(picture.image)
    return sorted(found, key=lambda picture: (picture.row.second, picture.row.file))


def _varied(rows: list[EvidenceRow]) -> list[EvidenceRow]:
    """Round after round, one of each failure."""
    seen: dict[tuple[str, str], int] = {}
    rounds: list[tuple[int, EvidenceRow]] = []
    for row in rows:
        key = (row.name, row.message)
        seen[key] = seen.get(key, 0) + 1
        rounds.append((seen[key], row))
    return [row for _, row in sorted(rounds, key=lambda entry: entry[0])]


def _load(record: Record, row: EvidenceRow, room: int) -> Picture | None:
    """None for what is missing, too large, no picture, or outside of the folder of evidence."""
    folder = (record.folder / EVIDENCE).resolve()
    try:
        path = (folder / row.file).resolve()
        if not path.is_relative_to(folder) or not path.is_file() or path.stat().st_size > room:
            return None
        image = path.read_bytes()
    except (OSError, ValueError):
        return None
    media_type = next((kind for signature, kind in _SIGNATURES if image.startswith(signature)), None)
    return Picture(row, media_type, image) if media_type else None
