import pytest

from carga.coordinator import state


@pytest.fixture(autouse=True)
def _workers_are_there_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves a second in each test that runs in real time."""
    if "playback" not in request.node.path.name:
        monkeypatch.setattr(state, "WORKERS_SETTLE_S", 0.0)
