"""Whether Lightpanda is there, and what is said when it is not."""

import importlib.util
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from carga.engines.catalogue import installed, load_engine
from carga.engines.light.find import ENVIRONMENT, find_light
from carga.errors import BrowserMissing


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    find_light.cache_clear()
    yield
    find_light.cache_clear()


def program(folder: Path, says: str) -> Path:
    path = folder / "lightpanda"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_package_brings_the_program_and_its_version() -> None:
    found = find_light()
    assert found.path.name == "lightpanda"
    assert installed()["light"] == found.version


def test_without_it_the_remedy_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BrowserMissing, match="Lightpanda is not installed") as error:
        load_engine("light")
    assert "pip install 'carga[light]'" in error.value.remedy


@pytest.mark.parametrize(("says", "problem"), [("0.9.3", "older than 1.0"), ("hello", "does not tell its version")])
def test_a_wrong_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, problem: str) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(program(tmp_path, says)))
    with pytest.raises(BrowserMissing, match=problem):
        find_light()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else run browsers")
def test_root_is_told_when_nobody_else_may_run_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setenv(ENVIRONMENT, str(program(closed, "1.0.2")))
    closed.chmod(stat.S_IRWXU)
    with pytest.raises(BrowserMissing, match="cannot be run by an unprivileged user"):
        find_light()
