"""The plan and the behaviour of the README, against the demo that it names."""

import subprocess
import sys
from pathlib import Path

import pytest

from carga.cli.demo_server import DemoServer
from tests.docs.pages import ROOT, blocks_of

DEMO_AS_WRITTEN = "http://127.0.0.1:8910/"
TIMEOUT_S = 60
PLAN_LINES_MAX = 26


def written(language: str) -> str:
    return next(block.text for block in blocks_of(ROOT / "README.md") if block.language == language)


def test_the_plan_is_short() -> None:
    assert len(written("toml").splitlines()) <= PLAN_LINES_MAX


@pytest.mark.e2e
def test_a_user_of_the_plan_goes_through_the_demo(tmp_path: Path) -> None:
    with DemoServer(port=0, ills=()) as server:
        (tmp_path / "plan.toml").write_text(written("toml").replace(DEMO_AS_WRITTEN, server.url))
        (tmp_path / "viewer.js").write_text(written("js"))
        tried = subprocess.run(
            [sys.executable, "-m", "carga", "try", "plan.toml"],
            cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "ok zap" in tried.stdout
