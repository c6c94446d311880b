"""Pictures of failures: a bounded number of them, under names made here."""

from carga.coordinator.events import EvidenceStored, StoreEvidence
from carga.coordinator.users import DETAIL_LENGTH_MAX
from carga.wire.messages import EVIDENCE_BYTES_MAX, Evidence

FILES_MAX = 200
TOTAL_BYTES_MAX = 100_000_000
_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}


class EvidenceIntake:
    def __init__(self) -> None:
        self.stored: list[EvidenceStored] = []
        self._files = 0
        self._bytes = 0

    def restore(self, rows: list[tuple[str, int, int, str, str]]) -> None:
        """From the journal. Sizes are not looked up: the number of files limits them as well."""
        self.stored = [EvidenceStored(*row) for row in rows]
        self._files = len(rows)

    def take(self, evidence: Evidence, *, users: int, second_max: float) -> StoreEvidence | None:
        """None: no picture, no such user, or enough of them already."""
        size = len(evidence.image)
        kind = next((name for head, name in _KINDS.items() if evidence.image.startswith(head)), None)
        is_sound = 0 <= evidence.user < users and 0 <= evidence.second <= second_max
        if kind is None or not is_sound or size > EVIDENCE_BYTES_MAX:
            return None
        if self._files >= FILES_MAX or self._bytes + size > TOTAL_BYTES_MAX:
            return None
        self._files += 1
        self._bytes += size
        return StoreEvidence(
            file=f"{self._files:03d}-user-{evidence.user}.{kind}",
            user=evidence.user,
            second=evidence.second,
            name=evidence.name[:DETAIL_LENGTH_MAX],
            message=evidence.message[:DETAIL_LENGTH_MAX],
            image=evidence.image,
        )
