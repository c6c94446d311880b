"""What is known of a run's past by a coordinator that was started again in the middle of it."""

import msgspec

from carga.coordinator.timeline import Timeline
from carga.model.totals import Totals
from carga.model.windows import UserState


class Past(msgspec.Struct):
    meta: dict[str, str]
    totals: Totals
    timeline: Timeline
    seqs: dict[str, list[int]] = {}
    """Stored windows by worker."""
    users: dict[int, tuple[UserState, str, str]] = {}
    """The last news of each user: state, worker, detail."""
    active: list[str] = []
    """Workers that had neither said goodbye nor been lost."""
    ended: dict[str, str] = {}
    """Other workers: `lost` or `gone`."""
    restarts: int = 0
    moved: int = 0
    evidence: list[tuple[str, int, int, str, str]] = []
