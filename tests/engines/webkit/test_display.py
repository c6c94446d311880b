"""Sockets of displays whose worker was killed go, and nobody else's."""

import os
import socket
from pathlib import Path

import pytest

from carga.engines.webkit import display
from carga.engines.webkit.display import sweep_displays


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(display, "FOLDER", tmp_path)


def left_by_a_dead_one(path: Path, *, age_s: float = 3600.0) -> Path:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime - age_s))
    return path


def test_a_socket_on_which_nobody_listens_goes(tmp_path: Path) -> None:
    dead, other = left_by_a_dead_one(tmp_path / "X1"), left_by_a_dead_one(tmp_path / "X2")
    young = left_by_a_dead_one(tmp_path / "X3", age_s=0)
    assert sweep_displays({os.geteuid() + 1}) == 0
    assert dead.exists()
    assert sweep_displays({os.geteuid()}) == 2
    assert not dead.exists()
    assert not other.exists()
    assert young.exists(), "its display may listen in a moment"


def test_a_display_that_lives_stays(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "X1"))
        one.listen()
        os.utime(tmp_path / "X1", (0, 0))
        assert sweep_displays({os.geteuid()}) == 0
    assert (tmp_path / "X1").exists()


def test_without_the_folder_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(display, "FOLDER", tmp_path / "none")
    assert sweep_displays({os.geteuid()}) == 0
