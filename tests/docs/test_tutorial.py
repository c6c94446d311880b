"""The tutorial, followed word for word against its application."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of

TODO = DOCS / "examples" / "todo"
TIMEOUT_S = 60


@pytest.fixture
def application() -> Iterator[str]:
    """URL of the tutorial's application."""
    with subprocess.Popen([sys.executable, TODO / "server.py", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def carga(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "carga", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def test_the_files_of_the_tutorial_are_those_of_the_example() -> None:
    written = {
        block.language: block.text for block in blocks_of(DOCS / "tutorial.md") if block.language in ("toml", "js")
    }
    assert written["toml"] == (TODO / "loadtest" / "plan.toml").read_text()
    assert written["js"] == (TODO / "loadtest" / "behaviour.js").read_text()


@pytest.mark.e2e
def test_the_tutorial_can_be_followed(application: str, tmp_path: Path) -> None:
    assert carga("init", "loadtest", folder=tmp_path).returncode == 0
    for name in ("plan.toml", "behaviour.js"):
        shutil.copy(TODO / "loadtest" / name, tmp_path / "loadtest" / name)
    plan = tmp_path / "loadtest" / "plan.toml"
    text = plan.read_text().replace("http://127.0.0.1:8000/", application)
    plan.write_text(text.replace('"10s"', '"1s"').replace('"50s"', '"5s"').replace("users = 20", "users = 4"))

    checked = carga("check", "loadtest/plan.toml", folder=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    tried = carga("try", "loadtest/plan.toml", folder=tmp_path)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "add a thing" in tried.stdout
    ran = carga("run", "loadtest/plan.toml", "--json", folder=tmp_path)
    assert ran.returncode in (0, 3, 5), ran.stderr
    summary = json.loads(ran.stdout)
    assert summary["metrics"]["step.sign in"]["count"] == 4
    assert summary["metrics"]["step.add a thing"]["count"] > 4
    assert summary["metrics"]["step.add a thing"]["failed"] == 0
    assert summary["causes"] == {}
