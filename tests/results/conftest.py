"""Run folders that several tests read."""

from pathlib import Path

import pytest

from tests.results.makers import make_run


@pytest.fixture
def ill_run(tmp_path: Path) -> Path:
    """Sixty seconds with 200 users on two workers; the target falls ill at 33 s, one worker dies at 40 s."""
    return make_run(ill_from_s=33, lose_worker_at_s=40).write(tmp_path / "ill")


@pytest.fixture
def good_run(tmp_path: Path) -> Path:
    return make_run(slowness=0.7, seed=3).write(tmp_path / "good")
