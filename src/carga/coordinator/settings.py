"""What a run is for its coordinator, from the first second to the last."""

from collections.abc import Callable

import msgspec

from carga.model.plan import Plan


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    plan: Plan
    behaviours: dict[str, str]
    rows: dict[str, list[dict[str, str]]]
    token: str
    """Workers must show it."""
    lease_s: float = 10.0
    started_at: Callable[[], str]
    """Wall clock for people: ISO 8601, UTC."""
    boot_id: str = ""
    out: str = ""
